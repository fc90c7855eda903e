"""Signed ends of the chain: one an hour, the first of each day marked, kept in the ledger, in a file and by others.

The ledger key is Ed25519: data/keys/ledger.key (0600) signs, data/keys/ledger.pub is given to inspectors. A head is one
JSON object: seq, hash, at_ms, key_id, signature; the signature covers the canonical text of the other four. heads.jsonl
is appended and synced after the row is committed; lanes and the uplink's log keep the same objects, so that a chain
that was cut short contradicts at least one of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.files import sync_folder, write_synced
from gateway.adapters.store.reading import StoreRefused
from gateway.domain.records import local_day, to_json

HEADS_FILE = "heads.jsonl"
PUBLIC_KEY = Path("keys") / "ledger.pub"
_AS_TOLD = re.compile(rb"\b([0-9]{1,18}):([0-9a-f]{64})\b")
PRIVATE_KEY = Path("keys") / "ledger.key"


class LedgerKey:
    """The key pair of this ledger, made on first use. Raises StoreRefused if a key file is not what it should be."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / PRIVATE_KEY
        if not path.exists():
            (data_dir / PUBLIC_KEY).unlink(missing_ok=True)
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_synced(path, pem, mode=0o600)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise StoreRefused(f"{path}: {error}. 账本签名密钥不可用 restore the ledger key from a backup") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise StoreRefused(f"{path}: 账本签名密钥必须是 Ed25519 the ledger key must be an Ed25519 key")
        self._key = key
        pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        public = data_dir / PUBLIC_KEY
        if not public.exists() or public.read_bytes() != pem:
            write_synced(public, pem)
        self.key_id = key_id_of(key.public_key())

    def sign(self, doc: dict[str, Any]) -> str:
        return self._key.sign(to_json(doc).encode()).hex()


def key_id_of(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Raises StoreRefused naming the file."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreRefused(f"{path}: {error}. 需要账本公钥 the ledger's public key (PEM) is needed") from None
    if not isinstance(key, Ed25519PublicKey):
        raise StoreRefused(f"{path}: 不是 Ed25519 公钥 is not an Ed25519 public key")
    return key


def is_signed_by(key: Ed25519PublicKey, doc: dict[str, Any], signature: str) -> bool:
    try:
        key.verify(bytes.fromhex(signature), to_json(doc).encode())
        return True
    except (InvalidSignature, ValueError):
        return False


class SqliteHeads:
    """services.ports.Heads."""

    def __init__(self, file: LedgerFile, key: LedgerKey) -> None:
        self._file, self._key = file, key

    async def sign(self, now_ms: int) -> dict[str, Any] | None:
        """Sign the present end, in the ledger and then in heads.jsonl; None if it is signed already or there is none."""
        head = await self._file.awrite(lambda conn: self._sign(conn, now_ms))
        self._append_missing()
        return head

    def _sign(self, conn: Any, now_ms: int) -> dict[str, Any] | None:
        end = conn.execute("select seq, hash from entry order by seq desc limit 1").fetchone()
        newest = conn.execute("select seq, at_ms from head order by seq desc limit 1").fetchone()
        if end is None or (newest and newest["seq"] == end["seq"]):
            return None
        doc = {"seq": end["seq"], "hash": end["hash"], "at_ms": now_ms, "key_id": self._key.key_id}
        is_daily = newest is None or local_day(newest["at_ms"]) != local_day(now_ms)
        head = doc | {"signature": self._key.sign(doc)}
        conn.execute("insert into head values (?,?,?,?,?,?)",
                     (head["seq"], head["hash"], now_ms, int(is_daily), self._key.key_id, head["signature"]))  # fmt: skip
        return head

    def _append_missing(self) -> None:
        """heads.jsonl has every head of the ledger; a last line that a power cut broke is written again."""
        path = self._file.data_dir / HEADS_FILE
        known, whole_bytes = last_in_file(path)
        rows = self._file.read(
            lambda c: c.execute(
                "select seq, hash, at_ms, key_id, signature from head where seq > ? order by seq", (known,)
            ).fetchall()
        )
        if not rows:
            return
        is_new = not path.exists()
        with open(path, "ab") as handle:
            handle.truncate(whole_bytes)
            handle.write("".join(to_json(dict(row)) + "\n" for row in rows).encode())
            handle.flush()
            os.fsync(handle.fileno())
        if is_new:
            sync_folder(path.parent)

    def newest(self) -> dict[str, Any] | None:
        """seq, hash, at_ms, key_id, signature."""
        row = self._file.read(
            lambda c: c.execute(
                "select seq, hash, at_ms, key_id, signature from head order by seq desc limit 1"
            ).fetchone()
        )
        return dict(row) if row else None

    def settled_ms(self) -> int:
        """Time of the last but one daily head: a clock that jumped ahead is believed by retention a day later only."""
        rows = self._file.read(
            lambda c: c.execute("select at_ms from head where is_daily = 1 order by seq desc limit 2").fetchall()
        )
        return min(row["at_ms"] for row in rows) if len(rows) == 2 else 0


def heads_in(path: Path, upto_bytes: int | None = None) -> list[dict[str, Any]]:
    """Every head in a file of heads; a line that is none is given as {"line": number}.

    A line as a lane tells it, "seq:hash" with or without words before it, is a head too: {seq, hash}, without signature.
    """
    heads = []
    for number, line in enumerate(path.read_bytes()[:upto_bytes].splitlines(), start=1):
        try:
            doc = json.loads(line)
            heads.append({k: doc[k] for k in ("seq", "hash", "at_ms", "key_id", "signature")})
        except (ValueError, KeyError, TypeError):
            told = _AS_TOLD.search(line)
            heads.append({"seq": int(told[1]), "hash": told[2].decode()} if told else {"line": number})
    return heads


def last_in_file(path: Path) -> tuple[int, int]:
    """(number of the last head that has a whole line, 0 if none; bytes of the whole lines)"""
    if not path.exists():
        return 0, 0
    whole_bytes = path.read_bytes().rfind(b"\n") + 1
    seqs = [h["seq"] for h in heads_in(path, whole_bytes) if "seq" in h]
    return (max(seqs) if seqs else 0), whole_bytes
