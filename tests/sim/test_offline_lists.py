"""Offline lists from the registers to the lane's own flash, and the judging again of what a lane decided alone."""

import dataclasses

import pytest

from firmware.lane import contract
from gateway.adapters.store.sides import SqliteSides
from gateway.domain.policy import ALLOW, DENY, HOLD
from gateway.domain.vehicles import vehicle_from
from gateway.services import offline_entries as offline
from gateway.services import offline_lists
from gateway.services.goods_desk import GoodsDesk
from gateway.services.ports import Change
from tests.firmware_path import Roster
from tests.sim.gatehouse import OVER_LIMIT, VEHICLES, Gatehouse


@pytest.fixture
async def house(tmp_path):
    gatehouse = Gatehouse(tmp_path / "gateway")
    yield gatehouse
    await gatehouse.close()


@pytest.fixture
def roster(tmp_path):
    """The firmware's own list on a folder that stands for the flash."""
    (tmp_path / "flash").mkdir()
    return Roster(str(tmp_path / "flash"))


def entries(house, kind):
    return [e.body for e in house.queries.entries() if e.kind == kind]


def take(roster, message):
    """One message worked in; the refusal's `allowed`, if it is refused."""
    try:
        roster.take(message)
        while roster.is_busy():
            roster.step()
    except ValueError as refused:  # the board's ContractError: its modules have names of their own
        return refused
    return None


def look_up(roster, plate):
    return roster.look_up(contract.identity_hash(True, contract.normal_form(plate)))


async def told(house, roster, *, drop=lambda n: False):
    """Let the gateway tell until the lane has its list; messages it took. drop: the n-th one is lost on the way."""
    n = taken = 0
    while roster.version != house.lists._lanes["g1-b01"].version:
        n += 1
        assert n < 3000, "never told"
        house.lists.tell()
        for message in house.lane.list_messages:
            taken += 1
            if not drop(taken) and (refused := take(roster, message)):
                house.lane.event("list.refused", version=message["version"], reason=refused.reason,
                                 where=refused.where, allowed=refused.allowed)  # fmt: skip
        house.lane.list_messages.clear()
        await house._deliver()
        house.clock.now_s += 0.05
    house.lane.list_version = roster.version
    house.lane.reconnect()
    await house._deliver()
    return taken


async def ready(house):
    await house._deliver()
    assert await house.lists.look()


@pytest.mark.requirement("X-02", "S0-73")
async def test_the_lane_gets_what_the_policy_says(house, roster):
    await ready(house)
    await told(house, roster)
    assert look_up(roster, "云DA1234") == "heavy"
    assert look_up(roster, "云D·a1234") == "heavy", "in normal form"
    assert look_up(roster, "云DB4444") == "refused", "stage 4, orange response"
    assert look_up(roster, OVER_LIMIT[0]["plate_no"]) == "refused"
    assert look_up(roster, "京B00000") is None
    assert entries(house, "offline_list")[-1]["version"] == 1


@pytest.mark.requirement("X-02", "S0-73")
async def test_a_change_goes_out_as_a_difference_and_at_once(house, roster):
    many = [VEHICLES[0] | {"plate_no": f"云D{n:05d}"} for n in range(400)]
    house.registers.import_document({"vehicles": many}, accepted_by="李")
    await ready(house)
    assert await told(house, roster) == 10, "402 and the over-limit one, 42 a message"
    assert not await house.lists.look(), "nothing changed"
    began_s = house.clock.now_s
    listed = OVER_LIMIT[0] | {"exceed_id": "E2", "plate_no": "云D00007"}
    house.registers.import_document({"over_limit": [listed]})
    assert await house.lists.look()
    assert await told(house, roster) == 1
    assert look_up(roster, "云D00007") == "refused" and look_up(roster, "云D00008") == "heavy"
    assert house.clock.now_s - began_s < 60


@pytest.mark.requirement("X-02")
async def test_lost_messages_are_told_again_from_the_missing_part(house, roster):
    house.registers.import_document(
        {"vehicles": [VEHICLES[0] | {"plate_no": f"云D{n:05d}"} for n in range(400)]}, accepted_by="李"
    )
    await ready(house)
    taken = await told(house, roster, drop=lambda n: n in (3, 7))
    assert 12 <= taken <= 16 and roster.count == 403


@pytest.mark.requirement("X-02")
async def test_a_lane_with_an_unknown_version_is_told_the_whole_list(house, roster):
    await ready(house)
    house.lane.list_version = 77  # another gateway's
    house.lane.reconnect()
    await house._deliver()
    house.lists.tell()
    assert house.lane.list_messages[0]["base"] is None
    await told(house, roster)
    assert look_up(roster, "云DA1234") == "heavy"


@pytest.mark.requirement("X-02")
async def test_nothing_is_told_while_the_arm_moves_or_the_lane_is_away(house):
    await ready(house)
    house.lane.barrier = "closing"
    house.lane.publish_state()
    await house._deliver()
    house.lists.tell()
    assert house.lane.list_messages == []
    house.lane.barrier = "closed"
    house.lane.publish_state()
    await house._deliver()
    house.lists.tell()
    assert len(house.lane.list_messages) == 1


@pytest.mark.requirement("X-02")
async def test_the_list_and_its_version_outlive_the_gateway(house, roster):
    await ready(house)
    await told(house, roster)
    await house.restart()
    await house._deliver()
    assert house.lists._lanes["g1-b01"].version == 1
    await house.lists.look()
    house.lists.tell()
    assert house.lane.list_messages == [], "the lane has it"
    house.registers.import_document({"vehicles": [VEHICLES[0] | {"plate_no": "云D00001"}]}, accepted_by="李")
    assert await house.lists.look()
    house.lists.tell()
    assert house.lane.list_messages[0]["base"] == 1


