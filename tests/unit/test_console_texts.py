"""The console's catalogues: both languages whole, every code of the lane contract named, no words in templates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware.lane import contract
from gateway.adapters.web.detail import facts
from gateway.adapters.web.texts import LANGUAGES, MissingText, Texts, catalogue
from gateway.domain import (
    exceptions,
    expected,
    findings,
    goods,
    labels,
    misuse,
    over_limit,
    papers,
    plate_forms,
    policy_rules,
    records,
    register_rows,
    verification,
)
from gateway.domain.dictionary import code_table, registers
from gateway.domain.register_sources import document_kinds
from gateway.domain.tasks import TASK_KINDS
from gateway.services import networking, paper_form, quality, use_records

WEB = Path("gateway/adapters/web")
TEMPLATES = sorted((WEB / "templates").rglob("*.j2"))

# Tables that a template or a view addresses by code.
TABLES = {
    "barrier": contract.BARRIER_STATES,
    "mode": contract.MODES,
    "end": contract.ENDS,
    "decided_by": contract.DECIDERS,
    "verdict": contract.VERDICTS,
    "fault": contract.FAULTS,
    "sensor": tuple(role.removeprefix("loop_") for role in contract.ROLES),
    "event": contract.KINDS,
    "evidence": contract.EVIDENCE,
    "cause": contract.CAUSES,
    "motion": contract.DIRECTIONS,
    "entry": records.KINDS,
    "plate_colour": tuple("0123456"),
    "stage": tuple("0123456DX"),
    "fuel": tuple("ABCDEFLMNOXYZ"),
    "response_level": tuple("0123"),
    "control_result": tuple("01234"),
    "audit_state": (*verification.STATES, *(o for o in verification.OVERALL if o)),
    "document_kind": (*document_kinds(), "agreement_to", "licence_to", "dangerous_goods_to"),
    "effect": tuple(e for e in findings.EFFECTS if e != findings.IGNORE),
    "exception_kind": exceptions.REASON_KINDS,
    "expected": ("exception", "inside", "registry"),
    "eye": ("framing", "plausibility", "sides", "machine-code"),
    "fact": tuple(f.name for f in registers()["vehicle"].fields if f.item and f.type != "photo"),
    "goods_source": goods.SOURCES,
    "label_answer": labels.ANSWERS,
    "label_reason": labels.REASONS,
    "lack": tuple(quality.NEEDED),
    "ledger_direction": ("in", "out"),
    "ledger_source": ("auto", "manual", "paper"),
    "lookup_state": ("waiting", "answered", "unknown", "person"),
    "lookup_way": papers.WAYS,
    "misuse": tuple(misuse.PATTERNS),
    "network_state": networking.STATES,
    "network_status": tuple(code_table("network_status").values),
    "over_limit_result": tuple(over_limit.RESULTS),
    "over_limit_state": over_limit.STATES,
    "pair_basis": ("exact", "near", "inferred"),
    "paper_state": (paper_form.ISSUED, paper_form.USED, paper_form.VOID),
    "plate_family": tuple(form.family for form in plate_forms.FORMS),
    "plate_type": plate_forms.PLATE_TYPES,
    "policy_effect": policy_rules.EFFECTS,
    "register_what": register_rows.WHATS,
    "severity": ("info", "warning", "alarm"),
    "task_kind": TASK_KINDS,
    "unread": ("no_plate", "unreadable", *expected.DOUBTS),
    "upload": ("waiting", "pending", "accepted", "parked"),
    "use": use_records.USES,
    "use_nature": tuple(code_table("use_nature").values),
    "violation": ("V01", "V02", "V03", "V04", "V05", "V06", "V07", "V08", "V09", "V99"),
}


def test_both_languages_have_the_same_keys_and_no_empty_text() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    assert set(zh) == set(en)
    assert [key for texts in (zh, en) for key, text in texts.items() if not text.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("table", TABLES)
def test_every_code_has_a_label(language: str, table: str) -> None:
    texts = Texts(language)
    assert [code for code in TABLES[table] if f"{table}.{code}" not in catalogue(language)] == []
    assert all(texts.label(table, code) for code in TABLES[table])


def test_every_key_that_a_template_or_module_names_exists() -> None:
    named = set()
    for path in [*TEMPLATES, *WEB.glob("*.py")]:
        named |= set(re.findall(r"""\bt\(["']([a-z_]+\.[A-Za-z0-9_]+)["']\)""", path.read_text("utf-8")))
    assert len(named) > 60
    assert sorted(named - set(catalogue("zh"))) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_words_of_their_own(path: Path) -> None:
    source = re.sub(r"\{% block stream %\}.*?\{% endblock %\}", "", path.read_text("utf-8"))  # attributes of body
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", source, flags=re.S)
    attributes = re.findall(r"""(?:title|alt|placeholder|aria-label)="([^"]*)\"""", text)
    visible = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.S)
    visible = re.sub(r"<kbd\b.*?</kbd>", " ", visible, flags=re.S)  # key caps carry the key's own name
    visible = re.sub(r"<[^>]*>", " ", visible)
    words = re.findall(r"[A-Za-z]{2,}|[\u4e00-\u9fff]+", " ".join([visible, *attributes]))
    assert words == []


def test_unknown_key_is_an_error_and_unknown_code_is_shown_as_it_is() -> None:
    texts = Texts("zh")
    with pytest.raises(MissingText):
        texts("page.nothing")
    assert texts.label("fault", "melted") == "melted"


def test_vehicle_type_is_named_by_its_longest_known_prefix() -> None:
    texts = Texts("zh")
    assert texts.vehicle_type("H17") == "重型自卸货车"
    assert texts.vehicle_type("H18") == "重型货车"
    assert texts.vehicle_type("Q21") == "牵引车"
    assert texts.vehicle_type("?") == "?"


def test_language_that_is_not_carried_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'fr'.*zh, en"):
        catalogue("fr")


def test_ledger_entry_is_told_in_words_and_loses_nothing() -> None:
    body = {
        "verdict": {"rule_id": "stage/5", "inputs": {"emission_stage": "5", "is_emergency": False}},
        "confidence": 0.98765,
        "evidence": ["arrival_on", "beam_clear"],
        "closed_at_ms": 1795509150832,
        "something_new": "kept",
        "empty": "",
    }
    told = {line["name"]: line["value"] for line in facts(body, Texts("zh"))}
    assert told == {
        "规则": "stage/5",
        "排放标准": "国五",
        "应急车": "否",
        "置信度": "0.988",
        "证据": "到达线圈有车 · 光幕持续通畅",
        "结案时间": "2026-11-24 16:32:30",
        "something_new": "kept",
    }
