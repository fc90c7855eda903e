"""A whole site on a bench: every program of it started, restarted when it dies, measured, and ended without an orphan.

    site = Site(folder, seed=7, passes=30)
    await site.start(); await site.wait_healthy(); ...; site.kill("gateway"); ...; await site.stop()

Names of programs: broker, regulator, gateway, vision, plant, a camera's code (C01-H), a lane's id (g1-b01).
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.simulator.cast import CAST_FILE, load_cast
from tools.simulator.clip_work import ClipsFailed, approach_s, prepare_clips
from tools.simulator.guard import Answered, Guard
from tools.simulator.plant_client import PlantClient, PlantUnavailable
from tools.simulator.processes import Meter, Program, ProgramFailed, Supervised
from tools.simulator.site_files import LANES, Ports, SiteFolder, cameras, write_site

ROOT = Path(__file__).resolve().parents[2]
HTTP_S = 5.0
METER_S = 5.0


class SiteRefused(RuntimeError):
    """The site cannot be started; the text says why and what to do."""


def free_ports(count: int) -> list[int]:
    """So many loopback ports that nobody uses now, TCP and UDP."""
    found: list[int] = []
    held: list[socket.socket] = []
    try:
        while len(found) < count:
            tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
            held += [tcp, udp]
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(("127.0.0.1", tcp.getsockname()[1]))
            except OSError:
                continue
            found.append(tcp.getsockname()[1])
    finally:
        for s in held:
            s.close()
    return found


def interpreter() -> Path | None:
    """The MicroPython interpreter of the bench, or None where its package has no wheel (other than x86-64)."""
    path = Path(sys.executable).parent / "micropython"
    return path if path.exists() else None


class Site:
    """One bench site in a folder. on_change: told (program, what happened) in words.

    passes: of the plant's traffic; 0 = without end, -1 = only what is ordered. Traffic waits for `start_traffic`.
    """

    def __init__(
        self,
        root: Path,
        *,
        seed: int,
        passes: int = 0,
        cast_file: Path = CAST_FILE,
        web_port: int | None = None,
        on_change: Callable[[str, str], None] = lambda name, what: None,
        clip_cache: Path | None = None,
        gateway_env: dict[str, str] | None = None,
    ) -> None:
        self.folder = SiteFolder(root.resolve())
        self.cast_file = cast_file.resolve()
        self.cast = load_cast(cast_file)
        self.seed, self.passes = seed, passes
        self.ports = _choose_ports(web_port)
        self.plant = PlantClient(self.ports.plant_control)
        self.has_lanes = interpreter() is not None
        self.clip_cache = (clip_cache or ROOT / "demo-data" / "clips").resolve()
        self.programs: dict[str, Supervised] = {}
        self._on_change = on_change
        self._gateway_env = gateway_env or {}
        self._clips: dict[str, Path] = {}
        self._approach_s = 0.0
        self._meter = Meter(self._group_of)
        self._metering: asyncio.Task[None] | None = None

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def regulator_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.regulator}"

    # ------------------------------------------------------------ life

    def prepare(self, progress: Callable[[int, int, str], None] | None = None) -> None:
        """Render missing clips and write the site's files; blocking, seconds to minutes at the first time."""
        try:
            indexes = prepare_clips(self.cast, self.clip_cache, progress)
        except ClipsFailed as error:
            raise SiteRefused(str(error)) from None
        self._clips = {code: index.folder for code, index in indexes.items()}
        self._approach_s = approach_s(indexes)
        write_site(self.folder, self.cast, self.ports)
        self._import_registers()

    def _import_registers(self) -> None:
        argv = [
            *_lvzha("import"),
            str(self.folder.registers),
            "--config",
            str(self.folder.settings),
            "--accepted-by",
            "simulator",
        ]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise SiteRefused(f"the registers were not taken: {done.stdout}{done.stderr}")

    async def start(self) -> None:
        """Start every program; `prepare` first if that was not done. Returns before they are ready."""
        if not self._clips:
            await asyncio.to_thread(self.prepare)
        for program in self._table():
            supervised = Supervised(program, self.folder.logs, self._on_change)
            self.programs[program.name] = supervised
            supervised.start()
        self._metering = asyncio.create_task(self._measure())

    async def stop(self) -> None:
        """End everything, the deciding process first; nothing of it is left when this returns."""
        if self._metering:
            self._metering.cancel()
        self._meter.sample()
        for names in (["gateway"], [n for n in self.programs if n != "gateway"]):
            await asyncio.gather(*(self.programs[n].stop() for n in names if n in self.programs))

    def names(self) -> list[str]:
        """The programs of this site, whether they run or not."""
        return [program.name for program in self._table()]

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal (SIGKILL) to a program; it is started again after a second. Raises KeyError, ProcessLookupError."""
        self.programs[name].signal(number)

    def pid(self, name: str) -> int | None:
        """Process id, None between a death and the next start. Raises KeyError for an unknown name."""
        return self.programs[name].pid

    async def start_traffic(self) -> None:
        await self.plant.ask("start_traffic")

    async def stop_traffic(self) -> None:
        await self.plant.ask("stop_traffic")

    def guard(self, *, scale: float = 1.0, on_answer: Callable[[Answered], None] = lambda answered: None) -> Guard:
        """The guard of this site, not yet at work: `run()` him. scale: factor on the 3 to 20 s he takes."""
        directions = {lane.id: lane.direction for lane in LANES}
        return Guard(self.console_url, self.cast, directions, seed=self.seed, truck_at=self.plant.truck_at,
                     scale=scale, on_answer=on_answer)  # fmt: skip

    # ------------------------------------------------------------ health

    async def wait_healthy(self, timeout_s: float = 90.0) -> None:
        """Until every program runs and every link stands. Raises SiteRefused naming what is missing, ProgramFailed."""
        missing: list[str] = []
        try:
            async with asyncio.timeout(timeout_s):
                while missing := await self.missing():
                    for program in self.programs.values():
                        if program.failed:
                            raise ProgramFailed(program.failed)
                    await asyncio.sleep(0.5)
        except TimeoutError:
            raise SiteRefused(
                f"not ready after {timeout_s:.0f} s: {'; '.join(missing)}; logs: {self.folder.logs}"
            ) from None

    async def missing(self) -> list[str]:
        """What does not work right now, in words; empty = all is well."""
        found = [f"{name} is not running" for name, p in self.programs.items() if p.pid is None]
        try:
            lanes = await asyncio.to_thread(get_json, f"{self.console_url}/api/lanes")
        except (OSError, ValueError) as error:
            return [*found, f"the console does not answer ({error})"]
        for lane in lanes:
            if self.has_lanes and not lane["is_online"]:
                found.append(f"lane {lane['lane']} is not online at the gateway")
            for code, state in lane["cameras"].items():
                if not state["is_online"]:
                    found.append(
                        f"camera {code} gives no pictures ({state['refused'] or state['last_error'] or 'not yet'})"
                    )
        try:
            status = await self.plant.ask("status")
        except PlantUnavailable as error:
            return [*found, str(error)]
        for name, lane in status["lanes"].items():
            if self.has_lanes and not lane["is_board_connected"]:
                found.append(f"board {name} is not connected to the plant")
            if lane["cameras_connected"] < lane["cameras"]:
                found.append(f"the plant does not reach every camera of {name}")
        try:
            await asyncio.to_thread(_touch, self.ports.regulator)
        except OSError as error:
            found.append(f"the regulator does not answer ({error})")
        return found

    # ------------------------------------------------------------ measures

    def usage(self) -> dict[str, dict[str, float]]:
        """CPU seconds and memory of "gateway" and "simulator", apart."""
        return {
            group: {name: round(value, 1) for name, value in vars(usage).items() if name != "processes"}
            for group, usage in self._meter.usage.items()
        }

    async def _measure(self) -> None:
        while True:
            self._meter.sample()
            await asyncio.sleep(METER_S)

    def _group_of(self, process_group: int) -> str | None:
        return next((p.program.group for p in self.programs.values() if p.pid == process_group), None)

    # ------------------------------------------------------------ the table of programs

    def _table(self) -> list[Program]:
        folder, ports = self.folder, self.ports
        settings = ["--config", str(folder.settings)]
        table = [
            Program("regulator", "simulator", [
                sys.executable, "-m", "tools.regulator", "--data", str(folder.regulator_data), "--port", str(ports.regulator),
                "--enterprise-key", str(folder.regulator_keys / "enterprise.pub"),
                "--platform-key", str(folder.regulator_keys / "platform.key"), "--seed", str(folder.regulator_seed)], ROOT),
            Program("broker", "gateway", [*_lvzha("broker"), *settings], ROOT),
            *(Program(code, "simulator", [
                sys.executable, "-m", "tools.simulator.camera", "--code", code, "--port", str(ports.rtsp[code]),
                "--clips", str(self._clips.get(code, "")), "--control", str(ports.camera_control[code])], ROOT) for code, _, _ in cameras()),
            Program("plant", "simulator", self._plant_argv(), ROOT),
            Program("gateway", "gateway", [*_lvzha("run"), *settings], ROOT, self._gateway_env),
            Program("vision", "gateway", [*_lvzha("vision"), *settings], ROOT),
        ]  # fmt: skip
        if lane_interpreter := interpreter():
            firmware = ROOT / "firmware"
            search = f"{ROOT / 'tools/simulator/interpreter'}:{firmware}:.frozen"
            for lane in LANES:
                env = {"MICROPYPATH": search, "LVZHA_PLANT": f"127.0.0.1:{ports.plant}", "LVZHA_LANE": lane.id}
                argv = [str(lane_interpreter), "-X", "heapsize=4M", str(firmware / "main.py")]
                table.append(Program(lane.id, "simulator", argv, folder.flash(lane.id), env))
        return table

    def _plant_argv(self) -> list[str]:
        ports = self.ports
        argv = [sys.executable, "-m", "tools.simulator.plant", "--port", str(ports.plant), "--control", str(ports.plant_control),
                "--truth", str(self.folder.truth), "--seed", str(self.seed), "--passes", str(self.passes), "--hold-traffic", "--cast", str(self.cast_file),
                "--approach-s", f"{self._approach_s:.1f}"]  # fmt: skip
        for lane in LANES:
            argv += ["--lane", f"{lane.id}={lane.direction}"]
            for code in (lane.head_camera, lane.body_camera):
                argv += ["--camera", f"{lane.id}={ports.camera_control[code]}"]
        return argv


def _choose_ports(web_port: int | None) -> Ports:
    codes = [code for code, _, _ in cameras()]
    first = free_ports(6 + 2 * len(codes))
    rest = first[6:]
    return Ports(first[0], web_port or first[1], first[2], first[3], first[4], first[5],
                 dict(zip(codes, rest, strict=False)), dict(zip(codes, rest[len(codes):], strict=True)))  # fmt: skip


def _lvzha(command: str) -> list[str]:
    return [str(Path(sys.executable).parent / "lvzha"), command]


def get_json(url: str) -> Any:
    """Raises OSError, ValueError."""
    with urllib.request.urlopen(url, timeout=HTTP_S) as answer:
        return json.loads(answer.read())


def _touch(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=HTTP_S).close()
