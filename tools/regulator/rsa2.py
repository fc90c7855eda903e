"""RSA2 as the platform does it, written apart from the gateway's so that two implementations must agree."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def read_public_key(path: Path) -> rsa.RSAPublicKey:
    """The enterprise's public key from a PEM file. Raises ValueError naming the file."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not a PEM public key ({error})") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError(f"{path}: not an RSA key")
    return key


def read_private_key(path: Path) -> rsa.RSAPrivateKey:
    """The platform's private key from a PEM file. Raises ValueError naming the file."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: not an unencrypted PEM private key ({error})") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path}: not an RSA key")
    return key


def signed_bytes(envelope: dict[str, Any], without: set[str]) -> bytes:
    """What the signature covers: non-empty top-level keys in ASCII order as key=value&key=value, UTF-8."""
    pairs = sorted((k, v) for k, v in envelope.items() if k not in without and v not in (None, ""))
    return b"&".join(key.encode() + b"=" + str(value).encode("utf-8") for key, value in pairs)


def is_signed_by(envelope: dict[str, Any], key: rsa.RSAPublicKey) -> bool:
    """Whether the request's `sign` is key's signature over its other keys."""
    try:
        signature = base64.b64decode(envelope["sign"].encode("ascii"), validate=True)
        key.verify(signature, signed_bytes(envelope, {"sign"}), padding.PKCS1v15(), hashes.SHA256())
    except (KeyError, AttributeError, UnicodeError, binascii.Error, InvalidSignature):
        return False
    return True


def sign_answer(envelope: dict[str, Any], key: rsa.RSAPrivateKey) -> str:
    """The base64 signature of an answer; sign and signType are not covered."""
    covered = signed_bytes(envelope, {"sign", "signType"})
    return base64.b64encode(key.sign(covered, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def make_keys(folder: Path) -> list[Path]:
    """Write enterprise and platform key pairs into folder as PEM files, mode 0600; existing files are kept.

    Returns the four paths: enterprise.key, enterprise.pub, platform.key, platform.pub.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for who in ("enterprise", "platform"):
        private_path, public_path = folder / f"{who}.key", folder / f"{who}.pub"
        if not private_path.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            _write(
                private_path,
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ),
            )
        public = read_private_key(private_path).public_key()
        _write(
            public_path,
            public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        )
        paths += [private_path, public_path]
    return paths


def _write(path: Path, content: bytes) -> None:
    """The file with mode 0600 from its first moment."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
