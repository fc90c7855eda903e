"""What a real lane's passes leave in the ledger is enough to judge them again, and a change of policy meets the next truck."""

from dataclasses import replace

import pytest

from gateway.adapters.policies.files import DEFAULT_PACK, load_pack
from gateway.adapters.store.policy import SqlitePolicies
from gateway.domain.policy import Policy, decide
from gateway.services.exceptions import Exceptions
from gateway.services.policy_rehearsal import passages, rehearse_days
from tests.sim.gatehouse import Gatehouse


@pytest.fixture
async def house(tmp_path):
    gatehouse = Gatehouse(tmp_path)
    yield gatehouse
    await gatehouse.close()


async def refused(house, plate):
    house.plates.plate = plate
    before = len(house.passes())
    house.lane.arrive()
    await house.settle(lambda: len(house.passes()) > before and all(p.verdict for p in house.passes()))
    house.lane.end("denied_left", "policy")
    await house.settle(lambda: not house.desk.open_passes())


@pytest.mark.requirement("S0-74", "S3-03")
async def test_every_verdict_of_the_lane_is_given_again_from_its_entry_and_a_milder_level_shows_its_effect(house):
    for plate in ("云C56789", "云DB4444", "云DA1234"):
        await refused(house, plate)
    store, policy = SqlitePolicies(house.file), Policy((load_pack(DEFAULT_PACK),))
    found = list(passages(store, 0, 2**53))
    assert [decide(p.facts, policy).rule_id for p in found] == ["over-limit", "level2-heavy-stage4", "registered"]
    assert {p.pass_id for p in found} == {p.pass_id for p in house.passes()}
    milder = rehearse_days(store, policy, until_ms=house.clock.wall_ms() + 1, days=1, level="3")
    assert (milder.passages, milder.refused, milder.newly_allowed) == (3, 1, 1)
    house.assert_sound()


@pytest.mark.requirement("X-21")
async def test_an_exception_granted_while_the_gate_runs_opens_for_the_next_arrival_of_that_plate_only(house):
    await refused(house, "云DB4444")
    assert house.lane.raises == []
    Exceptions(SqlitePolicies(house.file), house.clock).grant(plate_no="云DB4444", plate_colour="1", reason_kind="livelihood",
                                                              reason="供暖用煤", approver="王", hours=1)  # fmt: skip
    house.lane.arrive()
    await house.settle(lambda: len(house.lane.raises) == 1)
    house.lane.drive_through()
    await house.settle(lambda: not house.desk.open_passes())
    verdict = max(house.passes(), key=lambda p: p.arrived_at_ms).verdict
    assert verdict.rule_id.startswith("exception:") and "供暖用煤" in verdict.reason_zh
    (p,) = [p for p in passages(SqlitePolicies(house.file), 0, 2**53) if p.facts.exception]
    late = replace(p.facts, at_ms=p.facts.at_ms + 2 * 3_600_000)
    assert decide(late, Policy((load_pack(DEFAULT_PACK),))).verdict == "DENY"
    house.assert_sound()
