"""RSA2: the text that is signed, signing, verifying, and reading keys.

RSA2 = SHA-256 with RSA PKCS#1 v1.5, keys of 2048 bits and more, signature in standard base64 on one line (the
pattern of the open-platform texts that HJ 1321-2023 appendix C, as cited by the Yunnan specification of August 2025,
points to). Only text that was received or will be sent is signed; nothing is parsed and written again in between.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

MIN_KEY_BITS: Final = 2048
_ARMOUR: Final = re.compile(r"-----BEGIN [A-Z0-9 ]+-----(.*?)-----END [A-Z0-9 ]+-----", re.S)
_BASE64_LINE: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class KeyRefused(ValueError):
    """A key cannot be used; the message names the file and what is wrong, never the key."""


class SignatureRefused(ValueError):
    """A signature is damaged or does not belong to the text; the message says which."""


class RawNumber(str):
    """A JSON number exactly as it stood in the body, so that 1.0 is not signed as 1."""


def canonical_text(envelope: Mapping[str, Any], *, leave_out: Collection[str]) -> str:
    """The text that is signed: key=value joined by &, keys in ASCII order, values raw.

    Keys in leave_out, and keys whose value is None or "", are not part of it. Nothing is escaped, quoted, trimmed
    or URL-encoded. Raises SignatureRefused for a nested value: it has no single text form.
    """
    parts = []
    # Python compares code points, which for the ASCII keys of an envelope is ASCII order in every locale.
    for key in sorted(envelope):
        value = envelope[key]
        if key in leave_out or value is None or value == "":
            continue
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, (str, int)):
            text = str(value)
        else:
            raise SignatureRefused(f"{key}: a {type(value).__name__} cannot be signed, a text or whole number can")
        parts.append(f"{key}={text}")
    return "&".join(parts)


def sign(text: str, key: RSAPrivateKey) -> str:
    """The base64 signature of text (UTF-8), one line with padding. Raises UnicodeEncodeError for a lone surrogate."""
    return base64.b64encode(key.sign(text.encode("utf-8"), padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def verify(text: str, signature: str, key: RSAPublicKey) -> None:
    """Returns if signature is key's signature of text (UTF-8). Raises SignatureRefused and says what is wrong."""
    if " " in signature:
        raise SignatureRefused("space in the base64: a '+' was decoded as form data on the way")
    if not _BASE64_LINE.fullmatch(signature):
        raise SignatureRefused("not one line of standard base64 (line break, URL-safe alphabet or other character)")
    try:
        raw = base64.b64decode(signature, validate=True)
    except binascii.Error as error:
        raise SignatureRefused(f"damaged base64: {error}") from error
    expected_bytes = key.key_size // 8
    if len(raw) != expected_bytes:
        raise SignatureRefused(f"{len(raw)} bytes instead of {expected_bytes}: damaged base64 or a key of another size")
    try:
        key.verify(raw, text.encode("utf-8"), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise SignatureRefused("does not belong to this text and key") from error


def load_private_key(path: Path) -> RSAPrivateKey:
    """The enterprise's own key from a file: PKCS#1 or PKCS#8, PEM or bare base64, unencrypted, RSA of >= 2048 bits.

    Raises KeyRefused, also when anybody but the owner may read the file (mode & 0o077).
    """
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_bytes()
    except OSError as error:
        raise KeyRefused(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise KeyRefused(f"{path}: mode {mode:04o} lets others read the private key, allowed: 0600 or 0400")
    return parse_private_key(text, name=str(path))


def parse_private_key(text: bytes, *, name: str) -> RSAPrivateKey:
    """As load_private_key, from bytes already read; name is used in error messages."""
    der = _der(text, name)
    try:
        key = serialization.load_der_private_key(der, password=None)
    except (ValueError, TypeError) as error:
        raise KeyRefused(f"{name}: not an unencrypted PKCS#8 or PKCS#1 private key") from error
    if not isinstance(key, RSAPrivateKey):
        raise KeyRefused(f"{name}: {type(key).__name__} is not RSA, which RSA2 asks for")
    if key.key_size < MIN_KEY_BITS:
        raise KeyRefused(f"{name}: RSA of {key.key_size} bits, allowed: {MIN_KEY_BITS} and more")
    return key


def load_public_key(path: Path, *, own: RSAPrivateKey | None = None) -> RSAPublicKey:
    """The platform's key from a file: SubjectPublicKeyInfo or PKCS#1, PEM or bare base64, RSA of >= 2048 bits.

    own: the enterprise's private key; its public half in this place is the common mix-up and is refused.
    Raises KeyRefused.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise KeyRefused(f"{path}: {error.strerror}") from error
    key = parse_public_key(text, name=str(path))
    if own is not None and key.public_numbers() == own.public_key().public_numbers():
        raise KeyRefused(f"{path}: this is the enterprise's own public key, the platform's is meant")
    return key


def parse_public_key(text: bytes, *, name: str) -> RSAPublicKey:
    """As load_public_key, from bytes already read; name is used in error messages."""
    der = _der(text, name)
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, TypeError) as error:
        raise KeyRefused(f"{name}: not a public key (SubjectPublicKeyInfo or PKCS#1)") from error
    if not isinstance(key, RSAPublicKey):
        raise KeyRefused(f"{name}: {type(key).__name__} is not RSA, which RSA2 asks for")
    if key.key_size < MIN_KEY_BITS:
        raise KeyRefused(f"{name}: RSA of {key.key_size} bits, allowed: {MIN_KEY_BITS} and more")
    return key


def _der(text: bytes, name: str) -> bytes:
    """The DER inside PEM armour or bare base64, with or without byte order mark and line breaks."""
    try:
        plain = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KeyRefused(f"{name}: neither PEM nor base64") from error
    if "ENCRYPTED" in plain:
        raise KeyRefused(f"{name}: the key is encrypted with a password, allowed: an unencrypted key, mode 0600")
    armour = _ARMOUR.search(plain)
    body = "".join((armour.group(1) if armour else plain).split())
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise KeyRefused(f"{name}: neither PEM nor base64") from error
