"""Clips of findings: the camera's own pictures, whole; kept as long as their term, longer under a hold."""

import hashlib
import io
from fractions import Fraction

import av
import numpy as np
import pytest

from gateway.adapters.cameras.clip import mp4_of
from gateway.adapters.cameras.ring import Packet
from gateway.adapters.store.clips import ClipFiles
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.sweep import load_terms
from gateway.domain.findings import Finding, side_row
from gateway.services.ports import Change

AT_MS = 1_790_000_000_000
DAY_MS = 86_400_000


def encoded(frames: int = 50, fps: int = 10) -> tuple[list[Packet], bytes]:
    """Packets as a camera's demuxer gives them, a key frame a second."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt, context.framerate, context.gop_size = 320, 180, "yuv420p", fps, fps
    context.time_base, context.max_b_frames = Fraction(1, fps), 0
    packets = []
    for i in [*range(frames), None]:
        frame = None
        if i is not None:
            frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 4 * i, np.uint8), "bgr24")
            frame.pts = i
        for packet in context.encode(frame):
            packets.append(Packet(AT_MS + 1000 * len(packets) // fps, 0.0, packet.is_keyframe, bytes(packet)))
    return packets, bytes(context.extradata or b"")


@pytest.mark.requirement("S3-51")
def test_a_clip_is_the_cameras_own_pictures_with_their_times():
    packets, extradata = encoded()
    mp4 = mp4_of(packets[10:45], "h264", extradata, 320, 180)
    with av.open(io.BytesIO(mp4)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 35 and (frames[0].width, frames[0].height) == (320, 180)
    assert frames[-1].time - frames[0].time == pytest.approx(3.4, abs=0.01)
    assert abs(float(frames[0].to_ndarray(format="gray").mean()) - 40) < 6
    assert mp4_of(packets[11:], "h264", extradata, 320, 180) == b"", "it would begin in the middle of a group"
    assert mp4_of([], "h264", extradata, 320, 180) == b""


async def test_a_clip_is_kept_beside_its_finding_and_goes_when_its_term_is_over(tmp_path):
    async def cut(camera: str, from_ms: int, until_ms: int) -> bytes:
        return b"film" if camera == "C1" else b""

    file = LedgerFile(tmp_path)
    try:
        clips = ClipFiles(file, cut, load_terms())
        assert await clips.keep("F0", "C2", AT_MS, AT_MS + 10_000) is None
        kept = await clips.keep("F1", "C1", AT_MS, AT_MS + 10_000)
        assert kept is not None and kept["sha256"] == hashlib.sha256(b"film").hexdigest()
        found = Finding("cover", "1.0.0", "open", "alarm", "未苫盖", "not covered", "p1", "g1-b01", AT_MS, "C1", 0.9)
        await SqliteLedger(file).commit(Change(sides=[side_row(found, "F1", AT_MS, kept)]))
        path = clips.path("F1")
        assert path is not None and path.read_bytes() == b"film" and path == tmp_path / kept["path"]
        assert await clips.sweep(AT_MS + 700 * DAY_MS, AT_MS + 700 * DAY_MS) == {"clips": 0}
        late = AT_MS + 740 * DAY_MS  # the term is 24 months
        assert await clips.sweep(late, AT_MS) == {"clips": 0}, "a clock that jumped ahead deletes nothing"
        assert await clips.sweep(late, late) == {"clips": 1}
        assert clips.path("F1") is None and not path.parent.exists()
    finally:
        file.close()
