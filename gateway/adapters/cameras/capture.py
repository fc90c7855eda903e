"""The capture process of one camera: RTSP in, packet ring, decoded pictures out on request.

Two threads. The demuxer copies packets into the ring and reopens the stream after any trouble; the main thread
answers the owner's requests and once a second decodes the newest picture for the console and the health check.
Nothing is decoded otherwise: demuxing costs about 0.2 ms a packet, decoding 2-5 ms a picture.

Messages on the pipe, owner to capture: ("burst" or "clip", id, from_ms, until_ms, max_frames), ("stop",). Capture to owner:
("beat", CaptureState, JPEG or None, at_ms), ("burst", id, [(at_ms, image)], CaptureState). The end of the pipe ends the process.
"""

from __future__ import annotations

import ctypes
import io
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import cast

import av
import av.logging
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from PIL import Image

from gateway.adapters.cameras.clip import mp4_of
from gateway.adapters.cameras.ring import Packet, PacketRing, evenly

MIN_WIDTH_PX, MIN_HEIGHT_PX = 1280, 720
"""Smallest picture whose photographs are accepted. Source: HJ 1321-2023 camera requirements (720p and better)."""
CONSOLE_WIDTH_PX = 960
THUMB_PX = (16, 9)
"""Width and height of the small grey picture by which a covered or moved camera is told."""
BEAT_S = 1.0
LOOK_S = 0.2
"""How often to look for a new key frame: a picture for the console is then at most GOP + LOOK_S old."""
KEY_AGE_S = 1.2
"""A key frame older than this is not new enough for the console: its GOP is decoded to the end."""
MAX_BURST_FRAMES = 24
"""Bounds what one request moves through the pipe: 24 pictures of 1080p are 150 MB."""
SAME_PICTURE = 0.02
"""Mean difference (grey levels, 0-255) under which two pictures a second apart are the same picture: sensor noise
leaves 0.1 and more between two key frames of a still scene, a repeated picture leaves exactly 0."""
BLANK_DEVIATION = 1.0
"""Standard deviation (grey levels) under which a picture shows nothing: lens covered, sensor dead."""
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class CaptureSettings:
    """Timeouts of the native calls, length of the ring, how long a picture may stay the same, the age of the newest
    packet from which the camera counts as offline, whatever its socket says. hang_s: after so long without a sign of
    life the process is killed; three times the timeout of a native call. min_width_px, min_height_px: smaller streams
    are refused; the standard's, or a local rule's larger ones."""

    open_timeout_s: float = 4.0
    read_timeout_s: float = 4.0
    ring_s: float = 12.0
    frozen_after_s: float = 5.0
    max_backoff_s: float = 4.0
    online_within_s: float = 3.0
    hang_s: float = 12.0
    min_width_px: int = MIN_WIDTH_PX
    min_height_px: int = MIN_HEIGHT_PX


@dataclass(frozen=True)
class CaptureState:
    """What the capture process knows of its stream; monotonic times are comparable across processes on one machine.

    demuxer_mono_s: when the demuxer last came back from a native call. newest_mono_s: arrival of the newest packet.
    """

    demuxer_mono_s: float
    newest_mono_s: float | None = None
    width_px: int = 0
    height_px: int = 0
    reconnects: int = 0
    corrupt: int = 0
    is_frozen: bool = False
    refused: str = ""
    last_error: str = ""
    thumb: bytes = b""  # the newest picture, THUMB_PX, grey


def refusal(width_px: int, height_px: int, least: tuple[int, int] = (MIN_WIDTH_PX, MIN_HEIGHT_PX)) -> str:
    """Why a stream of this size is not accepted; empty if it is. least: width and height that are asked for, px."""
    if width_px >= least[0] and height_px >= least[1]:
        return ""
    whose = "HJ 1321" if least == (MIN_WIDTH_PX, MIN_HEIGHT_PX) else "本地要求 local rule"
    return f"stream is {width_px} x {height_px}; at least {least[0]} x {least[1]} is required ({whose})"


def plain(error: BaseException) -> str:
    """An error without the stream's address, which may hold a password."""
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'stream error'}"


