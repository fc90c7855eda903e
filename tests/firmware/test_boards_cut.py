"""Presence on a pin cuts the closing output in its interrupt, on the twins of the three real boards: without a turn of the safety loop."""

import pytest
from board_twin import BOARDS, Twin

# The safety loop stands still; only the budget of a state machine is renewed, and the interrupts of this port are looked for.
STILL = """
import sim_line
def still(ms, until=None):
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0 and not (until and until()):
        if board._stop is not None:
            board._stop.grant()
        sim_line.poll()
        time.sleep_ms(1)
beam = ROLES.index("beam")
board = table.Board(ROLES, OUTPUTS, settings)
if board._stop is not None:
    board._stop._budget *= 50  # a machine that is busy with other things may not look like a budget used up
run(board, 300)
"""
ON, OFF = ("close", 1), ("close", 0)


@pytest.fixture
def twin(request, tmp_path):
    made = Twin(request.param, tmp_path)
    yield made
    made.close()


def on(*names):
    return pytest.mark.parametrize("twin", names, indirect=True)


def play(twin, script, beam):
    """Run; beam: word that the script prints -> level of the beam from then on. What `close` did by each word."""
    process = twin.start(STILL + script)
    assert process.stdout is not None
    did, text = {}, ""
    for line in process.stdout:
        text += line
        word = line.strip()
        did[word] = twin.switched("close")
        if word in beam:
            twin.plant.set("beam", beam[word])
    assert process.wait(10) == 0, text
    did["end"] = twin.switched("close")
    return did


@pytest.mark.requirement("S0-56")
@on(*BOARDS)
def test_presence_cuts_the_closing_output_while_the_loop_stands_still(twin):
    script = """
board.write("close", 1)
print("unguarded")
still(2000, lambda: board._latched[beam])
still(100)
board.write("close", 0)
still(100)
print("clear")
run(board, 300, lambda: not level("beam"))
run(board, 50)
board.is_guarded = True
board.write("close", 1)
run(board, 50)
print("guarded")
still(2000, lambda: board._latched[beam])
still(100)
print("cut")
run(board, 300)
print("kept")
run(board, 300, lambda: not level("beam"))
run(board, 50)
board.write("close", 0)
board.write("close", 1)
run(board, 50)
board.write("close", 0)
run(board, 20)
"""
    did = play(twin, script, {"unguarded": 1, "clear": 0, "guarded": 1, "kept": 0})
    first = [ON, OFF]
    assert did["clear"] == first, "hold-to-run, or an output that does not close: the loop decides"
    assert did["guarded"] == [*first, ON]
    assert did["cut"] == did["kept"] == [*first, ON, OFF], "off, and nothing but the loop makes it usable again"
    assert did["end"] == [*first, ON, OFF, ON, OFF]


@on(*BOARDS)
def test_presence_between_the_look_and_the_order_cuts_too(twin):
    script = """
print("looked")
still(2000, lambda: board._latched[beam])
board.is_guarded = True
board.write("close", 1)
still(100)
print("off")
"""
    assert play(twin, script, {"looked": 1})["off"] in ([ON, OFF], []), "on a state machine too short to be seen"


@on("kc868_a16", "ws_s3_eth_8di_8ro")
def test_an_order_that_is_on_its_way_through_the_bus_does_not_undo_a_cut(twin):
    script = """
chip, write, cuts = board._close_chip, board._bus.write, [1]
def late(address, register, data):
    if cuts and board._bus.write is not write:
        cuts.pop()
        chip.cut(board._close_mask)
    return write(address, register, data)
board._bus.write = late
board.write("close", 1)
still(100)
print("off")
run(board, 250)
"""
    did = play(twin, script, {})
    assert did["off"][-1] == OFF and did["end"][-1] == OFF, did


@pytest.mark.requirement("X-06")
@on(*BOARDS)
def test_the_handler_allocates_nothing(twin):
    script = """
import micropython
handlers = [pin._handler for n, pin in enumerate(board._pins) if board._guards[board._pin_places[n]]]
board.is_guarded = True
for handler in handlers:
    board.write("close", 1)
    micropython.heap_lock()
    try:
        handler(None)
    finally:
        micropython.heap_unlock()
    board.write("close", 0)
    run(board, 20)
print(len(handlers))
"""
    did = play(twin, script, {})
    guards = {"kc868_a16": 3, "ws_s3_eth_8di_8ro": 4, "w5500_evb_pico": 4}[twin.hardware]
    assert str(guards) in did, did
    assert did["end"][-1] == OFF and (twin.hardware == "w5500_evb_pico" or did["end"] == [ON, OFF] * guards), did
