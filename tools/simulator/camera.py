"""One simulated camera: an RTSP server process that plays clips by order of the plant.

    python -m tools.simulator.camera --code C01-H --port 8554 --clips FOLDER --control 9554

Serves rtsp://127.0.0.1:PORT/live (H.264, TCP interleaved, any number of clients) and takes orders on the TCP port
CONTROL: one JSON object a line, each answered by {"ok": true} or {"error": "..."}:

    {"show": "<truck id>", "phase": "approach|wait|leave|reverse"}
    {"show": "empty"}                                 optional "light": "day|dusk|night"
    {"fault": "none|stall|freeze|corrupt"}

At the end of `approach` it goes on with `wait` by itself, at the end of `leave` and `reverse` with the empty lane in
the same light. An order takes effect with the next picture (100 ms). Faults: `stall` stays connected and answers but
sends no picture, `freeze` repeats one picture, `corrupt` flips bytes inside every picture.

Pictures are copied, never encoded: one tick feeds all clients, RTP time runs on across clips and counts real time.
Mean CPU with two clients, switching clips every 4 s, over 64 s: 0.4 % of one x86-64 core.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aio_rtsp_toolkit.server import RtspServer
from aio_rtsp_toolkit.server_media import MediaSource, MediaTrackInfo, profile_level_id_from_sps, to_base64
from aio_rtsp_toolkit.server_session import RtspServerSession

from tools.simulator.clips import Clip, Unit, load_index
from tools.simulator.scenes.looks import FPS, LIGHTS, PHASES

FAULTS = ("none", "stall", "freeze", "corrupt")
CLOCK_HZ = 90_000
"""RTP clock of video. Source: RFC 6184, 8.2.1."""
BEHIND_UNITS = 3 * FPS
"""A client this many pictures behind is disconnected: it has stopped reading."""
MAX_PAYLOAD_BYTES = 1400
SPS, PPS, SLICE, KEY_SLICE = 7, 8, 1, 5


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units of an Annex B access unit, without start codes."""
    parts = data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [part for part in parts if part]


def rtp_payloads(unit: bytes) -> list[bytes]:
    """The RTP payloads of one access unit: single NAL unit packets and FU-A fragments. Source: RFC 6184, 5.6 and 5.8."""
    payloads: list[bytes] = []
    room = MAX_PAYLOAD_BYTES - 2
    for nal in nal_units(unit):
        if len(nal) <= MAX_PAYLOAD_BYTES:
            payloads.append(nal)
            continue
        indicator, kind, body = (nal[0] & 0xE0) | 28, nal[0] & 0x1F, nal[1:]
        for start in range(0, len(body), room):
            first, last = start == 0, start + room >= len(body)
            header = bytes((indicator, kind | (0x80 if first else 0) | (0x40 if last else 0)))
            payloads.append(header + body[start : start + room])
    return payloads


