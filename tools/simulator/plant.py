"""The plant: every lane's arm, loops, beam, edge and trucks, in one process, behind the lanes' simulated boards.

    python -m tools.simulator.plant --port 9700 --control 9701 --truth truth.jsonl --seed 7 --passes 30 \
        --lane g1-b01=in --lane g1-b02=out --camera g1-b01=9554 --camera g1-b01=9555

Boards connect to PORT (ASCII lines, one connection per lane): board to plant `hello <lane>`, `out <pin> <0|1>`,
`uart <n> <hex>`, `wdt <ms>`, `fed`; plant to board `in <pin> <0|1>`, all inputs right after hello, then each change. A
lost connection is a reset of the board: all outputs fall to 0. The pins are firmware/boards/sim_pins.py.

CONTROL takes one JSON object a line and answers with one: see tools/simulator/plant_control.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tools.simulator.camera_link import CameraLink, view_of
from tools.simulator.cast import CAST_FILE, DIRECTIONS, CastRefused, load_cast
from tools.simulator.plant_control import serve_control
from tools.simulator.traffic import Timekeeper, visits
from tools.simulator.truth import TruthLog
from tools.simulator.world import STEP_MS, LaneWorld

LOOK_MS = 100  # how often traffic, cameras and the sign are looked at
CATCH_UP_MS = 2_000  # a longer pause of the machine is not made up for
APPROACH_CLIP_S = 4.0


@dataclass(frozen=True)
class Pins:
    """Numbers of the simulated board: role -> pin. Source: firmware/boards/sim_pins.py."""

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    sign_uart: int


@dataclass
class Board:
    """The connection of one lane's board."""

    lane: LaneWorld
    writer: asyncio.StreamWriter
    sent: dict[str, int] = field(default_factory=dict)
    watchdog_ms: int = 0  # 0: the board has not armed it

    def send_changes(self, pins: Pins) -> None:
        changed = [(role, level) for role, level in self.lane.inputs.items() if self.sent.get(role) != level]
        if changed:
            self.writer.write("".join(f"in {pins.inputs[role]} {level}\n" for role, level in changed).encode())
            self.sent.update(changed)


