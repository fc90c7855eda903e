"""The whole application on every real board: a crossing, an expander that dies while the arm closes, roles that do not fit, the heap.

Heap: unix bytes = (heap of the board - 45 kB for TLS) * 1.6, because objects are 64 bits wide here; * 2.0 where the code lies in ROM,
because then only small objects are left. What the twin itself takes comes on top. The files are compiled with mpy-cross, as they are
flashed; a board with CODE "rom" runs them from a ROMFS image. `pytest -s` on this file prints the figures.
"""

import importlib
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import rig
from board_twin import BOARDS, Twin

TLS_BYTES = 45 * 1024
TWIN_BYTES = 64 * 1024  # more than a twin takes; what it really takes is measured
WATCH = """
import gc, machine, network
if machine.BOARD == "w5500_evb_pico":
    import rp2
import os, sys
if os.getenv("LVZHA_ROM"):
    import vfs
    with open(os.getenv("LVZHA_ROM"), "rb") as f:
        image = f.read()
    vfs.mount(vfs.VfsRom(image), "/rom")
    sys.path.insert(0, "/rom")
    for name in list(sys.modules):
        if name.split(".")[0] in ("boards", "lane"):
            del sys.modules[name]
gc.collect()
twin = gc.mem_alloc()
import app
assert app.__file__.startswith("/rom") == bool(os.getenv("LVZHA_ROM")), app.__file__
gc.collect()
code = gc.mem_alloc() - twin
peak = steps = 0
step = app.Loop.step
def watched(self):
    global peak, steps
    step(self)
    steps += 1
    if steps % 100 == 0 and self._parts.safety.is_at_rest():
        gc.collect()
        peak = max(peak, gc.mem_alloc() - twin)
        print("heap code=%d peak=%d twin=%d" % (code, peak, twin))
app.Loop.step = watched
app.run("none")
"""


# Every role that the board has a terminal for; the bench's plant has no current sensor on its alarm light.
ROLES = {
    "kc868_a16": {"absent": ["alarm_sense"], "absent_outputs": []},
    "ws_s3_eth_8di_8ro": {"absent": ["curtain", "alarm_sense"], "absent_outputs": ["curtain_test"]},
    "w5500_evb_pico": {"absent": ["alarm_sense"], "absent_outputs": []},
}


def table(name):
    return importlib.import_module(f"firmware.boards.{name}")


def unix_bytes(name, board_bytes):
    return board_bytes * 2 if table(name).CODE == "rom" else board_bytes * 8 // 5


def heap_bytes(name):
    """Of the unix interpreter, for the application alone."""
    return unix_bytes(name, table(name).HEAP_BYTES - TLS_BYTES)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The firmware as it is flashed: compiled."""
    folder = tmp_path_factory.mktemp("flash") / "image"

    def compile_one(path):
        out = folder / path.relative_to(rig.ROOT / "firmware").with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([rig.BIN / "mpy-cross", "-O3", str(path), "-o", str(out)], check=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(compile_one, [p for p in (rig.ROOT / "firmware").rglob("*.py") if "typings" not in p.parts]))
    rom = folder.parent / "app.romfs"
    build = [rig.BIN / "mpremote", "romfs", "-o", str(rom), "build", str(folder)]
    subprocess.run(build, check=True, capture_output=True)
    (folder / "watch.py").write_text(WATCH)
    return folder


def lane_on(name, image, folder, plant, keys=None):
    """The lane on a board's twin, with every role that the board has a terminal for, in the heap that the board has."""
    rom = image.parent / "app.romfs" if table(name).CODE == "rom" else None
    return rig.LaneBoard(
        folder,
        keys or rig.make_keys(folder / "keys"),
        plant,
        rig.free_port(),
        board=name,
        **ROLES[name],
        heap=str(heap_bytes(name) + TWIN_BYTES + (rom.stat().st_size if rom else 0)),
        environment={"LVZHA_ROM": str(rom or "")},
        program=image / "watch.py",
        firmware=image,
    )


@pytest.fixture(scope="module")
def lanes(image, tmp_path_factory):
    """Three lanes at once, each on a board of its own; ended with the module."""
    folder = tmp_path_factory.mktemp("lanes")
    keys = rig.make_keys(folder / "keys")
    made = {}
    for name in BOARDS:
        plant = rig.Plant()
        made[name] = (plant, lane_on(name, image, folder / name, plant, keys))
    yield made
    for plant, lane in made.values():
        print(lane.console())
        lane.kill()
        plant.close()


