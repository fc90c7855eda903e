"""Sends a signed firmware image to a lane and follows it to its end. The lane checks everything itself; this only carries it.

Stop and wait: each chunk leaves when the lane has acknowledged the offset before it, so a lost link, a pause for a vehicle or a
restart of the lane costs nothing but time. The lane says in update/status where it goes on.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass

from ulid import ULID

from gateway.adapters.technician.client import Client

CHUNK_BYTES = 384  # 768 hex digits in a message of at most 1 KiB
PATIENCE_S = 3.0  # nothing heard: say it again
COMMIT_S = 15.0  # a lane that was reset meanwhile knows of no update: announce it again
GIVE_UP_S = 120.0  # nothing heard at all for this long
TERMINAL = ("refused", "failed", "confirmed", "rolled_back")
REASONS = {
    "pass_open": ("有车辆在通行", "a vehicle is at the lane; try again when it has left"),
    "moving": ("栏杆在动作", "the arm moves; try again when it rests"),
    "on_trial": ("现用固件尚未确认", "the running firmware has not been confirmed by a passage yet"),
    "no_slots": ("该控制器未用 lvzha flash 安装", "this controller was not installed with lvzha flash"),
    "no_key": ("控制器上没有更新公钥", "the controller has no update key; flash it again"),
    "signature": ("签名不符", "the image was not signed by the key that this lane trusts"),
    "board": ("映像不是这种控制器板的", "the image is for another board"),
    "contract": ("映像的协议版本更旧", "the image speaks an older lane contract"),
    "interpreter": ("解释器版本不符", "the image was compiled for another interpreter"),
    "space": ("闪存空间不足", "not enough flash"),
    "hash": ("数据损坏", "the data was damaged on its way; send it again"),
    "manifest": ("清单不符", "the manifest is not the one that was announced"),
    "size": ("大小不符", "the image's size is not the announced one"),
    "unknown": ("没有这次更新", "the lane knows no such update"),
    "busy": ("正在进行另一次更新", "another update is under way"),
    "aborted": ("已中止", "aborted"),
    "silent": ("发送方无声", "the sender fell silent"),
    "power": ("更新中断电", "the supply failed before the new image was chosen"),
    "boots": ("新固件三次启动失败，已退回", "the new firmware failed to start three times; the old one runs"),
    "link": ("新固件连不上网关，已退回", "the new firmware found no gateway; the old one runs"),
    "no_lane": ("车道无应答", "the lane does not answer"),
}


@dataclass(frozen=True)
class Parcel:
    """What is sent. body: manifest and files. sha256: of the manifest, hex. signature: 64 bytes."""

    version: str
    body: bytes
    sha256: str
    signature: bytes


@dataclass(frozen=True)
class Ending:
    """state: one of TERMINAL, `committed` when nobody waits for the passage, or `timeout`. reason: of REASONS, or empty."""

    update_id: str
    state: str
    reason: str
    sent_chunks: int
    seconds: float

    @property
    def is_good(self) -> bool:
        return self.state in ("committed", "confirmed")


class Sender:
    """One update of one lane. on_progress: (state, offset, total) whenever the lane says something new."""

    def __init__(self, client: Client, lane: str, parcel: Parcel, on_progress: Callable[[str, int, int], None]) -> None:
        self._client, self._lane, self._parcel, self._tell = client, lane, parcel, on_progress
        self._id = str(ULID())
        self._sent_chunks = 0
        self._sent_at: dict[int, float] = {}
        self._is_committing = False

    def run(self, *, waits_for_passage: bool, give_up_s: float = GIVE_UP_S) -> Ending:
        """Blocks until the lane has told the end, or nothing for give_up_s."""
        began = heard_at = said_at = time.monotonic()
        state = ""
        self._announce()
        while True:
            now = time.monotonic()
            if now - said_at > PATIENCE_S and state != "committed":
                said_at = now
                if self._is_committing and now - heard_at < COMMIT_S:
                    self._commit()
                else:
                    self._announce()
            is_waiting_long = state in ("paused", "committed")
            if now - heard_at > give_up_s and not is_waiting_long:
                return self._ending("timeout", "no_lane", began)
            status = self._next()
            if status is None:
                continue
            heard_at = said_at = time.monotonic()
            state = status["state"]
            self._tell(state, status["offset"], len(self._parcel.body))
            if state in TERMINAL:
                return self._ending(state, status["reason"] or "", began)
            if state == "receiving":
                self._go_on(status["offset"])
            elif state == "committed" and not waits_for_passage:
                return self._ending(state, "", began)

    def abort(self) -> None:
        self._send({"step": "abort"})

    def _go_on(self, offset: int) -> None:
        if offset >= len(self._parcel.body):
            self._commit()
        elif time.monotonic() - self._sent_at.get(offset, -PATIENCE_S) >= PATIENCE_S:  # else it is on its way already
            self._sent_at = {offset: time.monotonic()}
            self._sent_chunks += 1
            chunk = self._parcel.body[offset : offset + CHUNK_BYTES]
            self._send({"step": "chunk", "offset": offset, "data": chunk.hex()})

    def _announce(self) -> None:
        self._sent_at = {}
        self._send({
            "step": "announce", "version": self._parcel.version, "bytes": len(self._parcel.body), "sha256": self._parcel.sha256,
            "signature": self._parcel.signature.hex(), "by": self._client.access.name,
        })  # fmt: skip

    def _commit(self) -> None:
        self._is_committing = True
        self._send({"step": "commit"})

    def _send(self, message: dict) -> None:
        self._client.publish(self._lane, "update", {"id": self._id} | message)

    def _next(self) -> dict | None:
        try:
            heard = self._client.heard.get(timeout=0.25)
        except queue.Empty:
            return None
        is_mine = heard.lane == self._lane and heard.name == "update/status" and heard.payload["id"] == self._id
        return heard.payload if is_mine else None

    def _ending(self, state: str, reason: str, began: float) -> Ending:
        return Ending(self._id, state, reason, self._sent_chunks, time.monotonic() - began)