async def alone(house, decision, kind, plate=None):
    """The lane, without a gateway, meets a vehicle; all of it comes when the gateway is back."""
    data = {"decision": decision, "rule": "list", "class": kind, "age_min": 3, "list": 4}
    if plate:
        data |= {"plate": plate, "source": "camera", "confidence": 970}
    house.cameras.is_up = False
    house.lane.arrive()
    house.lane.event("offline.decision", **data)
    if decision == "raise":
        house.lane.event("barrier.opening", cause="offline")
        house.lane.event("barrier.open", travel_ms=3000)
        house.lane.drive_through()
    else:
        house.lane.end("denied_left", "lane")
    house.clock.now_s += 180
    before = len(house.passes())
    await house.settle(lambda: len(house.passes()) > before and not house.desk.open_passes())
    return house.passes()[0]


@pytest.mark.requirement("X-03")
async def test_a_pass_that_the_lane_allowed_is_flagged_and_judged_again(house):
    p = await alone(house, "raise", "heavy", "云DA1234")
    assert p.control_result == "4" and p.decided_by == "lane"
    assert p.identity.plate_no == "云DA1234" and p.identity.plate_colour == "1" and p.verdict.verdict == ALLOW
    assert any("list 4" in note and "class heavy" in note for note in p.notes), "the list's version is in the record"
    (again,) = entries(house, "rejudged")
    assert (again["verdict"], again["is_finding"], again["list_version"]) == (ALLOW, False, 4)
    assert not [c for c in house.conditions.list() if c.code.startswith("offline.")]
    house.assert_sound()


@pytest.mark.requirement("X-03")
async def test_a_pass_that_the_policy_would_have_refused_is_a_finding(house):
    p = await alone(house, "raise", "heavy", OVER_LIMIT[0]["plate_no"])
    assert p.control_result == "4" and p.verdict.verdict == DENY
    (again,) = entries(house, "rejudged")
    assert (again["verdict"], again["rule_id"], again["is_finding"]) == (DENY, "over-limit", True)
    (shown,) = [c for c in house.conditions.list() if c.code.startswith("offline.")]
    assert shown.severity == "alarm" and OVER_LIMIT[0]["plate_no"] in shown.text_zh
    house.clock.now_s += offline_lists.FINDING_SHOWN_MS / 1000 + 1
    house.lists._forget_findings()
    assert not [c for c in house.conditions.list() if c.code.startswith("offline.")]


@pytest.mark.requirement("X-03")
async def test_a_refusal_and_an_unknown_vehicle_are_entered_too(house):
    refused = await alone(house, "refuse", "refused", OVER_LIMIT[0]["plate_no"])
    unknown = await alone(house, "hold", "unknown")
    assert refused.control_result == "1" and unknown.verdict.verdict == HOLD
    assert [e["is_finding"] for e in entries(house, "rejudged")] == [False, False]


def row(plate, colour="1", **other):
    return vehicle_from({"plate_no": plate, "plate_colour": colour, "vehicle_type": "H31", "fuel_type": "B",
                         "emission_stage": "6"} | other)  # fmt: skip


def test_one_plate_of_two_colours_is_as_strict_as_the_stricter():
    def listed(*pairs):
        judged = [offline.Judged("云D1", verdict, False, vehicle) for verdict, vehicle in pairs]
        places = list(offline.entries_of(judged).values())
        return contract.CLASSES[places[0]] if places else None

    light, heavy = row("云D1"), row("云D1", vehicle_type="H11")
    assert listed((ALLOW, light)) == "light" and listed((ALLOW, heavy)) == "heavy"
    assert listed((ALLOW, light), (ALLOW, heavy)) == "heavy"
    assert listed((ALLOW, light), (HOLD, None)) is None
    assert listed((HOLD, None), (DENY, heavy), (ALLOW, light)) == "refused"


@pytest.mark.requirement("X-02")
async def test_where_the_policy_asks_for_bookings_the_list_knows_who_is_booked_and_drops_who_has_used_it(
    house, roster, monkeypatch
):
    asking = dataclasses.replace(
        house.lists._book.policy(),
        packs=tuple(dataclasses.replace(p, booking="refuse") for p in house.lists._book.policy().packs),
    )
    monkeypatch.setattr(house.lists._book, "policy", lambda: asking)
    goods = GoodsDesk(ledger=house.ledger, sides=SqliteSides(house.file), queries=house.queries, clock=house.clock)
    house.lists._booked = goods.booked
    await ready(house)
    await told(house, roster)
    assert look_up(roster, "云DA1234") == "refused", "nobody has announced it"
    side_id = await goods.record({"source": "reservation", "plate_no": "云DA1234", "plate_colour": "1", "direction": "in", "by": "预约",
                                  "goods_name": "焦煤", "at_ms": house.clock.wall_ms()})  # fmt: skip
    assert await house.lists.look(), "a booking alone makes a new list"
    await told(house, roster)
    assert look_up(roster, "云DA1234") == "heavy" and look_up(roster, OVER_LIMIT[0]["plate_no"]) == "refused"
    (row,) = goods._sides.of_subject("goods", "云DA1234/1")
    used = dataclasses.replace(row, pass_id="p1")
    await house.ledger.commit(Change(sides=[used]))
    assert row.side_id == side_id and await house.lists.look()
    await told(house, roster)
    assert look_up(roster, "云DA1234") == "refused", "one booking, one entry"
