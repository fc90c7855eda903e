"""Pictures kept for labelling: with consent only, by reason, corrected by what people said, erased and swept; the labels."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from sqlite_utils import Database

from gateway.adapters.store import label_schema
from gateway.adapters.store.check import findings
from gateway.adapters.store.erase import SqlitePersonalData
from gateway.adapters.store.labels import SqliteLabels
from gateway.config import Labelling
from gateway.domain.labels import (
    NO_PLATE,
    OPEN,
    PLATE,
    SECOND,
    SETTLED,
    SKIPPED,
    UNREADABLE,
    Keeping,
    Label,
    LabelRefused,
    checked_label,
    complaint,
    in_order,
    outcome_of,
    split_of,
    types_of,
)
from gateway.services.label_keeper import record_consent
from tests.unit.label_site import CONSENT, LabelSite

DAY_MS = 86_400_000


@pytest.fixture
def site(tmp_path):
    built = LabelSite(tmp_path)
    yield built
    built.close()


def label(by, text="云A12345", answer=PLATE, kind="yellow_single", at_ms=0, **more):
    return Label(f"{at_ms:04d}{by}", "s", by, at_ms, answer, text, kind, **more)


# ---------------------------------------------------------------- what is kept


async def test_nothing_is_kept_without_consent(tmp_path):
    site = LabelSite(tmp_path, Keeping())
    await site.passes(1, "云D63185", read="")
    await site.keeper.look()
    await site.correct(1, "云D63185")
    await site.keeper.look()
    assert site.store.kept_since(0) == 0 and not list(site.store.folder.rglob("*.jpg"))
    site.close()


async def test_unread_doubtful_and_corrected_passes_are_kept_with_cut_out_frame_and_what_was_read(site):
    await site.passes(9, "云D00001")  # sure: not kept
    await site.fill()
    kept = {s.pass_id: s for s in site.store.queue("x", since_ms=0, limit=99)}
    assert {p: s.reason for p, s in kept.items()} == {
        "00000001-1": "doubtful", "00000002-1": "doubtful", "00000003-1": "unread", "00000004-1": "unread", "00000005-1": "corrected",
    }  # fmt: skip
    unread, corrected = kept["00000003-1"], kept["00000005-1"]
    assert unread.voted == "" and unread.candidates == ("贵BD12345",) and unread.proposed == "贵BD12345"
    assert unread.alternatives[1] == (("B", 0.71), ("8", 0.26)) and unread.model == "a1b2c3d4"
    assert (corrected.voted, corrected.proposed, corrected.told.by) == ("渝G91857", "渝G91357", "张门卫")
    assert corrected.photo_id == "00000005-1-head"
    for sample in kept.values():
        assert (site.store.folder / sample.frame).stat().st_size > 5000
        assert bool(sample.cut) == bool(sample.text)
    assert findings(site.file) == []  # nothing of it is evidence


async def test_correction_of_a_pass_that_was_kept_already_joins_it(site):
    await site.keeper.look()
    await site.passes(1, "云D63185", doubt={3: ("8", 0.6)}, read="云D68185")
    await site.correct(1, "云D63185")
    await site.keeper.look()
    (sample,) = site.store.queue("x", since_ms=0, limit=9)
    assert (sample.reason, sample.proposed, sample.text) == ("corrected", "云D63185", "云D68185")


async def test_sure_passes_are_kept_by_lot_and_a_day_has_its_bound(tmp_path):
    site = LabelSite(tmp_path, replace(CONSENT, sure_one_in=2, most_per_day=2))
    for number in range(1, 7):
        await site.passes(number, f"云D0000{number}")
    assert [s.pass_id[7] for s in site.store.queue("x", since_ms=0, limit=9)] == ["3", "1"]
    site.now_ms += DAY_MS
    await site.passes(8, "云D00008", read="")
    assert site.store.kept_since(0) == 3
    site.close()


async def test_corrections_made_while_the_site_did_not_consent_are_never_looked_at(site):
    await site.keeper.look()
    off = site.keeper_with(Keeping())
    await site.passes(1, "云D63185", keeper=off)
    await site.correct(1, "云D63186")
    await off.sweep(site.now_ms, site.now_ms)
    await site.keeper.look()
    assert site.store.kept_since(0) == 0


async def test_consent_and_its_end_are_entered_into_the_ledger_once_each(site):
    given = dict(ledger=site.ledger, queries=site.queries, clock=site)
    assert not await record_consent(Keeping(), **given)
    assert await record_consent(CONSENT, **given)
    assert not await record_consent(CONSENT, **given)
    assert await record_consent(Keeping(), **given)
    bodies = [e["body"] for e in site.queries.entries_of_kind("label_consent")]
    assert [(b["is_on"], b["by"], b["on"]) for b in bodies] == [(True, "王厂长", "2026-11-01"), (False, "", "")]
    assert findings(site.file) == []


def test_settings_keep_nothing_unless_somebody_consented_by_name_and_day():
    assert Labelling.model_validate({}).keep is False
    with pytest.raises(ValueError, match="consent_by and consent_on"):
        Labelling.model_validate({"keep": True, "consent_by": "王厂长"})
    assert Labelling.model_validate({"keep": True, "consent_by": "王厂长", "consent_on": "2026-11-01"}).keep


# ---------------------------------------------------------------- away again


async def test_erasing_a_driver_or_a_plate_removes_rows_and_pictures_and_leaves_an_entry(site):
    await site.fill()
    pictures = len(list(site.store.folder.rglob("*.jpg")))
    site.file.write(lambda c: c.execute(
        "insert into personal values ('" + "a" * 64 + "', '00000003-1', 'driver_name', '" + "0" * 32 + "', '王师傅')"))  # fmt: skip
    erased = SqlitePersonalData(site.file)
    assert (
        await erased.erase(["云D63185", "王师傅"], by="李", why="本人申请", now_ms=site.now_ms) == 4
    )  # two places in the ledger, two samples
    assert site.store.of_pass("00000001-1") is None and site.store.of_pass("00000003-1") is None
    assert len(list(site.store.folder.rglob("*.jpg"))) == pictures - 4
    assert site.queries.entries_of_kind("erased")[-1]["body"]["samples"] == 2
    for path in site.store.folder.glob("labels.sqlite3*"):
        assert "云D63185".encode() not in path.read_bytes()


async def test_what_is_over_or_whose_pass_is_gone_is_swept_and_stray_pictures_too(site):
    await site.fill()
    with closing(sqlite3.connect(site.store.folder / "labels.sqlite3")) as conn:
        conn.execute("update sample set pass_id = 'gone' where pass_id = '00000002-1'")
        conn.commit()
    stray = site.store.folder / "2026/11/19/stray-cut.jpg"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    import os

    os.utime(stray, (1, 1))
    assert await site.keeper.sweep(site.now_ms, site.now_ms) == {"labels": 1}
    assert not stray.exists() and site.store.kept_since(0) == 4
    assert await site.keeper.sweep(site.now_ms + 370 * DAY_MS, site.now_ms) == {"labels": 0}  # the clock jumped
    assert await site.keeper.sweep(site.now_ms + 370 * DAY_MS, site.now_ms + 370 * DAY_MS) == {"labels": 4}
    assert not list(site.store.folder.rglob("*.jpg"))


async def test_samples_and_labels_are_there_after_the_store_is_opened_again(site):
    await site.fill()
    (first, *_) = site.store.queue("李", since_ms=0, limit=9)
    site.desk.put(first.sample_id, by="李", answer=PLATE, text=first.proposed, plate_type="yellow_single")
    with closing(SqliteLabels(site.folder)) as again:
        assert again.one(first.sample_id) == replace(first, state=SETTLED)
        assert [x.text for x in again.labels_of(first.sample_id)] == [first.proposed]


def test_every_label_migration_stands_in_a_file_of_its_name_and_applies_once(tmp_path):
    assert [m.__module__.rpartition(".")[2] for m in label_schema.MIGRATIONS] == [
        m.__name__ for m in label_schema.MIGRATIONS
    ]
    db = Database(tmp_path / "x.sqlite3")
    label_schema.migrations.apply(db)
    label_schema.migrations.apply(db)
    assert {"sample", "label", "looked"} <= set(db.table_names())


# ---------------------------------------------------------------- what people say


def test_one_label_settles_unless_a_second_opinion_was_asked_for_and_then_two_people_must_agree():
    assert outcome_of([]).state == OPEN and outcome_of([label("a", answer=SKIPPED)]).state == OPEN
    assert outcome_of([label("a")]).state == SETTLED
    asked = label("a", wants_second=True)
    assert outcome_of([asked]).state == SECOND
    assert outcome_of([asked, label("a", at_ms=1, wants_second=True)]).state == SECOND  # the same person twice
    assert outcome_of([asked, label("b", at_ms=1, text="云A12346", wants_second=True)]).state == SECOND
    agreed = outcome_of([asked, label("b", at_ms=1, text="云A12346"), label("c", at_ms=2, text="云A12346")])
    assert (agreed.state, agreed.label.text, agreed.opinions) == (SETTLED, "云A12346", 2)
    assert (
        outcome_of([asked, label("b", at_ms=1, kind="yellow_double")]).state == SECOND
    )  # another type is another label


@pytest.mark.parametrize(("text", "kind", "said"), [
    ("云A1234", "unknown", "还差 1 位"), ("云AI2345", "unknown", "没有字母 I"), ("云A1O345", "unknown", "没有字母 O"),
    ("ABC1234", "blue", "不是省份"), ("云A12345", "green_small", "不会是这种颜色"), ("云A1234挂5", "unknown", "第 8 位"),
    ("云A12挂45", "unknown", "第 5 位"),
])  # fmt: skip
def test_what_is_wrong_with_a_text_is_said_by_place(text, kind, said):
    assert said in complaint(text, kind)[0]


@pytest.mark.parametrize(("text", "types"), [
    ("云AD12345", ("green_small",)), ("云A12345D", ("green_large",)), ("云A1234挂", ("yellow_single", "yellow_double")),
    ("云A1234学", ("yellow_single", "yellow_double")), ("粤ZV123港", ("black",)), ("云X1234应急", ("white",)),
])  # fmt: skip
def test_every_kind_of_plate_is_accepted_on_its_own_colours_only(text, types):
    assert set(types_of(text)) == set(types)
    assert all(complaint(text, kind) is None for kind in types)


def test_a_label_is_brought_into_normal_form_or_refused_with_a_sentence():
    assert checked_label(label(" 李  文员 ", text="云a·123 45")).text == "云A12345"
    assert checked_label(label("a", answer=NO_PLATE)).text == ""
    for wrong, said in ((label(" "), "name"), (label("a", text="云A1"), "more to come"), (label("a", answer="maybe"), "allowed"),
                        (label("a", corners=((0, 0), (1, 0), (9, 9), (0, 9))), "corners"), (label("a", kind="pink"), "allowed")):  # fmt: skip
        with pytest.raises(LabelRefused, match=said):
            checked_label(wrong)
    assert in_order(((90, 41), (10, 10), (8, 40), (92, 12))) == ((10, 10), (92, 12), (90, 41), (8, 40))


def test_the_same_plate_is_always_on_the_same_side_and_about_one_in_seven_is_for_validation():
    plates = [f"云A{n:05d}" for n in range(3000)]
    sides = [split_of(p) for p in plates]
    assert sides == [split_of(p.replace("云A", "云a·")) for p in plates]
    assert 0.12 < sides.count("val") / len(sides) < 0.18


async def test_the_queue_has_what_a_person_can_still_say_and_skipped_ones_come_last(site):
    await site.fill()
    first = site.desk.bench("李").sample
    assert first.reason == "corrected"
    site.desk.put(first.sample_id, by="李", answer=SKIPPED)
    second = site.desk.bench("李").sample
    assert second.reason == "unread" and site.desk.bench("王").sample == first
    site.desk.put(second.sample_id, by="李", answer=UNREADABLE, wants_second=True)
    assert second.sample_id not in [s.sample_id for s in site.store.queue("李", since_ms=0, limit=9)]
    assert site.desk.bench("王").sample.sample_id == second.sample_id  # second opinions first
    assert site.desk.bench("李").progress.today == 1 and site.desk.bench("李").progress.waiting == 4
    site.desk.put(second.sample_id, by="王", answer=UNREADABLE)
    assert site.store.one(second.sample_id).state == SETTLED
    with pytest.raises(LabelRefused, match="somebody else"):
        site.desk.put(second.sample_id, by="赵", answer=NO_PLATE)
    assert site.desk.undo("王") == second.sample_id and site.store.one(second.sample_id).state == SECOND
    assert site.desk.bench("王", lane="g1-b02").sample.lane == "g1-b02"
    with pytest.raises(LabelRefused, match="allowed"):
        site.desk.bench("王", reason="boring")