class Plant:
    """The lanes in real time. mono_s: a monotonic clock in seconds; tests step `advance` with a clock of their own."""

    def __init__(
        self,
        lanes: Mapping[str, LaneWorld],
        pins: Pins,
        *,
        timekeeper: Timekeeper | None = None,
        cameras: Mapping[str, list[CameraLink]] | None = None,
        approach_clip_s: float = APPROACH_CLIP_S,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lanes = dict(lanes)
        self.timekeeper = timekeeper
        self.boards: dict[str, Board] = {}
        self.cameras = {lane: list(links) for lane, links in (cameras or {}).items()}
        self.refused_lines = 0
        self.dropped_ms = 0
        self._pins = pins
        self._roles = {pin: role for role, pin in pins.outputs.items()}
        self._approach_clip_s = approach_clip_s
        self._mono_s = mono_s
        self._stepped_ms = 0
        self._shown_text: dict[str, str] = dict.fromkeys(lanes, "")

    # ------------------------------------------------------------------ time

    async def run(self) -> None:
        """Step the world along with the clock until cancelled."""
        started_s = self._mono_s()
        while True:
            due_ms = int((self._mono_s() - started_s) * 1000) - self._stepped_ms - self.dropped_ms
            if due_ms > CATCH_UP_MS:
                self.dropped_ms += due_ms - CATCH_UP_MS
                due_ms = CATCH_UP_MS
            self.advance(due_ms)
            await asyncio.sleep(STEP_MS / 1000)

    def advance(self, for_ms: int) -> None:
        """Whole steps of STEP_MS that fit into for_ms; boards learn of each change."""
        for _ in range(for_ms // STEP_MS):
            self._stepped_ms += STEP_MS
            for name, lane in self.lanes.items():
                lane.step(STEP_MS)
                if board := self.boards.get(name):
                    board.send_changes(self._pins)
            if self._stepped_ms % LOOK_MS == 0:
                self._look()

    def _look(self) -> None:
        if self.timekeeper:
            self.timekeeper.step()
        for name, lane in self.lanes.items():
            for link in self.cameras.get(name, ()):
                link.show(view_of(lane, self._approach_clip_s))
            text = lane.sign.text
            if text != self._shown_text[name]:
                self._shown_text[name] = text
                lane.report("sign", text=text)

    # ------------------------------------------------------------------ boards

    async def serve_board(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a board, until it is lost."""
        board: Board | None = None
        try:
            while line := await reader.readline():
                try:
                    board = self._obey(board, line.decode("ascii").split(), writer)
                except (ValueError, IndexError) as error:
                    self.refused_lines += 1
                    print(f"plant refused line={line[:80]!r} because={error}", file=sys.stderr, flush=True)
        except OSError:
            pass
        finally:
            if board and self.boards.get(board.lane.lane) is board:
                del self.boards[board.lane.lane]
                board.lane.reset_board()
                board.lane.report("lane.lost")
            writer.close()

    def _obey(self, board: Board | None, words: list[str], writer: asyncio.StreamWriter) -> Board:
        if board is None:
            if len(words) != 2 or words[0] != "hello" or words[1] not in self.lanes:
                raise ValueError(f"first line must be 'hello <lane>', lane one of {', '.join(self.lanes)}")
            lane = self.lanes[words[1]]
            if older := self.boards.get(lane.lane):
                older.writer.close()
                lane.reset_board()
            board = self.boards[lane.lane] = Board(lane, writer)
            board.send_changes(self._pins)
            lane.report("lane.connected")
            return board
        match words:
            case ["out", pin, level] if int(pin) in self._roles and level in ("0", "1"):
                board.lane.set_output(self._roles[int(pin)], int(level))
            case ["uart", number, text]:
                if int(number) == self._pins.sign_uart:
                    board.lane.sign.write(bytes.fromhex(text))
            case ["wdt", period_ms]:
                board.watchdog_ms = int(period_ms)
            case ["fed"]:
                pass  # the interpreter's own watchdog counts; a board that is not fed drops this connection
            case _:
                raise ValueError("allowed: out <pin> <0|1>, uart <n> <hex>, wdt <ms>, fed")
        return board


def _pairs(values: list[str], option: str, allowed: tuple[str, ...] | None = None) -> list[tuple[str, str]]:
    pairs = []
    for value in values:
        left, mark, right = value.partition("=")
        if not mark or not left or (allowed and right not in allowed):
            raise SystemExit(f"plant: {option} {value!r}; allowed: LANE={'|'.join(allowed or ('PORT',))}")
        pairs.append((left, right))
    return pairs


async def _main(given: argparse.Namespace) -> None:
    from firmware.boards import sim_pins

    pins = Pins(sim_pins.INPUTS, sim_pins.OUTPUTS, sim_pins.SIGN_UART)
    cast = load_cast(given.cast)
    truth = TruthLog(given.truth, lambda: time.time_ns() // 1_000_000)
    directions = dict(_pairs(given.lane, "--lane", DIRECTIONS))
    lanes = {name: LaneWorld(name, lambda kind, _lane=name, **data: report(_lane, kind, **data)) for name in directions}
    cameras: dict[str, list[CameraLink]] = {name: [] for name in lanes}
    for name, port in _pairs(given.camera, "--camera"):
        cameras[name].append(CameraLink(int(port)))
    timekeeper = None
    if given.passes >= 0:
        stream = visits(cast, given.seed)
        stream = islice(stream, given.passes) if given.passes else stream
        by_direction = {directions[name]: lane for name, lane in lanes.items()}
        timekeeper = Timekeeper(cast, stream, by_direction, is_started=not given.hold_traffic)

    def report(lane: str, kind: str, **data: object) -> None:
        truth.write(lane, kind, **data)
        if kind == "truck.leaves" and timekeeper:
            timekeeper.left(int(str(data["visit"])), str(data["how"]))

    plant = Plant(lanes, pins, timekeeper=timekeeper, cameras=cameras, approach_clip_s=given.approach_s)
    boards = await asyncio.start_server(plant.serve_board, "127.0.0.1", given.port)
    control = await asyncio.start_server(lambda r, w: serve_control(plant, cast, r, w), "127.0.0.1", given.control)
    links = [asyncio.create_task(link.run()) for group in cameras.values() for link in group]
    print(
        f"plant ready port={given.port} control={given.control} seed={given.seed} lanes={','.join(lanes)}", flush=True
    )
    async with boards, control:
        await asyncio.gather(plant.run(), *links)


def main() -> int:
    parser = argparse.ArgumentParser(description="The simulated plant, see the top of tools/simulator/plant.py")
    parser.add_argument("--port", type=int, required=True, help="port for the lanes' boards on 127.0.0.1")
    parser.add_argument("--control", type=int, required=True, help="control port on 127.0.0.1")
    parser.add_argument("--truth", type=Path, required=True, help="truth log, appended to")
    parser.add_argument("--cast", type=Path, default=CAST_FILE, help="cast file")
    parser.add_argument("--seed", type=int, required=True, help="seed of the traffic")
    parser.add_argument(
        "--passes", type=int, default=0, help="how many trucks; 0 = without end, -1 = none by themselves"
    )
    parser.add_argument("--hold-traffic", action="store_true", help="nobody comes before the order start_traffic")
    parser.add_argument("--lane", action="append", default=[], help="LANE=in or LANE=out")
    parser.add_argument("--camera", action="append", default=[], help="LANE=CONTROL PORT of a camera of that lane")
    parser.add_argument("--approach-s", type=float, default=APPROACH_CLIP_S, help="length of the approach clips")
    given = parser.parse_args()
    try:
        asyncio.run(_main(given))
    except KeyboardInterrupt:
        return 0
    except (OSError, CastRefused) as error:
        print(f"plant cannot start: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
