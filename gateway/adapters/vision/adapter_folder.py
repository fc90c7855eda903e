"""An adapter's folder on disk: signed by a trusted key, whole, and with nothing in it that its manifest does not name.

`adapter.json` is the manifest (gateway/domain/model_adapters.py), `adapter.sig` the Ed25519 signature of its exact bytes
(64 bytes, hex). The manifest carries the SHA-256 of every other file. Trusted keys are the public halves (32 bytes) that
lie in `<data_dir>/adapters/trusted/*.pub`: whoever takes one out of there switches its adapters off.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.adapters.vision.runtime import ModelUnusable, TfliteModel
from gateway.domain.model_adapters import MANIFEST, SIGNATURE, Manifest, ManifestRefused, manifest_from

FOLDER = "adapters"
TRUSTED = "trusted"
NOTE = "added.json"
"""Who brought it and why, written by `lvzha adapters add`; not signed, not read by the model's process."""
MOST_BYTES = 64 * 1024 * 1024
_SIGNED_WORDS = b"lvzha model adapter\n"
"""Before the manifest in what is signed, so that a signature for a firmware image never fits an adapter."""


class AdapterRefused(ValueError):
    """A folder is not an adapter that may run; the message names file and reason."""


@dataclass(frozen=True)
class AdapterFolder:
    """A checked adapter. sha256: of the manifest's bytes. key_id: first 16 hex digits of the SHA-256 of the public key.

    model: the model file's bytes as they were checked; what runs is these, whatever happens to the file afterwards.
    """

    path: Path
    manifest: Manifest
    sha256: str
    key_id: str
    model: bytes
    note: dict[str, str]


def key_id_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


def trusted_keys(data_dir: Path) -> dict[str, bytes]:
    """key_id -> public key (32 bytes). Raises AdapterRefused naming a file that is no key."""
    found = {}
    for path in sorted((data_dir / FOLDER / TRUSTED).glob("*.pub")):
        found[key_id_of(read_public(path))] = read_public(path)
    return found


def read_public(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise AdapterRefused(f"{path}: {error.strerror}") from None
    if len(raw) != 32:
        raise AdapterRefused(
            f"{path}: {len(raw)} bytes; 允许 allowed: an Ed25519 public key of 32 bytes (lvzha firmware key)"
        )
    return raw


def sign_folder(folder: Path, key: Ed25519PrivateKey) -> str:
    """Fill in the files' hashes, check everything but the signature, and sign; the manifest's SHA-256.

    Raises AdapterRefused, ManifestRefused.
    """
    path = folder / MANIFEST
    try:
        doc = _document(path.read_bytes(), path)
    except OSError as error:
        raise AdapterRefused(f"{path}: {error.strerror}") from None
    doc["files"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir()) if path.is_file() and path.name not in (MANIFEST, SIGNATURE, NOTE)
    }  # fmt: skip
    check_model(folder, manifest_from(doc))
    raw = (json.dumps(doc, ensure_ascii=False, indent=2) + "\n").encode()
    (folder / MANIFEST).write_bytes(raw)
    (folder / SIGNATURE).write_text(key.sign(_SIGNED_WORDS + raw).hex() + "\n", encoding="ascii")
    return hashlib.sha256(raw).hexdigest()


def read_folder(folder: Path, trusted: dict[str, bytes]) -> AdapterFolder:
    """The adapter in a folder. Raises AdapterRefused or ManifestRefused; nothing of the model is run here."""
    try:
        raw, signature = (
            (folder / MANIFEST).read_bytes(),
            bytes.fromhex((folder / SIGNATURE).read_text("ascii").strip()),
        )
    except OSError as error:
        raise AdapterRefused(f"{error.filename}: {error.strerror}; 需要 needed: {MANIFEST}, {SIGNATURE}") from None
    except ValueError:
        raise AdapterRefused(f"{folder / SIGNATURE}: 不是签名 not a signature of 64 bytes in hex") from None
    key_id = next((name for name, key in trusted.items() if _is_signed(key, raw, signature)), "")
    if not key_id:
        raise AdapterRefused(
            f"{folder / SIGNATURE}: 未由受信任的密钥签名 not signed by a key of {FOLDER}/{TRUSTED}; lvzha adapters trust"
        )
    manifest = manifest_from(_document(raw, folder / MANIFEST))
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise AdapterRefused(f"{path}: 只允许普通文件 only plain files are allowed")
        if path.name not in manifest.files and path.name not in (MANIFEST, SIGNATURE, NOTE):
            raise AdapterRefused(f"{path}: 清单中没有此文件 is not in the manifest")
    contents = {name: _content(folder / name, sha256) for name, sha256 in manifest.files.items()}
    return AdapterFolder(
        folder, manifest, hashlib.sha256(raw).hexdigest(), key_id, contents[manifest.model], _note(folder)
    )


def _content(path: Path, sha256: str) -> bytes:
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise AdapterRefused(f"{path}: 缺少或过大 missing, or larger than {MOST_BYTES // 1024 // 1024} MiB")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AdapterRefused(f"{path}: 与清单的 SHA-256 不符 differs from the manifest's SHA-256")
    return content


def check_model(folder: Path, manifest: Manifest) -> None:
    """The model loads and takes what the manifest says. Raises AdapterRefused. Runs in the caller's process: for authors."""
    try:
        model = TfliteModel(folder / manifest.model)
    except ModelUnusable as error:
        raise AdapterRefused(str(error)) from None
    if model.input_shape != manifest.input.shape:
        raise AdapterRefused(
            f"{folder / manifest.model}: input is {model.input_shape}; the manifest says {manifest.input.shape}"
        )


def _is_signed(key: bytes, raw: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _SIGNED_WORDS + raw)
        return True
    except InvalidSignature:
        return False


def _document(raw: bytes, path: Path) -> dict[str, object]:
    try:
        doc = json.loads(raw.decode("utf-8"))
    except ValueError as error:
        raise AdapterRefused(f"{path}: 不是 JSON not a JSON document in UTF-8: {error}") from None
    if not isinstance(doc, dict):
        raise ManifestRefused(f"{path}: {type(doc).__name__}; allowed: an object")
    return doc


def _note(folder: Path) -> dict[str, str]:
    try:
        doc = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return {k: str(doc.get(k, ""))[:200] for k in ("by", "why")}
    except (OSError, ValueError, AttributeError):
        return {"by": "", "why": ""}
