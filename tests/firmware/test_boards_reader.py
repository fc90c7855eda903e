"""A serial tag or plate reader on a real board's twin: from its bytes on the UART to the offline policy's names."""

import json

import pytest
import rig
from board_twin import Twin

from firmware.lane import reader

SETTINGS = {
    "site": rig.SITE, "lane": rig.LANE, "board": "kc868_a16", "broker_host": "127.0.0.1", "sntp_host": "127.0.0.1",
    "lane_class": "III", "means": ["drive_force", "beam"], "force_test": "2026-11-01", "commissioned": "00" * 32,
    "absent_outputs": ["stop", "curtain_test", "loop_test"], "reader_baud": 9600, "io": {"radar": "X16 nc"},
}  # fmt: skip
# The lane's own parts on this board, without its tasks: `tend` is what listens.
LISTEN = """
import app
parts, files = app.build()
app.settle(parts)
parts.note_boot()
parts.safety.start(parts.clock.now())
print("listening")
end = time.ticks_add(time.ticks_ms(), 20000)
while not parts.offline.names() and time.ticks_diff(end, time.ticks_ms()) > 0:
    parts.board.read(parts.safety.inputs.level)
    parts.board.feed()
    parts.tend(parts.clock.now())
    time.sleep_ms(5)
print("heard", parts.reader.refused, [hash.hex() if type(hash) is bytes else hash for hash in parts.offline.names()])
"""


@pytest.mark.requirement("X-12")
def test_a_plate_of_the_serial_reader_is_what_the_offline_policy_judges(tmp_path):
    twin = Twin("kc868_a16", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(SETTINGS))
    for name in ("ca.der", "lane.crt.der", "lane.key.der"):
        (tmp_path / name).write_bytes(b"x")
    try:
        process = twin.start(LISTEN)
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line.startswith("listening"):
                noise = b"\x00noise\n" + reader.line("P", "云D88888", 930)
                for at in range(0, len(noise), 24):
                    twin.plant.tell("serial " + noise[at : at + 24].hex())
        assert process.wait(10) == 0, text
    finally:
        twin.close()
    heard = text[text.index("heard ") :].split(maxsplit=2)
    assert heard[1] == "1" and heard[2].strip() != "[]", text


@pytest.mark.parametrize(
    ("board", "says"),
    [("kc868_a16", "io.radar another terminal, or the role absent: HT3"), ("w5500_evb_pico", "reader_baud 0: WIZnet")],
)
def test_a_reader_that_does_not_fit_is_refused_with_a_sentence(tmp_path, board, says):
    twin = Twin(board, tmp_path)
    script = """
try:
    table.Board(ROLES, OUTPUTS, dict(settings, reader_baud=9600))
except Misfit as e:
    print("refused", e.where, e.allowed)
"""
    try:
        assert says in twin.run(script)[1]
    finally:
        twin.close()
