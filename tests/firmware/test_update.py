"""A signed image over MQTT to a lane that runs from a slot: real interpreter, broker, certificates, loader; no part is ours to fake."""

from __future__ import annotations

import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rig import LANE, ROOT, until
from slotted import Site, with_file

from gateway.adapters.technician.client import Client
from gateway.adapters.technician.update import Ending, Parcel, Sender
from tools.flash import image
from tools.flash.identity import table

ROM_TWIN_BYTES = (
    336 * 1024
)  # the partition (256 KiB), the rest of the twin (56 KiB, measured), and the heap's own tables for both

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()


@pytest.fixture(scope="module")
def first() -> image.Image:
    return image.build("sim")


@pytest.fixture
def site(tmp_path, first):
    site = Site(tmp_path, PUBLIC, first)
    yield site
    print(site.board.console()[-3000:])
    site.close()


def parcel(content: image.Image, key: Ed25519PrivateKey = KEY) -> Parcel:
    signed = image.sign(content, key)
    assert signed.signature
    return Parcel(content.head["version"], content.body, content.sha256, signed.signature)


class Sending:
    """A sender in a thread of its own. told: (state, offset) in order."""

    def __init__(self, site: Site, sent: Parcel, waits_for_passage: bool = False) -> None:
        self.told: list[tuple[str, int]] = []
        self.ending: Ending | None = None
        self._client = Client(site.access, [LANE], ["update/status"])
        self._sender = Sender(self._client, LANE, sent, lambda state, offset, total: self.told.append((state, offset)))
        self._thread = threading.Thread(target=self._run, args=(waits_for_passage,), daemon=True)
        self._thread.start()

    def _run(self, waits_for_passage: bool) -> None:
        with self._client:
            self.ending = self._sender.run(waits_for_passage=waits_for_passage, give_up_s=40)

    def end(self, limit_s: float = 60.0) -> Ending:
        self._thread.join(limit_s)
        assert self.ending, f"no end; told {self.told[-5:]}"
        return self.ending

    def states(self) -> list[str]:
        return list(dict.fromkeys(state for state, _ in self.told))


def online(site: Site, version: str, limit_s: float = 30.0) -> dict:
    return until(
        lambda: next((s for s in reversed(site.gateway.statuses) if s["online"] and s["firmware"] == version), None),
        limit_s, f"online with {version}",
    )  # fmt: skip


def patient_for_seconds_only(base: image.Image, version: str) -> image.Image:
    """The same firmware, whose trial asks for 3 s of good health instead of a minute."""
    source = (ROOT / "firmware/lane/trial.py").read_text("utf-8")
    assert "STEADY_MS = 60000" in source
    return with_file(base, version, "lane/trial.mpy", source.replace("STEADY_MS = 60000", "STEADY_MS = 3000"))


def drive_through(site: Site) -> None:
    """One vehicle, by the raise button: arrival, arm up, crossing, arm down."""
    plant = site.plant
    plant.set("loop_arrival", 1)
    time.sleep(0.3)
    plant.press_until("button_raise", lambda: plant.levels["limit_open"], 30, "arm up")
    for role, level in (("loop_under_arm", 1), ("beam", 1), ("loop_arrival", 0), ("loop_exit", 1), ("loop_under_arm", 0),
                        ("beam", 0)):  # fmt: skip
        plant.set(role, level)
        time.sleep(0.5)
    plant.set("loop_exit", 0)


@pytest.mark.requirement("X-33")
def test_an_update_is_paused_by_a_vehicle_resumed_after_lost_supply_and_confirmed_by_the_first_passage(site, first):
    online(site, image.FIRMWARE)
    sending = Sending(site, parcel(patient_for_seconds_only(first, "0.2.0")), waits_for_passage=True)
    until(lambda: any(offset > 8000 for _, offset in sending.told), 30, "chunks")
    site.plant.set("loop_arrival", 1)
    until(lambda: sending.told[-1][0] == "paused", 10, "paused")
    site.plant.set("loop_arrival", 0)
    until(lambda: site.gateway.event("pass.ended", 30) and sending.told[-1][0] == "receiving", 30, "resumed")
    site.board.power_cut()
    until(lambda: "committed" in sending.states(), 60, "committed")
    status = online(site, "0.2.0")
    assert status["slot"] == "b"
    assert sending.ending is None, "nothing is confirmed before a vehicle has passed"
    drive_through(site)
    ending = sending.end(120)
    assert ending.state == "confirmed", ending
    assert site.gateway.event("update.confirmed")["data"]["version"] == "0.2.0"
    kinds = [e["kind"] for e in site.gateway.events if e["kind"].startswith("update.")]
    assert kinds[-3:] == ["update.verified", "update.committed", "update.confirmed"], kinds
    assert not (site.board.folder / "trial").exists()


