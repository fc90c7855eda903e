"""Where the journal really lies: on a raw partition of the boards whose interpreter has one, in a folder on the others."""

import pytest
from board_twin import Twin

# A journal as app.py builds it, some events, and the same again as after a reset.
SCRIPT = """
from lane.flash import RawFlash
from lane.journal import Journal
from lane.ring import event_message
board = table.Board(ROLES, OUTPUTS, settings)
device, sectors = board.journal_place()
print("place", "raw" if device else "folder", sectors)
def opened(n):
    return Journal("journal", n, RawFlash(device) if device else None, sectors)
journal = opened(1)
for seq in range(1, 41):
    message = {"v": 1, "boot": journal.boot, "seq": seq, "ms": seq * 100, "at": None, "sync": False,
               "kind": "cabinet.open", "pass": None, "data": {}}
    assert journal.append(message)
journal.ack(journal.boot, 10)
journal.save()
again = opened(2)
assert again.last_boot == journal.boot and again.last_seq == 40, (again.last_boot, again.last_seq)
told = []
while True:
    event = again.next()
    if event is None:
        break
    told.append(event["seq"])
print("told", told == list(range(11, 41)), again.lost)
"""


@pytest.mark.requirement("X-04")
@pytest.mark.parametrize(
    ("name", "place", "file"),
    [
        ("ws_s3_eth_8di_8ro", "raw 512", ".journal"),
        ("kc868_a16", "raw 160", ".journal"),
        ("w5500_evb_pico", "folder 64", "journal/ring/0000"),
    ],
)
def test_events_outlive_a_reset_where_the_boards_file_says(tmp_path, name, place, file):
    twin = Twin(name, tmp_path)
    try:
        code, text = twin.run(SCRIPT)
    finally:
        twin.close()
    assert code == 0, text
    assert f"place {place}" in text and "told True 0" in text, text
    assert (tmp_path / file).stat().st_size > 0
