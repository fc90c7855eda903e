"""The key that signs firmware images: Ed25519, made once per maker or site, the private half readable by its owner only."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tools.flash.image import ImageError


def make_key(path: Path) -> Path:
    """Make a key (PEM, 0600) and its public half (32 bytes) beside it; the public file. Never replaces one: ImageError."""
    if path.exists():
        raise ImageError(f"{path}: 已存在，不会覆盖 is already there; lanes trust it, so it is not replaced")
    path.parent.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return write_public(path)


def read_key(path: Path) -> Ed25519PrivateKey:
    """The private key. Raises ImageError; a key that others may read is refused."""
    try:
        mode = path.stat().st_mode & 0o777
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}; make it with `lvzha firmware key`") from None
    except (ValueError, TypeError):
        raise ImageError(f"{path}: 不是私钥 not a PEM private key") from None
    if mode & 0o077:
        raise ImageError(f"{path}: mode {mode:o}; allowed: 600 (chmod 600 {path})")
    if not isinstance(key, Ed25519PrivateKey):
        raise ImageError(f"{path}: not an Ed25519 key")
    return key


def public_path(path: Path) -> Path:
    return path.with_suffix(".pub")


def write_public(path: Path) -> Path:
    """The public half of the key at `path`, as a lane keeps it (update.pub)."""
    public = public_path(path)
    public.write_bytes(read_key(path).public_key().public_bytes_raw())
    return public