@pytest.mark.requirement("X-33")
def test_a_board_whose_code_lies_in_rom_is_updated_and_runs_the_copy(tmp_path):
    """KC868-A16 on its twin, in the heap that it has; then an image that does not start, and back."""
    first = image.build("kc868_a16")
    heap = (table("kc868_a16").HEAP_BYTES - 45 * 1024) * 2 + ROM_TWIN_BYTES
    site = Site(tmp_path, PUBLIC, first, board="kc868_a16", absent=["alarm_sense"], absent_outputs=[], heap=str(heap))
    try:
        assert online(site, image.FIRMWARE)["slot"] == "a"
        assert (tmp_path / "flash/.romfs").read_bytes().startswith(b"\xd2\xcd\x31")
        ending = Sending(site, parcel(image.build("kc868_a16", "0.2.0"))).end(120)
        assert ending.state == "committed", ending
        assert online(site, "0.2.0", 60)["slot"] == "b"
        site.board.power_cut()
        until(lambda: site.gateway.statuses[-1]["online"] and site.board.starts >= 4, 60, "online again")
        assert site.gateway.statuses[-1]["firmware"] == "0.2.0"
        assert (tmp_path / "flash/rom.copy").read_text() == image.build("kc868_a16", "0.2.0").sha256
    finally:
        print(site.board.console()[-3000:])
        site.close()


@pytest.mark.requirement("X-33")
@pytest.mark.parametrize("bad", ["raise ValueError('bad image')\n", "while True:\n    pass\n"], ids=["raises", "hangs"])
def test_an_image_that_does_not_start_is_left_after_three_boots(site, bad):
    loader = site.board.folder / "loader.py"
    source = loader.read_text("utf-8")
    assert "WATCHDOG_MS = 8000" in source
    loader.write_text(source.replace("WATCHDOG_MS = 8000", "WATCHDOG_MS = 2000"), "utf-8")  # four times as quick
    online(site, image.FIRMWARE)
    files = (("app.mpy", image._compile("app.py", bad)),)
    sending = Sending(site, parcel(image.Image(image.manifest_of("0.3.0", "sim", files), files)), True)
    ending = sending.end(60)
    assert (ending.state, ending.reason) == ("rolled_back", "boots"), ending
    assert online(site, image.FIRMWARE)["slot"] == "a"
    assert site.gateway.event("update.rolled_back")["data"]["version"] == "0.3.0"
    assert site.board.starts == 1 + 3 + 1, "the update's restart, two more tries, and the old image"


@pytest.mark.requirement("X-33")
def test_what_is_not_for_this_lane_is_refused(site, first):
    online(site, image.FIRMWARE)
    other_board = image.Image(first.manifest.replace(b"boards sim\n", b"boards kc868_a16\n"), first.files)
    older = image.Image(first.manifest.replace(b"contract 1\n", b"contract 0\n"), first.files)
    strange = Ed25519PrivateKey.generate()
    for content, key, reason in ((first, strange, "signature"), (other_board, KEY, "board"), (older, KEY, "contract")):
        ending = Sending(site, parcel(content, key)).end()
        assert (ending.state in ("refused", "failed"), ending.reason) == (True, reason)
        assert ending.reason != "signature" or ending.sent_chunks == 0, "no byte before the signature is right"
    site.plant.set("loop_arrival", 1)
    site.gateway.event("loop.on")
    ending = Sending(site, parcel(first)).end()
    assert (ending.state, ending.reason) == ("refused", "pass_open")
    assert site.board.slot() == "a"
