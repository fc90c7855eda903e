"""Every clause of the standard about the ledgers holds on every commit, and each goes red when what it asks is taken away."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gateway.adapters.store.sweep import load_terms
from gateway.compliance_actions import compliance
from gateway.domain.dictionary import ledgers, registers
from gateway.domain.retention import Terms
from gateway.services.compliance import BROKEN, KEPT, UNKNOWN, Judged, clauses, judge

TODAY = date(2026, 11, 24)
FINE = {"rows": 100, "transmission_percent": 95.0, "completeness_percent": 99.0, "recognition_percent": 99.9}


def judged(layouts=None, fields=None, terms=None, rates=None) -> dict[str, Judged]:
    found = judge(layouts or ledgers(), fields or registers(), terms or load_terms(), rates, today=TODAY)
    return {j.name: j for j in found}


def broken(found: dict[str, Judged]) -> list[str]:
    return [name for name, j in found.items() if j.state == BROKEN]


@pytest.mark.requirement("S3-21")
@pytest.mark.parametrize("clause", [name for name, c in clauses().items() if c["kind"] != "percent"])
def test_a_clause_holds_in_this_commit(clause):
    found = judged()[clause]
    assert found.state == KEPT, f"{found.zh}: {found.found_zh}"


@pytest.mark.requirement("S3-21")
def test_a_column_taken_from_a_ledger_breaks_its_clause_and_no_other():
    for clause, c in clauses().items():
        if c["kind"] == "columns":
            whole, lost = ledgers()[c["ledger"]], c["columns"][-1]
            less = replace(whole, columns=tuple(f for f in whole.columns if f.name != lost))
            found = judged(ledgers() | {c["ledger"]: less})
            assert broken(found) == [clause] and lost in found[clause].found_zh and lost in found[clause].found_en


@pytest.mark.requirement("S3-21")
def test_a_shorter_term_breaks_its_clause_and_no_other():
    for clause, c in clauses().items():
        if c["kind"] == "months":
            terms = load_terms()
            short = Terms({**terms.months, c["class"]: c["months"] - 1}, terms.alarm_days)
            assert broken(judged(terms=short)) == [clause]


@pytest.mark.requirement("S3-21")
def test_a_rule_taken_from_a_field_breaks_its_clause_and_no_other():
    for clause, c in clauses().items():
        if c["kind"] == "values":
            whole = registers()[c["register"]]
            loose = tuple(replace(f, rule="", type="text", table="", max=100) if f.name == c["field"] else f for f in whole.fields)  # fmt: skip
            assert broken(judged(fields=registers() | {c["register"]: replace(whole, fields=loose)})) == [clause]


@pytest.mark.requirement("S3-21")
def test_a_rate_under_95_per_cent_breaks_its_clause_and_a_ledger_without_rows_says_so():
    assert broken(judged(rates=FINE)) == []
    for clause, c in clauses().items():
        if c["kind"] == "percent":
            assert broken(judged(rates=FINE | {c["rate"]: 94.99})) == [clause]
    empty = judged(
        rates={"rows": 0, "transmission_percent": None, "completeness_percent": None, "recognition_percent": None}
    )
    assert [name for name, j in empty.items() if j.state == UNKNOWN] == [n for n, c in clauses().items() if c["kind"] == "percent"]  # fmt: skip


def test_the_command_prints_each_clause_with_its_source(capsys):
    assert compliance(None, as_json=False) == 0
    told = capsys.readouterr().out
    assert all(c["zh"] in told and c["source"] in told for c in clauses().values() if c["kind"] != "percent")
    assert all(c["source"].strip() and c["zh"].strip() and c["en"].strip() for c in clauses().values())