class Capture:
    """The stream, its ring and its state; `demux` runs in its own thread, the rest in the main thread."""

    def __init__(self, url: str, settings: CaptureSettings) -> None:
        self._url, self._settings = url, settings
        self._lock = threading.Lock()
        self._ring = PacketRing(settings.ring_s)
        self._extradata = b""
        self._codec = "h264"
        self._open_s = settings.open_timeout_s
        self.state = CaptureState(demuxer_mono_s=time.monotonic())
        self._last_luma: np.ndarray | None = None
        self._same_since_s: float | None = None
        self._shown_s: float | None = None

    def has_new_key(self) -> bool:
        """A key frame newer than the last shown picture has arrived."""
        with self._lock:
            newest = self._ring.newest_key()
        return newest is not None and (self._shown_s is None or newest.mono_s > self._shown_s)

    def _refusal(self, width_px: int, height_px: int) -> str:
        return refusal(width_px, height_px, (self._settings.min_width_px, self._settings.min_height_px))

    def _note(self, **changes: object) -> None:
        with self._lock:
            self.state = replace(self.state, **changes)  # type: ignore[arg-type]

    # ------------------------------------------------------------ demuxer thread

    def demux(self) -> None:
        """Keep the ring filled, for ever. A failed open, a read timeout and a stream that just ends are one and the
        same: reopen, after a pause that doubles up to max_backoff_s and starts again with every picture received."""
        backoff_s = 0.25
        is_first = True
        while True:
            if not is_first:
                self._note(reconnects=self.state.reconnects + 1)
            is_first = False
            received = 0
            try:
                for packet in self._packets():
                    received += 1
                    self._store(packet)
                self._note(last_error="stream ended")
            except (FFmpegError, OSError, ValueError, IndexError) as error:
                self._note(last_error=plain(error))
            backoff_s = 0.25 if received else min(backoff_s * 2, self._settings.max_backoff_s)
            self._open_s = self._settings.open_timeout_s if received else self._longer_open_s()
            until_s = time.monotonic() + backoff_s
            while time.monotonic() < until_s:
                self._note(demuxer_mono_s=time.monotonic())
                time.sleep(min(0.25, backoff_s))

    def _longer_open_s(self) -> float:
        # On a busy machine an opening that is cut short again and again never ends; below the time after which it counts as hung.
        return max(self._settings.open_timeout_s, min(self._open_s * 1.5, self._settings.hang_s - 2.0))

    def _packets(self) -> Iterator[av.Packet]:
        options = {
            "rtsp_transport": "tcp",
            "fflags": "nobuffer",
            "analyzeduration": "300000",
            "probesize": "500000",
        }
        timeouts = (self._open_s, self._settings.read_timeout_s)
        with av.open(self._url, options=options, timeout=timeouts) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            with self._lock:
                self._ring.clear()
                self._extradata = bytes(context.extradata or b"")
                self._codec = context.name
            width_px, height_px = context.width, context.height
            self._note(width_px=width_px, height_px=height_px, refused=self._refusal(width_px, height_px))
            for packet in container.demux(stream):
                if packet.size:
                    yield packet

    def _store(self, packet: av.Packet) -> None:
        now_s = time.monotonic()
        kept = Packet(time.time_ns() // 1_000_000, now_s, packet.is_keyframe, bytes(packet))
        with self._lock:
            self._ring.add(kept)
            self.state = replace(self.state, newest_mono_s=now_s, demuxer_mono_s=now_s)

    # ------------------------------------------------------------ main thread

    def burst(self, from_ms: int, until_ms: int, max_frames: int) -> list[tuple[int, np.ndarray]]:
        """(at_ms, uint8 (h, w, 3) BGR) of [from_ms, until_ms], oldest first; pictures with decoding errors left out."""
        if self.state.refused:
            return []
        with self._lock:
            packets = self._ring.window(from_ms, until_ms)
        wanted = [i for i, packet in enumerate(packets) if from_ms <= packet.at_ms <= until_ms]
        chosen = {wanted[i] for i in evenly(len(wanted), min(max_frames, MAX_BURST_FRAMES))}
        return [
            (packets[index].at_ms, frame.to_ndarray(format="bgr24"))
            for index, frame in self._decode(packets)
            if index in chosen
        ]

    def clip(self, from_ms: int, until_ms: int) -> bytes:
        """The stream of [from_ms, until_ms], from the key frame before it on, as MP4; empty without pictures."""
        with self._lock:
            packets, extradata, codec, state = (
                self._ring.window(from_ms, until_ms),
                self._extradata,
                self._codec,
                self.state,
            )
        if state.refused:
            return b""
        try:
            return mp4_of(packets, codec, extradata, state.width_px, state.height_px)
        except (FFmpegError, ValueError) as error:
            self._note(last_error=f"no clip, {plain(error)}")
            return b""

    def newest_jpeg(self) -> tuple[bytes, int] | None:
        """The newest picture for the console; updates the frozen flag. None when nothing new can be shown."""
        with self._lock:
            packets = self._ring.newest(KEY_AGE_S)
        if not packets or packets[-1].mono_s == self._shown_s:
            return None
        self._shown_s = packets[-1].mono_s
        last = None
        for index, frame in self._decode(packets):
            last = (packets[index], frame)
        if last is None:
            return None
        packet, frame = last
        if (frame.width, frame.height) != (self.state.width_px, self.state.height_px):
            self._note(width_px=frame.width, height_px=frame.height, refused=self._refusal(frame.width, frame.height))
        self._judge_motion(frame, packet.mono_s)
        width_px = min(CONSOLE_WIDTH_PX, frame.width)
        height_px = frame.height * width_px // frame.width // 2 * 2
        image = frame.reformat(width=width_px, height=height_px, format="rgb24").to_ndarray()
        jpeg, picture = io.BytesIO(), Image.fromarray(image)
        self._note(thumb=picture.convert("L").resize(THUMB_PX, Image.Resampling.BOX).tobytes())
        picture.save(jpeg, "JPEG", quality=80)
        return jpeg.getvalue(), packet.at_ms

    def _decode(self, packets: Sequence[Packet]) -> Iterator[tuple[int, av.VideoFrame]]:
        """(index of the packet, picture) in display order.

        A picture with decoding errors is counted and left out, and so are those after it up to the next sound key
        frame: they decode without complaint but are built on it.
        """
        if not packets:
            return
        decoder = cast(VideoCodecContext, av.CodecContext.create(self._codec, "r"))
        decoder.thread_count = 1
        if self._extradata:
            decoder.extradata = self._extradata
        is_sound = False
        for index, kept in enumerate([*packets, None]):
            packet = None
            if kept is not None:
                packet = av.Packet(kept.data)
                packet.pts = packet.dts = index
            try:
                frames = decoder.decode(packet)
            except FFmpegError as error:
                is_sound = False
                self._note(corrupt=self.state.corrupt + 1, last_error=f"corrupt picture, {plain(error)}")
                continue
            for frame in frames:
                if frame.is_corrupt:
                    is_sound = False
                    self._note(corrupt=self.state.corrupt + 1, last_error="corrupt picture, decoder found errors")
                    continue
                is_sound = is_sound or bool(frame.key_frame)
                if is_sound and frame.pts is not None:
                    yield frame.pts, frame

    def _judge_motion(self, frame: av.VideoFrame, mono_s: float) -> None:
        plane = frame.reformat(format="gray8").to_ndarray()[::4, ::4].astype(np.int16)
        blank = float(plane.std()) < BLANK_DEVIATION
        last, self._last_luma = self._last_luma, plane
        is_same = last is not None and last.shape == plane.shape and float(np.abs(plane - last).mean()) < SAME_PICTURE
        if not (is_same or blank):
            self._same_since_s = None
        elif self._same_since_s is None:
            self._same_since_s = mono_s
        since_s = self._same_since_s
        is_frozen = since_s is not None and mono_s - since_s >= self._settings.frozen_after_s
        if is_frozen and not self.state.is_frozen:
            self._note(last_error="blank picture" if blank else "frozen picture")
        self._note(is_frozen=is_frozen)


def capture_main(pipe: Connection, url: str, settings: CaptureSettings, owner_pid: int) -> None:
    """Run until the owner says stop, closes the pipe or dies; the kernel then kills this process even in a native call."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to handle
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != owner_pid:
        return
    av.logging.set_level(av.logging.PANIC)
    capture = Capture(url, settings)
    threading.Thread(target=capture.demux, name="demux", daemon=True).start()
    try:
        _serve(pipe, capture)
    except (EOFError, OSError):
        pass  # the owner is gone
    finally:
        os._exit(0)  # the demuxer may sit in a native call; it has nothing to finish


def _serve(pipe: Connection, capture: Capture) -> None:
    """Answer requests; a beat each BEAT_S, sooner (by up to a fifth) when a key frame has just come."""
    beat_s = -BEAT_S
    while True:
        if pipe.poll(LOOK_S):
            request = pipe.recv()
            if request[0] == "stop":
                return
            kind, request_id, from_ms, until_ms, max_frames = request
            if kind == "clip":
                rows: list[tuple[int, object]] = [(from_ms, capture.clip(from_ms, until_ms))]
            else:
                rows = list(capture.burst(from_ms, until_ms, max_frames))
            pipe.send(("burst", request_id, rows, capture.state))
        since_s = time.monotonic() - beat_s
        if since_s >= BEAT_S or (since_s >= 0.8 * BEAT_S and capture.has_new_key()):
            beat_s = time.monotonic()
            shown = capture.newest_jpeg()
            pipe.send(("beat", capture.state, *(shown or (None, 0))))