def started(lane):
    def is_started():
        assert lane.process.poll() is None, lane.console()
        return "lane started" in lane.console()

    rig.until(is_started, 20, "lane started")


def drive_through(plants):
    for role, level in (
        ("loop_arrival", 1),
        ("loop_under_arm", 1),
        ("beam", 1),
        ("loop_exit", 1),
        ("loop_arrival", 0),
        ("loop_under_arm", 0),
        ("beam", 0),
        ("loop_exit", 0),
    ):
        for plant in plants:
            plant.set(role, level)
        time.sleep(0.1)


@pytest.mark.requirement("X-06")
def test_a_truck_passes_on_every_board_in_the_heap_that_the_board_really_has(lanes):
    plants = {name: plant for name, (plant, _) in lanes.items()}
    for name, (plant, lane) in lanes.items():
        started(lane)
        assert not plant.moves(), f"{name}: nothing moves because of a boot"
    for plant in plants.values():
        plant.press("button_raise", 0.3)
    for name, plant in plants.items():
        plant.press_until("button_raise", lambda p=plant: p.position == 1.0, 30, f"{name}: raised")
    drive_through(plants.values())
    for name, plant in plants.items():
        rig.until(lambda p=plant: p.position == 0.0, 15, f"{name}: closed behind the truck")
        assert plant.moves() == ["open", "close"], name
        rig.until(lambda p=plant: b"\xcf\xb5\xcd\xb3" in p.uart, 10, f"{name}: safe text on the sign, over its RS485")
    for name, (_, lane) in lanes.items():
        rig.until(lambda to=lane: "heap code" in to.console(), 20, f"{name}: heap measured")
        code, peak, twin = map(int, re.findall(r"heap code=(\d+) peak=(\d+) twin=(\d+)", lane.console())[-1])
        whole, reserve = heap_bytes(name), unix_bytes(name, table(name).RESERVE_BYTES)
        print(
            f"\n{name}: code from {table(name).CODE}, imports={code} peak={peak} reserve={reserve} allowed={whole}"
            f" (unix bytes; twin={twin} not counted)"
        )
        assert peak + reserve <= whole, f"{name} is out of memory"


@pytest.mark.requirement("S0-56")
def test_an_expander_that_dies_while_the_arm_closes_turns_it(image, tmp_path):
    plant = rig.Plant(position=1.0)
    lane = lane_on("kc868_a16", image, tmp_path, plant)
    try:
        started(lane)
        turns_when_the_expander_dies(plant)
    finally:
        print(lane.console())
        lane.kill()
        plant.close()


def turns_when_the_expander_dies(plant):
    def switched():
        return [(role, level) for _, role, level in plant.history if role in ("open", "close")]

    plant.press_until("button_lower", lambda: ("close", 1) in switched(), 30, "closing")
    plant.tell("fault i2c.nack.0x22")  # loops and limits hang on it
    rig.until(lambda: ("open", 1) in switched(), 10, "turned")
    assert switched()[:3] == [("close", 1), ("close", 0), ("open", 1)]
    assert plant.position > 0.0
    plant.tell("heal i2c.nack.0x22")
    rig.until(lambda: switched()[-1] == ("open", 0), 10, "open again, read from its limit")
    assert plant.position == 1.0


@pytest.mark.parametrize(
    ("name", "hardware", "settings", "says"),
    [
        (
            "ws_s3_eth_8di_8ro",
            None,
            {"absent": [], "absent_outputs": []},
            "curtain, alarm_sense, or the role named absent; free: none",
        ),
        ("kc868_a16", "ws_s3_eth_8di_8ro", {}, "is no KinCony KC868-A16"),
        ("kc868_a16", None, {"io": {"beam": "Q7"}}, "key=io.beam"),
    ],
)
def test_a_lane_that_does_not_fit_its_board_is_refused_at_boot(image, tmp_path, name, hardware, settings, says):
    twin = Twin(hardware or name, tmp_path / "unused")
    lane = rig.LaneBoard(
        tmp_path / "flash",
        rig.make_keys(tmp_path / "keys"),
        twin.plant,
        rig.free_port(),
        hardware=hardware,
        firmware=image,
        program=image / "watch.py",
        heap="1024k",
        board=name,
        **{**ROLES[name], **settings},
    )
    try:
        assert lane.process is not None
        assert lane.process.wait(20) == 2
        assert "lane refused" in lane.console() and says in lane.console(), lane.console()
        assert not twin.plant.moves()
    finally:
        lane.kill()
        twin.close()
