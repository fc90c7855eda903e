"""A lane's desk and the plates it reads: a truck that stands, and a list that must not open."""

import pytest

from tests.plate_reads import spelt
from tests.sim.gatehouse import Gatehouse


@pytest.fixture
async def house(tmp_path):
    gatehouse = Gatehouse(tmp_path)
    yield gatehouse
    await gatehouse.close()


def of_kind(house, kind):
    return [e for e in house.queries.entries() if e.kind == kind]


@pytest.mark.requirement("X-15")
@pytest.mark.parametrize("plate", ["云DB4444", None])
async def test_a_truck_that_stands_for_ten_minutes_is_one_passage_and_is_read_once(house, plate):
    house.plates.plate = plate
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    pass_id = house.passes()[0].pass_id
    reads = len(house.queries.reads_of(pass_id))
    await house.forward(600, step_s=2.0)
    (p,) = house.passes()
    assert p.pass_id == pass_id and p.is_open and len(house.queries.reads_of(pass_id)) == reads
    assert len(of_kind(house, "opened")) == len(of_kind(house, "verdict")) == 1
    house.assert_sound()


@pytest.mark.requirement("X-18")
async def test_an_expected_plate_is_shown_beside_a_doubtful_read_and_the_arm_stays_down(house):
    """云DA1234 is registered and would be let in; the reads waver between it and 云D41234."""

    async def waver(frames):
        options = {"4": 0.5, "A": 0.5}
        return [
            [spelt("云", "D", options, "1", "2", "3", "4", at_ms=f.at_ms, plate_type="yellow_single")] for f in frames
        ]

    house.plates.read = waver
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    await house.forward(5)
    (p,) = house.passes()
    assert (p.identity.plate_no, p.identity.assist_plate, p.identity.assist_source) == ("", "云DA1234", "registry")
    assert set(p.identity.candidates) == {"云DA1234", "云D41234"}, "what was read is kept"
    assert p.verdict.verdict == "HOLD" and house.lane.raises == []
    (verdict,) = of_kind(house, "verdict")
    assert verdict.body["identity"]["assist_plate"] == "云DA1234", "and the ledger says that a list was shown"
    house.assert_sound()
