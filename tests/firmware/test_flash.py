"""The installer's tool against the real interpreter on a pty: the same code path as a board on USB."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pty_board import PtyBoard
from rig import BIN, INPUTS, LANE, ROOT, SITE, Broker, Gateway, Plant, free_port, until

from gateway.adapters.broker.pki import SiteKeys
from gateway.domain import commissioning
from tools.flash import answers, commission, identity, image, interpreter, label, provision, session
from tools.flash.image import ImageError
from tools.flash.port import Controller, Port, PortError
from tools.flash.signing import make_key, read_key

ANSWERS = """
broker_host = "127.0.0.1"
sntp_host = "127.0.0.1"
lane_class = "III"
means = ["drive_force", "beam"]
keepalive_s = 5
"""
TOUCHED = ("loop_arrival", "beam", "button_raise", "fire")


def write_site(folder: Path, broker_port: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "site.toml"
    path.write_text(f"""
[site]
enterprise_code = "{SITE}"
name = "示例"
data_dir = "data"
[broker]
port = {broker_port}
[uplink]
base_url = "http://127.0.0.1:1/"
app_id = "x"
private_key = "x"
platform_key = "x"
[[cameras]]
code = "C1"
name = "c"
url = "rtsp://127.0.0.1/x"
[[lanes]]
id = "{LANE}"
name = "东门"
entrance_code = "1"
barrier_code = "01"
direction = "in"
head_camera = "C1"
body_camera = "C1"
""", "utf-8")  # fmt: skip
    (folder / "answers.toml").write_text(ANSWERS, "utf-8")
    make_key(folder / "data/keys/firmware.key")
    return path


def lvzha(*words: object, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [BIN / "lvzha", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def bench(tmp_path):
    plant = Plant()
    site = write_site(tmp_path / "site", free_port())
    board = PtyBoard(tmp_path / "flash", plant)
    yield site, board, plant
    board.close()
    plant.close()


def flash_with_hands(site: Path, board: PtyBoard, plant: Plant) -> tuple[int, str]:
    """Runs the command; when it asks for it, acts on each sensor but the radar. (exit status, what was told)."""
    argv = [BIN / "lvzha", "flash", LANE, "--port", board.port, "--config", site, "--answers", site.parent / "answers.toml",
            "--out", site.parent / "out", "--io-seconds", "8"]  # fmt: skip
    told = ""
    process = subprocess.Popen(
        [str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        told += line
        if "请依次" in line:
            for role in INPUTS:
                if role not in ("radar", "limit_open", "limit_closed"):
                    plant.press(role, 0.06)
                    time.sleep(0.06)
    return process.wait(60), told


def refused(site: Path, at: PtyBoard, **wishes: object) -> str:
    """The sentence with which the tool refuses."""
    with pytest.raises(ImageError) as refusal:
        session.flash(
            session.Wishes(site, LANE, at.port, answers=site.parent / "answers.toml", **wishes),
            lambda text, default: default,
            print,
        )  # type: ignore[arg-type]
    return str(refusal.value)


@pytest.mark.requirement("X-31")
def test_from_an_empty_board_to_a_lane_that_is_online_and_commissioned(bench):
    site, board, plant = bench
    code, told = flash_with_hands(site, board, plant)
    assert code == 0, told
    assert [line for line in told.splitlines() if "无反应" in line and "radar" in line], "what stayed silent is named"
    assert "输出 output alarm_light" in told
    assert not [role for role in plant.moves()], "the I/O test never moves the arm"
    keys = SiteKeys(site.parent / "data/keys", SITE)
    for name, source in (
        ("lane.crt.der", keys.crt_der(LANE)),
        ("lane.key.der", keys.key_der(LANE)),
        ("ca.der", keys.ca_der),
    ):
        assert (board.folder / name).read_bytes() == source.read_bytes()
    certificate = x509.load_der_x509_certificate((board.folder / "lane.crt.der").read_bytes())
    assert certificate.not_valid_before_utc.year == 2000
    assert {a.rfc4514_string() for a in certificate.subject.rdns} == {f"O={SITE}", f"CN={LANE}"}
    config = json.loads((board.folder / "config.json").read_text("utf-8"))
    assert (config["lane"], config["board"], config.get("commissioned", "")) == (LANE, "sim", "")
    built = image.build("sim")
    for path, data in built.files:
        assert (board.folder / "a" / path).read_bytes() == data
    record = provision.read_record(site.parent / "data", LANE)
    assert record and record.io_missing and "radar" in record.io_missing[0]
    picture = cv2.imread(str(site.parent / "out" / f"label-{LANE}.png"))
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == label.text_of(record)
    sheet = (site.parent / "out" / f"commissioning-{LANE}.html").read_text("utf-8")
    assert all(check.zh in sheet and check.en in sheet for check in commissioning.CHECKS)
    assert "radar" in sheet and record.fingerprint in sheet

    port = int(next(line for line in site.read_text("utf-8").splitlines() if line.startswith("port")).split("=")[1])
    broker = Broker(keys, port)
    gateway = Gateway(keys, port)
    try:
        status = until(lambda: next((s for s in gateway.statuses if s["online"]), None), 30, "online")
        assert (status["slot"], status["firmware"], status["board"]) == ("a", image.FIRMWARE, "sim")
        assert until(lambda: gateway.states, 10)[-1]["mode"] == "maintenance", "not commissioned"
        until(lambda: gateway.clock, 10)
        assert (
            gateway.result_of(gateway.command("set_mode", {"mode": "automatic"}, by="person:x"))["reason"]
            == "not_commissioned"
        )
        assert gateway.result_of(gateway.command("raise", {}, by="person:x"))["reason"] == "mode.maintenance"
        # the running lane can be flashed again over the same cable: it is asked into its prompt first
        before = board.runs
        with Port(board.port) as line:
            assert line.identify().interpreter == "micropython" and board.runs == before + 1
            assert not (board.folder / "service").exists(), "asked for once"
            line.restart()
    finally:
        gateway.close()
        broker.kill()


@pytest.mark.requirement("X-31")
def test_what_is_wrong_is_refused_with_a_sentence_before_anything_is_written(bench, tmp_path):
    site, board, _plant = bench
    before = sorted(board.folder.rglob("*"))
    other = refused(site, board, board="kc868_a16")
    assert "拒绝" in other and "KinCony KC868-A16" in other and "linux" in other
    answers_file = site.parent / "answers.toml"
    answers_file.write_text(ANSWERS.replace("127.0.0.1", "gateway", 1), "utf-8")
    bad = refused(site, board)
    assert "broker_host" in bad and "IPv4" in bad
    answers_file.write_text(ANSWERS, "utf-8")
    foreign = image.Image(image.manifest_of("1", "w5500_evb_pico", [("app.mpy", b"x")]), (("app.mpy", b"x"),))
    path = tmp_path / "foreign.img"
    image.write(foreign, path)
    assert "not signed" in refused(site, board, image=path)
    image.write(image.sign(foreign, read_key(site.parent / "data/keys/firmware.key")), path)
    wrong = refused(site, board, image=path)
    assert "w5500_evb_pico" in wrong and "Refused" in wrong
    with pytest.raises(ImageError, match="not of this site"):
        session.flash(session.Wishes(site, "g9-b99", board.port), lambda text, default: default, print)
    assert sorted(board.folder.rglob("*")) == before


def test_a_port_where_nothing_answers_says_what_to_do(tmp_path):
    master, slave = os.openpty()
    try:
        with pytest.raises(PortError, match="--interpreter"), Port(os.ttyname(slave), patience_s=0.5):
            pass
    finally:
        os.close(master)
        os.close(slave)


class Quiet(Port):
    """A controller that answers I2C scans from a list; the only part that is no interpreter, since a pty has no I2C."""

    def __init__(self, answering: list[int]) -> None:
        super().__init__("bench")
        self._answering = answering

    def run(self, code, on_text=None, timeout_s=20.0) -> str:
        return str(self._answering)


def test_a_board_is_told_from_its_processor_and_its_chips():
    def controller(machine: str) -> Controller:
        return Controller("micropython", (1, 29, 0), machine, image.MPY_VERSION, "30aea4")

    chips = list(identity.table("kc868_a16").EXPANDERS)
    assert identity.check(Quiet(chips), controller("Generic ESP32 module with ESP32"), None) == "kc868_a16"
    with pytest.raises(PortError, match="I2C"):
        identity.check(Quiet(chips[1:]), controller("Generic ESP32 module with ESP32"), "kc868_a16")
    with pytest.raises(PortError, match="Refused"):
        identity.check(Quiet([]), controller("Generic ESP32C3 module with ESP32C3"), None)
    with pytest.raises(PortError, match=r"1\.29"):
        identity.check(Quiet([]), Controller("micropython", (1, 23, 0), "x with ESP32", 6, ""), None)


def test_the_interpreter_file_is_looked_at_before_anything_is_erased(tmp_path):
    esp = tmp_path / "ESP32_GENERIC.bin"
    esp.write_bytes(bytes([0xE9, 3, 2, 0]) + bytes(8) + struct.pack("<H", 0) + bytes(100))
    s3 = tmp_path / "S3.bin"
    s3.write_bytes(bytes([0xE9, 3, 2, 0]) + bytes(8) + struct.pack("<H", 9) + bytes(100))
    uf2 = tmp_path / "PICO.uf2"
    uf2.write_bytes(struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0, 0, 256, 0, 1, 0xE48BFF56) + bytes(480))
    assert [interpreter.chip_of(path) for path in (esp, s3, uf2)] == ["esp32", "esp32s3", "rp2040"]
    with pytest.raises(ImageError, match="esp32s3"):
        interpreter.check(s3, "kc868_a16")
    with pytest.raises(ImageError, match="neither"):
        interpreter.chip_of(Path(__file__))
    drive = tmp_path / "media/pi/RPI-RP2"
    drive.mkdir(parents=True)
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    assert interpreter.write(uf2, "w5500_evb_pico", "", drives=(tmp_path / "media",), wait_s=1) == "rp2040"
    assert (drive / uf2.name).read_bytes() == uf2.read_bytes()
    with pytest.raises(ImageError, match="BOOTSEL"):
        interpreter.write(uf2, None, "", drives=(tmp_path / "nothing",), wait_s=0.1)


def test_esptool_is_run_and_its_own_words_are_shown_where_there_is_no_rom_loader(tmp_path):
    esp = tmp_path / "ESP32_GENERIC.bin"
    esp.write_bytes(bytes([0xE9, 3, 2, 0]) + bytes(8) + struct.pack("<H", 0) + bytes(100))
    with pytest.raises(ImageError, match="esptool"):
        interpreter.write(esp, "kc868_a16", str(tmp_path / "no-such-port"))
    assert interpreter.esptool_command("esp32", "P", esp)[1][-3:] == ["write-flash", "0x1000", str(esp)]


def test_questions_are_asked_again_until_the_lane_would_take_the_answer():
    typed = iter(["gateway", "10.0.0.5", "", "", "", "fast", "contact"])
    told: list[str] = []
    given = answers.ask({}, lambda text, default: next(typed, ""), told.append)
    assert given["broker_host"] == "10.0.0.5" and given["sntp_host"] == "10.0.0.5" and given["drive"] == "contact"
    assert len(told) == 2 and "IPv4" in told[0]
    document = answers.settings(given, site=SITE, lane=LANE, board="kc868_a16")
    assert document["lane"] == LANE


def test_a_key_is_private_and_never_replaced(tmp_path):
    key = tmp_path / "firmware.key"
    public = make_key(key)
    assert key.stat().st_mode & 0o777 == 0o600 and len(public.read_bytes()) == 32
    with pytest.raises(ImageError, match="already there"):
        make_key(key)
    assert isinstance(serialization.load_pem_private_key(key.read_bytes(), None).public_key().public_bytes_raw(), bytes)  # type: ignore[union-attr]
    key.chmod(0o644)
    done = lvzha("firmware", "sign", tmp_path / "x.img", "--key", key)
    assert done.returncode == 2 and "600" in done.stderr


@pytest.mark.requirement("X-12")
def test_a_lane_is_commissioned_from_its_readings_or_every_reason_against_it_is_named(tmp_path):
    site = write_site(tmp_path, 1)
    data = tmp_path / "data"
    record = provision.Record(
        SITE, LANE, "kc868_a16", "30aea4", "ESP32", "1.29.0", "0.1.0", "ab" * 32, "2026-11-24T10:00:00+08:00", []
    )

    def commissioned(readings: Path | None) -> dict:
        return commission.run(site, LANE, readings, tmp_path, lambda text, default: default)[0]

    with pytest.raises(ImageError, match="was not flashed"):
        commissioned(None)
    provision.write_record(data, record)
    (tmp_path / "photo.jpg").write_bytes(b"jpeg")
    doc = commissioning.simulated(site=SITE, lane=LANE, day=date(2026, 11, 1))
    lines = ['date = "2026-11-01"', "[meter]", 'serial = "FM-1"', 'calibrated = "2026-05-01"']
    for check_id, check in doc["checks"].items():
        lines += [f"[checks.{check_id}]", 'by = "李工"', "is_passed = true", 'photo = "photo.jpg"']
        lines += [f"numbers.{key} = {value}" for key, value in check["numbers"].items()]
        lines += [f"yes.{key} = true" for key in check["yes"]]
    readings = tmp_path / "readings.toml"
    good = "\n".join(lines)
    readings.write_text(
        good.replace("numbers.peak_n = [200.0, 200.0, 200.0]", "numbers.peak_n = [200.0, 410.0, 200.0]"), "utf-8"
    )
    with pytest.raises(ImageError, match=r"peak_n = 410.0, allowed 400"):
        commissioned(readings)
    assert not list((data / "commissioning" / LANE).glob("*.json"))
    readings.write_text(good, "utf-8")
    provision.write_record(data, replace(record, io_missing=["X05 radar"]))
    with pytest.raises(ImageError, match="X05 radar"):
        commissioned(readings)
    provision.write_record(data, record)
    commissioned(readings)
    stored = next((data / "commissioning" / LANE).glob("*.json"))
    name = hashlib.sha256(stored.read_bytes()).hexdigest()
    assert stored.stem == f"0001-{name}"
    assert name in (tmp_path / f"commissioning-{LANE}.html").read_text("utf-8")
    kept = provision.with_commissioning(data, {"lane": LANE}, "30aea4")
    assert kept == {"lane": LANE, "commissioned": name, "force_test": "2026-11-01"}
    assert provision.with_commissioning(data, {"lane": LANE}, "other") == {"lane": LANE}, "another board begins anew"


@pytest.mark.requirement("X-39")
def test_another_board_for_a_lane_gets_new_keys_and_the_old_ones_are_refused(tmp_path):
    first, _ = provision.keys_for(tmp_path, site=SITE, lane=LANE, board_id="aa")
    old = first.fingerprint(LANE)
    provision.write_record(tmp_path, provision.Record(SITE, LANE, "sim", "aa", "", "", "", old, ""))
    same, is_new = provision.keys_for(tmp_path, site=SITE, lane=LANE, board_id="aa")
    assert not is_new and same.fingerprint(LANE) == old
    other, is_new = provision.keys_for(tmp_path, site=SITE, lane=LANE, board_id="bb")
    assert is_new and other.fingerprint(LANE) != old


@pytest.mark.requirement("X-31")
def test_a_board_whose_code_must_lie_in_rom_gets_it_copied_into_its_partition(tmp_path):
    plant = Plant()
    site = write_site(tmp_path / "site", free_port())
    board = PtyBoard(tmp_path / "flash", plant, hardware="kc868_a16")
    told: list[str] = []
    try:
        wishes = session.Wishes(
            site, LANE, board.port, io_seconds=0, answers=site.parent / "answers.toml", out=tmp_path
        )
        record = session.flash(wishes, lambda text, default: default, told.append)
    finally:
        board.close()
        plant.close()
    assert (record.board, record.firmware) == ("kc868_a16", image.FIRMWARE)
    built = image.build("kc868_a16")
    rom = b"".join(content for _, content in built.files)
    assert (tmp_path / "flash/.romfs").read_bytes()[: len(rom)] == rom
    assert (tmp_path / "flash/rom.copy").read_text() == built.sha256


def test_an_interpreter_without_romfs_is_refused_where_the_code_must_lie_in_rom():
    class WithoutRom(Quiet):
        def rom_bytes(self) -> int:
            return 0

    with pytest.raises(ImageError, match="ROMFS"):
        session._check_rom(WithoutRom([]), "kc868_a16", image.build("kc868_a16"))
    session._check_rom(WithoutRom([]), "ws_s3_eth_8di_8ro", image.build("ws_s3_eth_8di_8ro"))


def test_a_missing_journal_partition_is_told_and_does_not_refuse():
    class WithSectors(Quiet):
        found = 0

        def sectors(self, label: str) -> int:
            assert label == "journal"
            return self.found

    told: list[str] = []
    session._tell_journal(WithSectors([]), "kc868_a16", told.append)
    assert len(told) == 1 and "160" in told[0] and "hardware/interpreter.md" in told[0]
    whole = WithSectors([])
    whole.found = 160
    for board in ("kc868_a16", "w5500_evb_pico", "sim"):
        session._tell_journal(whole, board, told.append)
    assert len(told) == 1
