"""Photographs: the file under each row has the bytes that were hashed; one that is gone was deleted on the record."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gateway.adapters.store.reading import Finding, open_readonly


def part(data_dir: Path, lo: int, hi: int, *, any_bytes: bool = False) -> tuple[list[Finding], int]:
    """Rows lo <= rowid < hi. Also gives the number of bytes read."""
    conn = open_readonly(data_dir, any_bytes=any_bytes)
    found: list[Finding] = []
    total = 0
    try:
        deleted = {
            row[0] for row in conn.execute(
                "select p.value from entry e, json_each(e.body, '$.photos') p where e.kind = 'deleted'"
                " and e.kind not in ('opened', 'verdict', 'answer', 'closed')"
            )
        }  # fmt: skip
        for photo_id, path, sha256, size, state in conn.execute(
            "select photo_id, path, sha256, size_bytes, state from photo where rowid >= ? and rowid < ?", (lo, hi)
        ):
            if state != "kept":
                if photo_id not in deleted:
                    found.append(Finding("photo_missing", photo_id, f"照片 {photo_id} 无删除记录 photograph {photo_id} is gone without a record of its deletion"))  # fmt: skip
                continue
            try:
                content = (data_dir / path).read_bytes()
            except OSError:
                found.append(Finding("photo_missing", photo_id, f"照片缺失 photograph {photo_id}: {path} is missing"))
                continue
            total += len(content)
            if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
                found.append(
                    Finding("photo_changed", photo_id, f"照片被改动 photograph {photo_id}: {path} was changed")
                )
        return found, total
    finally:
        conn.close()
