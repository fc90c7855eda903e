"""Signature check, trial and image format of an update, without a network."""

import os
import subprocess
import sys

import loader
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lane import trial, update
from test_scenarios import MICROPYTHON, ROOT

from firmware.lane.receiver import Refused, parse
from tools.flash import image, romfs


@pytest.mark.requirement("X-33")
@pytest.mark.parametrize("interpreter", [sys.executable, MICROPYTHON], ids=["cpython", "micropython"])
def test_signature_and_trial(interpreter, tmp_path):
    key, message = Ed25519PrivateKey.generate(), os.urandom(47)
    words = [key.public_key().public_bytes_raw(), key.sign(message), message]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "firmware"), "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"}
    done = subprocess.run(
        [interpreter, ROOT / "tests/firmware/update_cases.py", *(word.hex() for word in words)],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed ") == 7


@pytest.mark.requirement("X-33")
def test_a_bad_image_is_gone_within_three_minutes():
    boot_ms = (
        loader.WATCHDOG_MS + 1000 + 10_000
    )  # hangs until the watchdog, waits, and starts: ten seconds for the interpreter
    assert (loader.BOOTS + 1) * boot_ms <= 180_000
    assert trial.LINK_MS + 2 * boot_ms <= 180_000
    assert trial.BOOTS == loader.BOOTS


def test_the_same_source_gives_the_same_bytes_and_a_changed_byte_is_found(tmp_path):
    built = image.build("sim", "1.2.3")
    image._compile.cache_clear()
    assert image.build("sim", "1.2.3") == built
    assert built.head == {"version": "1.2.3", "contract": 1, "mpy": image.MPY_VERSION, "boards": ["sim"]}
    assert {"app.mpy", "boards/sim.mpy", "lane/version.mpy"} <= {path for path, _ in built.files}
    assert not any(path in image.LOADER_FILES or "kc868" in path for path, _ in built.files), (
        "no loader, no other board"
    )
    path = tmp_path / "sim.img"
    signed = image.sign(built, Ed25519PrivateKey.generate())
    image.write(signed, path)
    assert image.read(path) == signed
    raw = bytearray(path.read_bytes())
    raw[-10] ^= 1
    path.write_bytes(raw)
    with pytest.raises(image.ImageError, match="damaged"):
        image.read(path)


def test_a_board_whose_code_must_lie_in_rom_gets_one_romfs_image_in_parts(tmp_path):
    assert [b for b in image.boards() if image.must_be_rom(b)] == ["kc868_a16", "w5500_evb_pico"]
    built = image.build("w5500_evb_pico")
    assert [path for path, _ in built.files] == [f"rom/{n:02}" for n in range(len(built.files))]
    assert all(len(content) == romfs.PART_BYTES for _, content in built.files[:-1])
    inside = dict(image.modules(built))
    assert {"app.mpy", "boards/w5500_evb_pico.mpy", "lane/version.mpy"} <= set(inside)
    assert inside["lane/ticks.mpy"] == dict(image.build("ws_s3_eth_8di_8ro").files)["lane/ticks.mpy"]
    (tmp_path / "x.romfs").write_bytes(romfs.whole(built.files) or b"")
    script = (
        "import vfs, sys\nwith open(sys.argv[1], 'rb') as f:\n    vfs.mount(vfs.VfsRom(f.read()), '/rom')\n"
        "sys.path.insert(0, '/rom')\nfrom lane import ticks\nprint(ticks.__file__, ticks.PERIOD)\n"
    )
    done = subprocess.run([MICROPYTHON, "-c", script, tmp_path / "x.romfs"], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["/rom/lane/ticks.mpy", str(1 << 30)], done.stdout + done.stderr


def test_an_image_signed_by_another_key_or_by_none_is_named():
    built = image.Image(image.manifest_of("1", "sim", [("app.mpy", b"x")]), (("app.mpy", b"x"),))
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    image.check(image.sign(built, key), public)
    with pytest.raises(image.ImageError, match="not signed"):
        image.check(built, public)
    with pytest.raises(image.ImageError, match="site's key"):
        image.check(image.sign(built, Ed25519PrivateKey.generate()), public)
    assert image.SIGNED == update.SIGNED


@pytest.mark.parametrize("path", ["../main.py", "/main.py", "lane//x.mpy", "manifest", "Lane/x.mpy", "a/./b"])
def test_a_manifest_cannot_write_outside_its_slot(path):
    text = image.manifest_of("1", "sim", [("app.mpy", b"x"), (path, b"y")]).decode()
    with pytest.raises(Refused):
        parse(text)
