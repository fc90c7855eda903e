"""The eight functions tried on a real ledger, real registers and real photographs; a planted fault turns its function red and no other."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from gateway.adapters.cameras import photo
from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.domain.policy import Policy
from gateway.services.lane_view import LaneNow
from gateway.services.ports import CameraHealth, Frame, LaneMessage, Receipt
from gateway.services.self_probes import probes
from gateway.services.self_test import AMBER, FUNCTIONS, GREEN, RED, SelfTest, Tried
from tests.unit.office_site import OfficeSite

CLIP = b"\0\0\0\x18ftypisom" + bytes(64)


class Gatehouse:
    """What stands outside: one lane controller, one camera, a regulator. `site` is the real store."""

    def __init__(self, site: OfficeSite) -> None:
        self.site = site
        self.reader = LedgerReader(site.file.data_dir)
        self.lane = LaneNow("g1-b01", site, None)  # type: ignore[arg-type] — its clock is not asked
        self.has_picture, self.clip_bytes, self.answer, self.free = True, CLIP, Receipt("accepted", 0, "ok"), 0.5
        self.inputs = {"arrival": {"on": False, "ok": True}, "under_arm": {"on": False, "ok": True}}
        self.barrier, self.faults, self.is_online = "closed", [], True
        self.images = 0

    # ---- services.ports.Frames, as far as it is asked

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        self.images += 1
        picture = np.full((720, 1280, 3), 90 + self.images % 9, np.uint8)
        return [Frame(camera, until_ms, picture)] if self.has_picture else []

    def health(self) -> dict[str, CameraHealth]:
        return {"c1": CameraHealth(is_online=self.has_picture, newest_frame_age_ms=100)}

    def latest_jpeg(self, camera: str) -> None:
        return None

    async def cut(self, camera: str, from_ms: int, until_ms: int) -> bytes:
        return self.clip_bytes

    def path(self, finding_id: str) -> None:
        return None

    def hear(self) -> None:
        state = {
            "boot": "00000001",
            "barrier": self.barrier,
            "inputs": self.inputs,
            "faults": self.faults,
            "passes": {"at_arm": None},
        }
        for topic, payload in (("state", state), ("status", {"online": self.is_online})):
            self.lane.heard(LaneMessage("g1-b01", topic, payload, self.site.wall_ms(), self.site.mono_s(), False))

    def run(self) -> dict[str, Tried]:
        self.hear()
        s = self.site
        test = SelfTest(
            probes(lanes={"g1-b01": self.lane}, frames=self, cameras=["c1"], photographs=photo, cut=self.cut, clips=self, sides=s.sides,
                   book=s.book, registers=s.register_rows, queries=s.queries, rows=SqliteLedgerQueries(self.reader), store=s.outbox,
                   free_share=lambda: self.free, greet=lambda: self.answer, clock=s), s.register_rows, s)  # fmt: skip
        return {f.name: f.tried for f in asyncio.run(test.run())}


@pytest.fixture
def gate(tmp_path):
    house = Gatehouse(OfficeSite(tmp_path))
    yield house
    house.reader.close()
    house.site.file.close()


def red(found: dict[str, Tried]) -> list[str]:
    return [name for name, tried in found.items() if tried.state == RED]


@pytest.mark.requirement("S4-25")
def test_all_eight_functions_are_green_where_all_work_and_each_says_what_it_measured(gate):
    found = gate.run()
    assert list(found) == list(FUNCTIONS)
    assert {name: t.state for name, t in found.items()} == dict.fromkeys(FUNCTIONS, GREEN), found
    assert "1280×720" in found["photo"].zh and "0 次通行" in found["statistics"].zh
    first, second = gate.site.outbox.mark("self_test"), (gate.run(), gate.site.outbox.mark("self_test"))[1]
    assert first and second and first != second, "a new number is written each time"


def _lane_lost(gate: Gatehouse) -> None:
    gate.is_online = False


def _no_packs(gate: Gatehouse) -> None:
    gate.site.book.policy = lambda: Policy(())  # type: ignore[method-assign]


def _arm_broken(gate: Gatehouse) -> None:
    gate.barrier = "fault"


def _no_picture(gate: Gatehouse) -> None:
    gate.has_picture = False


def _no_clip(gate: Gatehouse) -> None:
    gate.clip_bytes = b""


def _disk_refuses(gate: Gatehouse) -> None:
    gate.site.file.write(lambda conn: conn.execute("pragma query_only = on"))


def _regulator_refuses(gate: Gatehouse) -> None:
    gate.answer = Receipt("retry", 0, "connection refused")


def _row_hidden(gate: Gatehouse) -> None:
    """The projection loses a row that the columns of the query service still count."""
    asyncio.run(gate.site.enter(when="2026-11-20 07:30:00"))
    whole = SqliteLedgerQueries.page

    def short(self, *args, **more):
        rows, *rest = whole(self, *args, **more)
        return (rows[1:], *rest)

    gate.restore = (SqliteLedgerQueries, whole)  # type: ignore[attr-defined]
    SqliteLedgerQueries.page = short  # type: ignore[method-assign]


@pytest.mark.requirement("S4-25")
@pytest.mark.parametrize(
    ("function", "plant"),
    [("collect", _lane_lost), ("check", _no_packs), ("control", _arm_broken), ("statistics", _row_hidden), ("photo", _no_picture),
     ("video", _no_clip), ("storage", _disk_refuses), ("exchange", _regulator_refuses)],
)  # fmt: skip
def test_a_planted_fault_turns_its_function_red_and_no_other(gate, function, plant):
    plant(gate)
    try:
        found = gate.run()
    finally:
        if hasattr(gate, "restore"):
            gate.restore[0].page = gate.restore[1]
    assert red(found) == [function], found
    assert found[function].zh and found[function].en


@pytest.mark.requirement("S4-25")
def test_a_sensor_that_is_not_trusted_and_a_disk_that_is_nearly_full_are_amber(gate):
    gate.inputs["arrival"]["ok"] = False
    gate.free = 0.01
    found = gate.run()
    assert {name for name, t in found.items() if t.state == AMBER} == {"collect", "storage"} and red(found) == []


@pytest.mark.requirement("S4-25")
def test_the_gates_of_each_goods_flow_come_from_the_register_and_a_flow_without_a_gate_is_listed(gate):
    for code, name, flows in (("1", "北门", "raw,fuel"), ("2", "南门", "product")):
        gate.site.registers.state("entrance", {"entrance_code": code, "entrance_name": name, "flow_kinds": flows, "has_board": "0"},
                                  source="typed", by="王", is_partial=True)  # fmt: skip
    test = SelfTest({name: None for name in FUNCTIONS}, gate.site.register_rows, gate.site)  # type: ignore[dict-item]
    assert {g.flow: g.entrances for g in test.inventory()} == {
        "raw": (("1", "北门"),), "fuel": (("1", "北门"),), "product": (("2", "南门"),), "by_product": (),
    }  # fmt: skip
    with pytest.raises(ValueError, match="exchange"):
        SelfTest({}, gate.site.register_rows, gate.site)
