"""Goods and load from whatever source says something; unknown stays unknown and is listed; weights are reconciled."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.store.check import findings
from gateway.adapters.store.rebuild import rebuild
from gateway.domain.goods import GoodsRefused, goods_from
from gateway.domain.passing import Identity
from gateway.domain.policy import ALLOW, HOLD
from gateway.services.ports import Change
from tests.unit.office_site import OfficeSite
from tests.unit.policy_bench import at
from tests.unit.test_visits import a_pass

BASE = {
    "source": "scale",
    "plate_no": "云A12345",
    "plate_colour": "1",
    "direction": "out",
    "by": "地磅",
    "at_ms": at("2026-11-20 06:40:00"),
}


@pytest.fixture
def site(tmp_path):
    opened = OfficeSite(tmp_path)
    yield opened
    opened.file.close()


def leaving(number=1, when="2026-11-20 07:00:00", plate="云A12345"):
    return a_pass(number, plate, "out", at(when))


@pytest.mark.requirement("S0-79")
@pytest.mark.parametrize(("values", "named"), [
    ({"gross_t": 46.66, "tare_t": 15.2, "net_t": 31.5}, "net_t 31.5"),
    ({"gross_t": 10, "tare_t": 15.2}, "gross_t 10"),
    ({"goods_name": "焦煤" * 11}, "goods_name"),
    ({"quantity_t": 201}, "quantity_t 201"),
    ({"quantity_t": -1}, "quantity_t -1"),
    ({"quantity_t": "很多"}, "quantity_t '很多'"),
    ({"net_t": 30, "quantity_t": 31}, "quantity_t 31"),
    ({}, "goods_name, quantity_t"),
    ({"goods_name": "煤", "source": "guess"}, "source 'guess'"),
    ({"goods_name": "煤", "plate_no": ""}, "plate_no"),
    ({"goods_name": "煤", "colour": "1"}, "colour"),
])  # fmt: skip
def test_wrong_weights_and_names_are_refused_by_field(values, named):
    with pytest.raises(GoodsRefused, match="^" + named):
        goods_from(BASE | values)


@given(st.integers(0, 120_000), st.integers(0, 80_000), st.integers(-40, 40))
def test_net_is_gross_less_tare_within_twenty_kilograms(tare_kg, load_kg, off_kg):
    values = BASE | {
        "tare_t": tare_kg / 1000,
        "gross_t": (tare_kg + load_kg) / 1000,
        "net_t": max(0, load_kg + off_kg) / 1000,
    }
    if abs(max(0, load_kg + off_kg) - load_kg) <= 20:
        assert goods_from(values).quantity_t == max(0, load_kg + off_kg) / 1000
    else:
        with pytest.raises(GoodsRefused, match="net_t"):
            goods_from(values)


@pytest.mark.requirement("S0-79")
async def test_best_source_is_taken_and_says_how_sure_it_is(site):
    p = await site.end(leaving())
    assert not site.goods.goods_for(p).is_known and site.goods.missing([p]) == [p], (
        "nothing said: unknown, listed, no default"
    )
    await site.goods.record(BASE | {"source": "reservation", "goods_name": "焦炭", "quantity_t": 30})
    assert (site.goods.goods_for(p).source, site.goods.goods_for(p).confidence) == ("reservation", 0.7)
    await site.goods.record(BASE | {"goods_name": "焦炭", "gross_t": 46.66, "tare_t": 15.2})
    found = site.goods.goods_for(p)
    assert (found.source, found.confidence, found.goods.quantity_t) == ("scale", 0.95, 31.46)
    await site.goods.record(BASE | {"source": "typed", "goods_name": "煤泥", "quantity_t": 29, "pass_id": p.pass_id})
    assert (site.goods.goods_for(p).source, site.goods.goods_for(p).confidence) == ("typed", 1.0)
    assert site.goods.missing([p]) == []


@pytest.mark.requirement("S0-79")
@pytest.mark.parametrize(
    "change",
    [{"direction": "in"}, {"at_ms": at("2026-11-19 06:40:00")}, {"plate_no": "云A12346"}, {"plate_colour": "0"}],
)
async def test_record_of_another_vehicle_way_or_day_is_not_joined(site, change):
    p = await site.end(leaving())
    await site.goods.record(BASE | {"goods_name": "焦炭", "net_t": 30} | change)
    assert not site.goods.goods_for(p).is_known


@pytest.mark.requirement("S0-35")
async def test_weight_that_differs_more_than_two_percent_from_the_document_is_flagged(site):
    for net, document in ((31.46, 31.0), (31.46, 30.0)):
        await site.goods.record(
            BASE | {"goods_name": "焦炭", "net_t": net, "document_t": document, "bill_photo": "01DOC"}
        )
    ((_, flagged),) = site.goods.differences(0, site.now_ms)
    assert (
        flagged.document_t == 30.0
        and flagged.difference_percent == pytest.approx(4.867, abs=0.001)
        and flagged.bill_photo
    )


@pytest.mark.requirement("S0-24")
async def test_scale_and_ledger_agree_in_tonnes_and_each_difference_is_explained_or_open(site):
    day = (at("2026-11-20 00:00:00"), at("2026-11-21 00:00:00"))
    p = await site.end(leaving())
    await site.goods.record(BASE | {"goods_name": "焦炭", "net_t": 31.46, "weigh_ticket_no": "B1"})
    lost = await site.goods.record(
        BASE | {"plate_no": "云A99999", "goods_name": "焦炭", "net_t": 20, "weigh_ticket_no": "B2"}
    )
    balance = site.goods.reconcile(*day, site.visits.passes_between(*day))
    assert (balance.weighed_t["out"], balance.ledger_t["out"]) == (51.46, 31.46)
    assert [(f["kind"], f["ticket"], f["tonnes"]) for f in balance.open] == [("no_passage", "B2", 20)]
    await site.goods.explain(lost, by="王统计", why="厂内倒运，未出厂")
    balance = site.goods.reconcile(*day, site.visits.passes_between(*day))
    assert balance.open == [] and [f["explained"] for f in balance.explained] == ["厂内倒运，未出厂"]
    again, third = [await site.end(leaving(n, f"2026-11-20 07:2{n}:00")) for n in (2, 3)]
    assert site.goods.missing([p, again, third]) == [again, third], "the ticket is the exit's that came after weighing"
    late = BASE | {"goods_name": "焦炭", "net_t": 30, "weigh_ticket_no": "B3", "at_ms": at("2026-11-20 07:30:00")}
    await site.goods.record(late)  # weighed after both: whose it is stays open
    balance = site.goods.reconcile(*day, [p, again, third])
    assert [(f["kind"], len(f["passes"])) for f in balance.open] == [("ticket_twice", 2)]
    with pytest.raises(GoodsRefused):
        await site.goods.explain(lost, by="", why="x")
    assert findings(site.file) == []


@pytest.mark.requirement("S3-40")
@pytest.mark.parametrize(("needs", "said", "verdict"), [
    ("nothing", {}, ALLOW), ("goods", {}, HOLD), ("weighed", {}, HOLD), ("goods", {"goods_name": "空车", "quantity_t": 0}, ALLOW),
    ("weighed", {"goods_name": "焦炭", "quantity_t": 30}, HOLD), ("weighed", {"goods_name": "焦炭", "gross_t": 46, "tare_t": 15}, ALLOW),
])  # fmt: skip
async def test_exit_without_a_complete_record_waits_for_a_person(site, needs, said, verdict):
    site.goods.exit_needs = needs
    if said:
        await site.goods.record(BASE | said)
    identity = Identity(plate_no="云A12345", plate_colour="1")
    allowed = replace(leaving().verdict, verdict=ALLOW)
    found = site.goods.judged(allowed, identity, "out", at("2026-11-20 07:00:00"))
    assert found.verdict == verdict and (not found.reason_code or found.reason_code == "V03")
    assert site.goods.judged(allowed, identity, "in", at("2026-11-20 07:00:00")) == allowed
    refused = replace(allowed, verdict="DENY")
    assert site.goods.judged(refused, identity, "out", at("2026-11-20 07:00:00")) == refused


async def test_changed_side_record_is_found_and_made_anew(site):
    side = await site.goods.record(BASE | {"goods_name": "焦炭", "net_t": 30})
    for damage in (
        "update side_record set doc = replace(doc, '焦炭', '焦煤')",
        "update side_record set at_ms = 5",
        "delete from side_record",
    ):
        site.file.write(lambda c, damage=damage: c.execute(damage))
        assert any(side in text for text in findings(site.file))
        assert (await rebuild(site.file, site.now_ms))["sides"] == 1 and findings(site.file) == []


@pytest.mark.requirement("S0-79")
async def test_record_bound_to_a_crossing_is_taken_by_no_other(site):
    await site.goods.record(BASE | {"goods_name": "焦炭", "net_t": 30})
    first, second = await site.end(leaving()), await site.end(leaving(2, "2026-11-20 07:20:00"))
    rows = site.goods.bound(first)
    await site.ledger.commit(Change(sides=rows))
    assert (site.goods.goods_for(first).goods.quantity_t, site.goods.goods_for(first).confidence) == (30, 0.95)
    assert site.goods.bound(first) == [] and not site.goods.goods_for(second).is_known
    assert site.goods.bound(await site.end(replace(leaving(3), end="backed_out"))) == [] and findings(site.file) == []
