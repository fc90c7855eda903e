"""The plate in front and the plate behind of one vehicle: whether they may differ, and what is said when they may not.

Pure: standard library only. A tractor carries its own plate in front, its trailer another one behind (省 + letter + 4
characters + 挂); every other goods vehicle carries the same number on both ends (domain notes 9.1).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.plate_forms import plate_family
from gateway.domain.plates import is_near_match

SAME, TRAILER, NEAR, DIFFERS, HEAD_ONLY, REAR_ONLY, NEITHER = (
    "same", "trailer", "near", "differs", "head_only", "rear_only", "neither",
)  # fmt: skip


@dataclass(frozen=True)
class Sides:
    """kind: one of the words above. head, rear: as read, "" unread. zh, en: what a person is told, "" when all is well."""

    kind: str
    head: str
    rear: str
    zh: str = ""
    en: str = ""

    @property
    def is_disagreement(self) -> bool:
        return self.kind in (NEAR, DIFFERS)


def reconciled(head: str, rear: str) -> Sides:
    """Compare two plates in normal form, "" for an unread one. The head plate names the vehicle; nothing changes it.

    near: they differ only in confusable characters, most likely a wrong read. differs: two different plates where one
    vehicle has only one, also a trailer's plate in front.
    """
    if not head or not rear:
        kind = HEAD_ONLY if head else REAR_ONLY if rear else NEITHER
        return Sides(kind, head, rear)
    if head == rear:
        return Sides(SAME, head, rear)
    if plate_family(rear) == "trailer" and plate_family(head) != "trailer":
        return Sides(TRAILER, head, rear)
    zh, en = f"前牌 {head}，后牌 {rear}", f"front plate {head}, rear plate {rear}"
    if is_near_match(head, rear):
        return Sides(
            NEAR, head, rear, f"{zh}：仅易混字符不同，请核对", f"{en}: only confusable characters differ; check"
        )
    return Sides(DIFFERS, head, rear, f"{zh}：前后号牌不一致", f"{en}: the two ends carry different plates")