class Player:
    """Says which access unit comes next; switches between clips as ordered."""

    def __init__(self, clips: dict[str, Clip], lights: dict[str, str]) -> None:
        self._clips = clips
        self._lights = lights
        self._light = next(name.removeprefix("empty-") for name in clips if name.startswith("empty-"))
        self._run = clips[f"empty-{self._light}"].phases["empty"]
        self._after: tuple[str, str] = ("empty", "empty")
        self._at = 0
        self._last_key = self._run[0]
        self._dice = random.Random(0)
        self.fault = "none"

    def show(self, name: str, phase: str, light: str | None = None) -> None:
        """Go to the start of a phase with the next unit. Raises ValueError for an unknown clip, phase or light."""
        if name == "empty":
            self._light = light or self._light
            key, phase = f"empty-{self._light}", "empty"
        else:
            key, self._light = name, self._lights.get(name, self._light)
        if key not in self._clips:
            raise ValueError(f"show: no clip {key!r}; there are {', '.join(sorted(self._clips))}")
        if phase not in self._clips[key].phases:
            raise ValueError(f"phase: {phase!r} of clip {key!r}; allowed: {', '.join(PHASES)}")
        self._run, self._at = self._clips[key].phases[phase], 0
        self._after = {"approach": (name, "wait"), "wait": (name, "wait")}.get(phase, ("empty", "empty"))

    def next_unit(self) -> Unit | None:
        """The unit of this tick; None while stalled."""
        if self.fault == "stall":
            return None
        if self.fault == "freeze":
            return self._last_key
        if self._at >= len(self._run):
            self.show(*self._after)
        unit = self._run[self._at]
        self._at += 1
        if unit.is_key:
            self._last_key = unit
        return self._spoil(unit) if self.fault == "corrupt" else unit

    def _spoil(self, unit: Unit) -> Unit:
        """The unit with one byte in a hundred of its slices wrong; parameter sets and NAL headers stay."""
        spoilt = []
        for nal in nal_units(unit.data):
            body = bytearray(nal)
            if nal[0] & 0x1F in (SLICE, KEY_SLICE):
                for _ in range(max(4, len(body) // 100)):
                    body[self._dice.randrange(8, len(body))] = self._dice.randrange(1, 256)
            spoilt.append(b"\x00\x00\x01" + bytes(body))
        return Unit(b"".join(spoilt), unit.is_key)


@dataclass(frozen=True)
class Tick:
    """One picture on its way to the clients."""

    payloads: list[bytes]
    rtp_time: int
    is_key: bool


class LiveSession(RtspServerSession):
    """A client's session that sends ticks instead of a file."""

    async def _stream_media(self) -> None:
        server = cast(LiveServer, self.server)
        state = next(s for s in self.track_states.values() if s.rtp_channel is not None)
        ticks: asyncio.Queue[Tick] = asyncio.Queue(maxsize=BEHIND_UNITS)
        first_time: int | None = None  # the toolkit's PLAY answer promises that RTP time starts at 0
        server.subscribers.add(ticks)
        try:
            while not self.closed:
                tick = await ticks.get()
                if first_time is None and tick.is_key:
                    first_time = tick.rtp_time
                if first_time is not None:
                    await self._send_tick(state, tick, (tick.rtp_time - first_time) & 0xFFFFFFFF)
                if ticks.full():
                    raise ConnectionResetError(f"client is {BEHIND_UNITS} pictures behind")
        except OSError:
            asyncio.get_running_loop().call_soon(self.sock.writer.transport.abort)
        finally:
            server.subscribers.discard(ticks)

    async def _send_tick(self, state: Any, tick: Tick, rtp_time: int) -> None:
        """All RTP packets of a picture in one write, then a sender report if one is due."""
        out = bytearray()
        for index, payload in enumerate(tick.payloads):
            marker = 0x80 if index == len(tick.payloads) - 1 else 0
            out += struct.pack("!cBH", b"$", state.rtp_channel, 12 + len(payload))
            out += struct.pack(
                "!BBHII", 0x80, marker | state.info.payload_type, state.sequence_number, rtp_time, state.ssrc
            )
            out += payload
            state.sequence_number = (state.sequence_number + 1) & 0xFFFF
            state.octet_count += len(payload)
        state.packet_count += len(tick.payloads)
        state.last_rtp_timestamp = rtp_time
        state.last_rtp_send_time = time.time()
        async with self.write_lock:
            await self.sock.send(bytes(out))
        await self._maybe_send_rtcp_sr(state)


class LiveServer(RtspServer):
    """The toolkit's RTSP server with one live source at /live instead of a folder of files."""

    def __init__(self, port: int, sps: bytes, pps: bytes, code: str) -> None:
        super().__init__(directory=".", host="127.0.0.1", port=port, session_name=code)
        self.logger = Quiet()
        self.subscribers: set[asyncio.Queue[Tick]] = set()
        sets = f"{to_base64(sps)},{to_base64(pps)}"
        track = MediaTrackInfo(
            media_type="video",
            control="track1",
            codec_name="h264",
            payload_type=96,
            clock_rate=CLOCK_HZ,
            fmtp=f"packetization-mode=1; profile-level-id={profile_level_id_from_sps(sps)}; sprop-parameter-sets={sets}",
        )
        self._source = MediaSource(file_path=Path("live"), tracks=[track], session_name=code)

    async def _handle_client(self, sock: Any) -> None:
        with contextlib.suppress(OSError):
            await LiveSession(self, sock).run()

    def resolve_request_path(self, uri: str) -> Path:
        """The one path that exists. Raises FileNotFoundError (RTSP 404) for any other."""
        if uri.split("?")[0].rstrip("/").rsplit("/", 1)[-1] != "live":
            raise FileNotFoundError(uri)
        return Path("live")

    def load_media_source(self, file_path: Path) -> MediaSource:
        return self._source

    def publish(self, tick: Tick) -> None:
        for ticks in self.subscribers:
            with contextlib.suppress(asyncio.QueueFull):
                ticks.put_nowait(tick)


class Quiet:
    """The toolkit's logger: only what is wrong, on standard error."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None:
        print(f"rtsp warning {message}", file=sys.stderr, flush=True)

    error = critical = warning


async def play(player: Player, server: LiveServer) -> None:
    """Publish one unit each 1/FPS s of the monotonic clock, for ever; after a pause of the machine it does not rush."""
    loop = asyncio.get_running_loop()
    packed: dict[int, list[bytes]] = {}
    started_s, count = loop.time(), 0
    while True:
        unit = player.next_unit()
        if unit is not None:
            key = id(unit)
            payloads = packed.get(key) or rtp_payloads(unit.data)
            if player.fault == "none":
                packed[key] = payloads
            server.publish(Tick(payloads, count * CLOCK_HZ // FPS, unit.is_key))
        count += 1
        late_units = int((loop.time() - started_s) * FPS) - count
        if late_units > FPS:
            count += late_units
        await asyncio.sleep(max(0.0, started_s + count / FPS - loop.time()))


def obey(player: Player, line: bytes) -> dict[str, Any]:
    """Carry out one control line. Never raises: what is wrong with the line is the answer."""
    try:
        order = json.loads(line)
        if not isinstance(order, dict):
            raise ValueError("a line is one JSON object")
        unknown = set(order) - {"show", "phase", "light", "fault"}
        if unknown or not order:
            raise ValueError(
                f"unknown key {', '.join(sorted(unknown)) or '(none given)'}; allowed: show, phase, light, fault"
            )
        if "fault" in order:
            if order["fault"] not in FAULTS:
                raise ValueError(f"fault: {order['fault']!r}; allowed: {', '.join(FAULTS)}")
            player.fault = order["fault"]
        if "show" in order:
            if order.get("light") not in (None, *LIGHTS):
                raise ValueError(f"light: {order['light']!r}; allowed: {', '.join(LIGHTS)}")
            player.show(str(order["show"]), str(order.get("phase", "approach")), order.get("light"))
    except ValueError as error:
        return {"error": str(error)}
    return {"ok": True}


async def control(player: Player, port: int) -> asyncio.Server:
    """Listen for orders; any number of connections, each line answered."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                writer.write(json.dumps(obey(player, line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", port)


def parameter_sets(clips: dict[str, Clip]) -> tuple[bytes, bytes]:
    """SPS and PPS of a camera's clips. Raises ValueError when two clips differ, since clients learn them only once."""
    found: dict[tuple[bytes, bytes], str] = {}
    for clip in clips.values():
        for units in clip.phases.values():
            nals = nal_units(units[0].data)
            sets = tuple(next(n for n in nals if n[0] & 0x1F == kind) for kind in (SPS, PPS))
            found.setdefault(sets, clip.id)  # type: ignore[arg-type]
    if len(found) != 1:
        raise ValueError(f"clips with different SPS or PPS: {', '.join(found.values())}; render them anew")
    return next(iter(found))


async def run(code: str, port: int, folder: Path, control_port: int) -> None:
    """Serve until cancelled. Raises OSError for a port in use, KeyError or ValueError for unusable clips."""
    index = load_index(folder)
    clips = index.load(code)
    server = LiveServer(port, *parameter_sets(clips), code)
    player = Player(clips, index.lights)
    await server.start()
    orders = await control(player, control_port)
    print(f"camera ready code={code} url=rtsp://127.0.0.1:{port}/live control={control_port}", flush=True)
    async with orders:
        await play(player, server)


def main() -> int:
    parser = argparse.ArgumentParser(description="One simulated camera, see the top of tools/simulator/camera.py")
    parser.add_argument("--code", required=True, help="camera code, for example C01-H")
    parser.add_argument("--port", type=int, required=True, help="RTSP port on 127.0.0.1")
    parser.add_argument("--clips", type=Path, required=True, help="folder of a ClipIndex (tools/simulator/clips.py)")
    parser.add_argument("--control", type=int, required=True, help="control port on 127.0.0.1")
    given = parser.parse_args()
    try:
        asyncio.run(run(given.code, given.port, given.clips, given.control))
    except KeyboardInterrupt:
        return 0
    except (OSError, ValueError, KeyError) as error:
        print(f"camera {given.code} cannot start: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
