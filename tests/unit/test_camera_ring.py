"""The packet ring and what is decoded from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.cameras.capture import Capture, CaptureSettings, plain, refusal
from gateway.adapters.cameras.ring import Packet, PacketRing, evenly
from tools.simulator.camera import Player
from tools.simulator.clips import Clip, Encoder, Unit

GOP = 10


def ring_of(count: int, first: int = 0, **limits) -> PacketRing:
    """Packets 100 ms apart, a key frame every GOP; at_ms = 100 x number."""
    ring = PacketRing(**limits)
    for n in range(first, first + count):
        ring.add(Packet(100 * n, n / 10, n % GOP == 0, b"x" * 100))
    return ring


def numbers(packets: list[Packet]) -> list[int]:
    return [packet.at_ms // 100 for packet in packets]


def test_window_starts_at_the_key_frame_before_it():
    assert numbers(ring_of(40).window(1500, 1700)) == list(range(10, 18))


def test_window_that_begins_before_the_ring_starts_at_the_first_key_frame_left():
    assert numbers(ring_of(40, first=5).window(0, 1200)) == [10, 11, 12]


def test_window_without_packets_or_key_frame_is_empty():
    assert ring_of(40).window(9000, 9900) == []
    assert ring_of(4, first=1).window(0, 9000) == []


def test_ring_forgets_by_age_and_by_size():
    assert len(ring_of(500, keep_s=12.0)) == 121
    assert len(ring_of(500, max_bytes=1000)) == 10


def test_newest_is_the_key_frame_alone_while_it_is_young():
    assert numbers(ring_of(36).newest(1.0)) == [30]
    assert numbers(ring_of(36).newest(0.3)) == [30, 31, 32, 33, 34, 35]
    assert ring_of(4, first=1).newest(1.0) == []


@given(st.integers(0, 200), st.integers(0, 30))
def test_evenly_keeps_both_ends_and_never_takes_more(count, most):
    chosen = evenly(count, most)
    assert len(chosen) == min(count, most)
    assert chosen == sorted(set(chosen))
    if count and most >= 2:
        assert chosen[0] == 0 and chosen[-1] == count - 1


@pytest.fixture(scope="module")
def units() -> list[Unit]:
    encoder, dice = Encoder(), np.random.default_rng(3)
    images = [dice.integers(60, 200, (90, 160, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(4)]
    return [encoder.encode(images[i % 4], starts_phase=i % GOP == 0) for i in range(30)]


def filled(units: list[Unit]) -> Capture:
    capture = Capture("rtsp://nowhere", CaptureSettings())
    for n, unit in enumerate(units):
        capture._ring.add(Packet(100 * n, n / 10, unit.is_key, unit.data))
    return capture


def test_pictures_after_a_corrupt_one_are_left_out_until_the_next_key_frame(units):
    player = Player({"empty-day": Clip("empty-day", {"empty": tuple(units)})}, {})
    player.fault = "corrupt"
    spoilt = [player.next_unit() for _ in units]
    capture = filled([spoilt[n] if n == 13 else unit for n, unit in enumerate(units)])
    times = [at_ms // 100 for at_ms, _ in capture.burst(0, 10_000, 24)]
    assert times and not set(times) & set(range(13, 20))
    assert max(times) == 29
    assert capture.state.corrupt >= 1


def test_sound_stream_gives_every_picture_of_the_window(units):
    rows = filled(units).burst(1200, 2400, 24)
    assert [at_ms for at_ms, _ in rows] == list(range(1200, 2500, 100))
    assert all(image.shape == (720, 1280, 3) for _, image in rows)


def test_rubbish_in_the_ring_is_counted_not_raised():
    capture = filled([Unit(b"\x00\x00\x01\x65" + bytes(range(256)) * 4, True) for _ in range(5)])
    assert capture.burst(0, 10_000, 24) == []
    assert capture.newest_jpeg() is None
    assert capture.state.corrupt >= 1


def test_small_stream_is_refused_in_words():
    assert refusal(1280, 720) == ""
    assert "704 x 576" in refusal(704, 576)


def test_error_text_has_no_password():
    error = ConnectionRefusedError(111, "Connection refused", "rtsp://admin:secret@camera/live")
    assert plain(error) == "ConnectionRefusedError: Connection refused"
