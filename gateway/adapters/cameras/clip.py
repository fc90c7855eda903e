"""A few seconds of the ring as an MP4 file: the camera's own pictures, not encoded again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import av

from gateway.adapters.cameras.ring import Packet

TIME_BASE = Fraction(1, 1000)


def mp4_of(packets: Sequence[Packet], codec: str, extradata: bytes, width_px: int, height_px: int) -> bytes:
    """The packets in a fragmented MP4, times as they arrived; empty when there are none or they do not begin with a key frame.

    packets: oldest first, of one stream without B-frames (as the ring's window gives them). Raises av's FFmpegError.
    """
    if not packets or not packets[0].is_key:
        return b""
    out = io.BytesIO()
    with av.open(
        out, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    ) as container:
        stream = container.add_stream(codec)
        stream.width, stream.height, stream.time_base = width_px, height_px, TIME_BASE  # pyright: ignore[reportAttributeAccessIssue]
        if extradata:
            stream.codec_context.extradata = extradata
        last_ms = -1
        for kept in packets:
            packet = av.Packet(kept.data)
            last_ms = max(last_ms + 1, kept.at_ms - packets[0].at_ms)
            packet.pts = packet.dts = last_ms
            packet.time_base, packet.stream, packet.is_keyframe = TIME_BASE, stream, kept.is_key
            container.mux(packet)
    return out.getvalue()
