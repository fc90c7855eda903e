"""China VI vehicles: linked, not linked or unknown; unknown is never counted as either, on no page and in no record."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.adapters.uplink.profile import BUILT_IN, load_profile
from gateway.domain.policy import decide
from gateway.services.networking import LINKED, NOT_LINKED, UNKNOWN, NetworkingBook
from gateway.services.passage_record import NETWORK_UNKNOWN, passage_record
from tests.unit.policy_bench import facts, pack, truck
from tests.unit.test_registers import Site
from tests.unit.test_visits import a_pass
from tools.bench.traffic_years import place


@pytest.fixture
def site(tmp_path: Path):
    site = Site(tmp_path)
    yield site
    site.file.close()


def vehicle(site: Site, plate: str, stage: str, status: str) -> str:
    values = {"plate_no": plate, "plate_colour": "1", "emission_stage": stage} | (
        {"network_status": status} if status else {}
    )
    return site.book.state("vehicle", values, source="typed", by="李登记", is_partial=True)


@pytest.mark.requirement("S0-36")
def test_vehicles_of_stage_six_are_counted_by_what_is_known_of_them_and_unknown_is_a_count_of_its_own(
    site: Site,
) -> None:
    for plate, stage, status in (
        ("云A00001", "6", "1"),
        ("云A00002", "6", "0"),
        ("云A00003", "6", ""),
        ("云A00004", "5", ""),
    ):
        vehicle(site, plate, stage, status)
    book = NetworkingBook(site.store)
    assert book.counts() == {LINKED: 1, NOT_LINKED: 1, UNKNOWN: 1}
    assert [(n.plate_no, n.state, n.source) for n in book.listed()] == [
        ("云A00003", UNKNOWN, ""),
        ("云A00002", NOT_LINKED, "typed"),
    ]
    assert book.listed()[1].at_ms and not book.listed()[0].at_ms


@pytest.mark.requirement("S0-36")
def test_status_carries_the_source_that_says_it_and_its_time_and_a_contradiction_shows(site: Site) -> None:
    key = vehicle(site, "云A00002", "6", "0")
    typed = NetworkingBook(site.store).listed((NOT_LINKED,))[0]
    site.book.state("vehicle", {"plate_no": "云A00002", "plate_colour": "1", "network_status": "1"}, source="lookup", by="lookup",
                    is_partial=True, key=key)  # fmt: skip
    (asked,) = NetworkingBook(site.store).listed((LINKED,))
    assert (asked.source, asked.by, asked.differs) == ("lookup", "lookup", True) and asked.at_ms > typed.at_ms
    (item,) = [i for i in site.book.detail("vehicle", key).items if i.number == 7]
    assert item.value and (item.value.value, item.value.source, item.state) == ("1", "lookup", "conflict")


@pytest.mark.requirement("S0-36")
def test_vehicle_of_which_nobody_has_said_it_is_not_written_down_as_not_linked(site: Site) -> None:
    vehicle(site, "云A00003", "6", "")
    known = site.gate.vehicle("云A00003", "1")
    assert known is not None and known.network_status == ""
    p = a_pass(1, "云A00003", "in", 1_795_500_000_000)
    record = passage_record(replace(p, vehicle=dict(vars(known))), place(p.lane), head_photo="", body_photo="")
    assert record["network_status"] == NETWORK_UNKNOWN
    (field,) = [
        f for f in load_profile(BUILT_IN / "yunnan-v1.toml").ops["inOutRecord"].fields if f.source == "network_status"
    ]
    assert field.codes is not None and field.codes[NETWORK_UNKNOWN] == "0", "the platform's list has no word for it"


@pytest.mark.parametrize(("status", "zh"), [("0", "国六重型车未联网"), ("", "国六重型车联网状态未知"), ("1", "")])
def test_reason_at_the_gate_says_not_linked_only_where_that_is_known(status: str, zh: str) -> None:
    verdict = decide(facts(truck(network_status=status)), pack(networking="refuse"))
    assert (verdict.reason_zh if verdict.reason_code == "V05" else "") == zh
