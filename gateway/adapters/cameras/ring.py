"""The newest packets of one camera, undecoded, and which of them a burst needs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Packet:
    """One demuxed access unit. at_ms: wall clock (UTC) at arrival. mono_s: monotonic clock at arrival."""

    at_ms: int
    mono_s: float
    is_key: bool
    data: bytes


class PacketRing:
    """Keeps `keep_s` seconds of packets, at most `max_bytes`, dropping the oldest. Not thread-safe.

    The age is taken from the monotonic clock, so a step of the wall clock neither empties nor grows the ring.
    """

    def __init__(self, keep_s: float = 12.0, max_bytes: int = 48 * 1024 * 1024) -> None:
        self._packets: deque[Packet] = deque()
        self._bytes = 0
        self._keep_s, self._max_bytes = keep_s, max_bytes

    def __len__(self) -> int:
        return len(self._packets)

    def add(self, packet: Packet) -> None:
        self._packets.append(packet)
        self._bytes += len(packet.data)
        while self._packets and (
            packet.mono_s - self._packets[0].mono_s > self._keep_s or self._bytes > self._max_bytes
        ):
            self._bytes -= len(self._packets.popleft().data)

    def clear(self) -> None:
        """Forget everything: after a reconnect the old packets belong to another stream."""
        self._packets.clear()
        self._bytes = 0

    def window(self, from_ms: int, until_ms: int) -> list[Packet]:
        """The packets to decode for pictures of [from_ms, until_ms], oldest first.

        Starts at the last key frame at or before the first packet of the window (GOP-aligned); so it holds pictures
        from before the window, which the decoder needs and the caller drops. Empty if nothing arrived in the window or
        no key frame is left for it.
        """
        packets = list(self._packets)
        inside = [i for i, packet in enumerate(packets) if from_ms <= packet.at_ms <= until_ms]
        if not inside:
            return []
        start = next((i for i in range(inside[0], -1, -1) if packets[i].is_key), None)
        if start is None:  # the ring begins in the middle of a GOP: the next key frame inside the window will do
            start = next((i for i in inside if packets[i].is_key), None)
        return [] if start is None else packets[start : inside[-1] + 1]

    def newest_key(self) -> Packet | None:
        return next((packet for packet in reversed(self._packets) if packet.is_key), None)

    def newest(self, max_key_age_s: float) -> list[Packet]:
        """The packets to decode for the newest picture: the last key frame alone if it is young enough, else its GOP."""
        packets = list(self._packets)
        start = next((i for i in range(len(packets) - 1, -1, -1) if packets[i].is_key), None)
        if start is None:
            return []
        if packets[-1].mono_s - packets[start].mono_s <= max_key_age_s:
            return [packets[start]]
        return packets[start:]


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0..count-1, first and last among them, evenly spaced."""
    if most <= 0 or count <= 0:
        return []
    if count <= most:
        return list(range(count))
    if most == 1:
        return [count // 2]
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})
