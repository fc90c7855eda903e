"""Models on disk: `<data_dir>/models/<kind>/<sha256>/` beside the shipped ones, the choices, and the folder that reads.

choices.json is only added to. What is to read is verified by hash, file by file, each time it is made ready; whatever
differs is refused by name and the shipped model stands in.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ulid import ULID

from gateway.adapters.store.files import make_folder, sync_folder, write_synced
from gateway.domain.models import Choice, Manifest, ModelRefused, Prepared, chosen, one_of, standing

FOLDER = "models"
MANIFEST = "registry.json"
TRAINING = "manifest.json"
SUFFIXES = (".tflite", ".json", ".md", ".png", ".txt")
MOST_BYTES = 64 * 1024 * 1024
"""Of all files of one model; those that ship have 2 MB, and a Pi's memory is the bound."""

Described = Callable[[str, Path, Path], Manifest]
"""(kind, folder, shipped folder) -> manifest with shape and alphabet. Raises ModelRefused when it cannot stand in."""


class ModelRegistry:
    """shipped: the package's own models, a folder a kind. Every change is synced; several processes may look."""

    def __init__(self, data_dir: Path, shipped: Path) -> None:
        self.folder, self._shipped = data_dir / FOLDER, shipped

    # ------------------------------------------------------------ what there is

    def kinds(self) -> list[str]:
        """Kinds that can be changed: shipped folders with a .tflite of their own name."""
        return sorted(p.name for p in self._shipped.iterdir() if (p / f"{p.name}.tflite").is_file())

    def shipped(self, kind: str) -> Manifest:
        """Raises ModelRefused for a kind that this version does not have."""
        if kind not in self.kinds():
            raise ModelRefused(f"{kind!r}: 没有这种模型 no such kind; allowed are {', '.join(self.kinds())}")
        folder = self._shipped / kind
        files = _hashes(folder)
        return Manifest(kind, files[f"{kind}.tflite"], _size(folder), files, (), trained_on=_trained_on(folder))

    def known(self, kind: str = "") -> list[Manifest]:
        """Added models, oldest first; of this kind, or all."""
        found = []
        for path in self.folder.glob(f"{kind or '*'}/*/{MANIFEST}"):
            try:
                found.append(_manifest(path))
            except (OSError, ValueError, TypeError, KeyError):
                continue  # a choice of it is refused by name in `prepare`
        return sorted(found, key=lambda m: (m.added_at_ms, m.sha256))

    def path(self, manifest: Manifest) -> Path:
        """Its folder."""
        added = self.folder / manifest.kind / manifest.sha256
        return added if (added / MANIFEST).is_file() else self._shipped / manifest.kind

    def find(self, name: str) -> Manifest:
        """An added or shipped model by the first digits of its hash. Raises ModelRefused."""
        every = {m.sha256: m for m in [*(self.shipped(k) for k in self.kinds()), *self.known()]}
        return one_of(list(every.values()), name)

    # ------------------------------------------------------------ changes

    def add(self, source: Path, *, by: str, now_ms: int, described: Described, trained_on: str = "") -> Manifest:
        """Copy a model in: a folder or its .tflite, named after its kind. Raises ModelRefused; then nothing is kept."""
        who = _name(by)
        folder = source if source.is_dir() else source.parent
        kind = self._kind_of(source)
        names = [p for p in sorted(folder.iterdir()) if p.is_file() and p.suffix in SUFFIXES and p.name != MANIFEST]
        if sum(p.stat().st_size for p in names) > MOST_BYTES:
            raise ModelRefused(f"{folder}: 超过 larger than {MOST_BYTES // 1024 // 1024} MB")
        working = self.folder / kind / ".adding"
        shutil.rmtree(working, ignore_errors=True)
        make_folder(working)
        try:
            for path in names:
                write_synced(working / path.name, path.read_bytes())
            manifest = described(kind, working, self._shipped / kind)
            files = _hashes(working)
            manifest = replace(
                manifest, sha256=files[f"{kind}.tflite"], size_bytes=_size(working), files=files, added_at_ms=now_ms, added_by=who,
                trained_on=trained_on.strip() or _trained_on(working),
            )  # fmt: skip
            if manifest.sha256 == self.shipped(kind).sha256:
                raise ModelRefused(f"{kind} {manifest.sha256[:12]}: 就是随附的模型 this is the shipped model itself")
            target = self.folder / kind / manifest.sha256
            if (target / MANIFEST).is_file() and self._wrong(target, manifest.sha256) is None:
                raise ModelRefused(f"{kind} {manifest.sha256[:12]}: 已经登记 is there already")
            write_synced(working / MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False, indent=2).encode())
            shutil.rmtree(target, ignore_errors=True)
            working.rename(target)
            sync_folder(target.parent)
            return manifest
        finally:
            shutil.rmtree(working, ignore_errors=True)

    def use(self, name: str, *, by: str, why: str, now_ms: int) -> Choice:
        """Choose a model by the first digits of its hash, verified now. Raises ModelRefused; then nothing changes."""
        manifest = self.find(name)
        is_shipped = self.shipped(manifest.kind).sha256 == manifest.sha256
        if not is_shipped and (wrong := self._wrong(self.path(manifest), manifest.sha256)):
            raise ModelRefused(f"{manifest.kind} {manifest.sha256[:12]}: {wrong[0]} {wrong[1]}")
        with self._locked():
            return self._choose(manifest.kind, "" if is_shipped else manifest.sha256, by, why, now_ms)

    def roll_back(self, kind: str, *, by: str, why: str, now_ms: int) -> Choice:
        """Take the last standing choice back: what read before it reads again. Raises ModelRefused when there is none."""
        self.shipped(kind)
        with self._locked():
            stack = standing(self.choices(), kind)
            if not stack:
                raise ModelRefused(
                    f"{kind}: 正在用随附的模型，无可回退 the shipped model reads; there is nothing to go back to"
                )
            before = stack[-2].sha256 if len(stack) > 1 else ""
            return self._choose(kind, before, by, why, now_ms, undoes=stack[-1].choice_id)

    def _choose(self, kind: str, sha256: str, by: str, why: str, now_ms: int, undoes: str = "") -> Choice:
        who, reason = _name(by), " ".join(why.split())
        if not reason or len(reason) > 200:
            raise ModelRefused("必须写明原因，最多 200 字 a reason of 1 to 200 characters is required")
        choices = self.choices()
        was = chosen(choices, kind)
        if was == sha256:
            raise ModelRefused(f"{kind} {sha256[:12] or '随附 shipped'}: 正在使用 is the one in use")
        choice = Choice(str(ULID()), kind, sha256, was, who, reason, now_ms, undoes)
        content = json.dumps([asdict(c) for c in [*choices, choice]], ensure_ascii=False, indent=1)
        write_synced(self._choices_file, content.encode())
        return choice

    # ------------------------------------------------------------ what reads

    @property
    def _choices_file(self) -> Path:
        return self.folder / "choices.json"

    def choices(self) -> list[Choice]:
        """Oldest first. Raises ModelRefused when the file cannot be read."""
        try:
            return [Choice(**row) for row in json.loads(self._choices_file.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise ModelRefused(f"{self._choices_file}: 无法读取 cannot be read: {error}") from error

    def mark(self) -> tuple[int, int]:
        """Changes whenever a choice was made."""
        try:
            stat = self._choices_file.stat()
            return stat.st_mtime_ns, stat.st_size
        except OSError:
            return 0, 0

    def prepare(self) -> Prepared:
        """Verify what is chosen and lay it ready; refused models are replaced by the shipped ones. Never raises for a model."""
        refused: dict[str, tuple[str, str, str]] = {}
        is_shipped = True
        in_use, places = {}, self._shipped_places()
        try:
            choices = self.choices()
        except ModelRefused as error:
            choices = []
            refused = {
                kind: ("", f"换用记录无法读取：{error}", f"the choices cannot be read: {error}")
                for kind in self.kinds()
            }
        for kind in self.kinds():
            in_use[kind] = _hash(self._shipped / kind / f"{kind}.tflite")
            if wanted := chosen(choices, kind):
                wrong = self._wrong(self.folder / kind / wanted, wanted)
                if wrong:
                    refused[kind] = (wanted, *wrong)
                else:
                    in_use[kind], places[kind], is_shipped = wanted, self.folder / kind / wanted, False
        last = choices[-1].choice_id if choices else ""
        return Prepared(str(self._laid_out(in_use, places)), in_use, refused, is_shipped, last)

    def with_model(self, manifest: Manifest) -> Path:
        """A folder as `prepare` gives it, but with this model whatever is chosen. Raises ModelRefused if it is not whole."""
        prepared = self.prepare()
        places = {p.name: p.resolve() for p in Path(prepared.folder).iterdir()}
        if self.shipped(manifest.kind).sha256 == manifest.sha256:
            place = self._shipped / manifest.kind
        else:
            place = self.folder / manifest.kind / manifest.sha256
            if wrong := self._wrong(place, manifest.sha256):
                raise ModelRefused(f"{manifest.kind} {manifest.sha256[:12]}: {wrong[0]} {wrong[1]}")
        in_use = {**prepared.in_use, manifest.kind: manifest.sha256}
        return self._laid_out(in_use, {**places, manifest.kind: place})

    def in_use(self, kind: str) -> Manifest:
        """What is chosen for this kind, or the shipped one. Raises ModelRefused for an unknown kind or a damaged manifest."""
        shipped = self.shipped(kind)
        wanted = chosen(self.choices(), kind)
        return next((m for m in self.known(kind) if m.sha256 == wanted), shipped)

    def _shipped_places(self) -> dict[str, Path]:
        return {p.name: p for p in self._shipped.iterdir() if p.is_dir() and any(p.glob("*.tflite"))}

    def _laid_out(self, in_use: dict[str, str], places: dict[str, Path]) -> Path:
        """A folder with a link to every model; the same models give the same folder."""
        name = hashlib.sha256(
            json.dumps([sorted(in_use.items()), sorted(map(str, places.values()))]).encode()
        ).hexdigest()[:16]
        target = self.folder / "in-use" / name
        if not target.is_dir():
            working = target.with_name(f"{name}.{os.getpid()}")
            shutil.rmtree(working, ignore_errors=True)
            make_folder(working)
            for kind, place in places.items():
                (working / kind).symlink_to(place.resolve(), target_is_directory=True)
            try:
                working.rename(target)
            except OSError:  # another process laid it out meanwhile
                shutil.rmtree(working, ignore_errors=True)
        return target

    def _wrong(self, folder: Path, sha256: str) -> tuple[str, str] | None:
        """Why this added model must not read, Chinese and English; None when every file is what its manifest says."""
        try:
            manifest = _manifest(folder / MANIFEST)
        except FileNotFoundError:
            return f"模型不在 {folder}", f"the model is not in {folder}"
        except (OSError, ValueError, TypeError, KeyError) as error:
            return f"{folder / MANIFEST} 无法读取：{error}", f"{folder / MANIFEST} cannot be read: {error}"
        for name, wanted in {**manifest.files, f"{manifest.kind}.tflite": sha256}.items():
            try:
                found = _hash(folder / name)
            except OSError as error:
                return (
                    f"{folder / name} 无法读取：{error.strerror}",
                    f"{folder / name} cannot be read: {error.strerror}",
                )
            if found != wanted:
                return (f"{folder / name} 的哈希是 {found[:12]}，应为 {wanted[:12]}",
                        f"{folder / name} has the hash {found[:12]}, {wanted[:12]} is wanted")  # fmt: skip
        return None

    # ------------------------------------------------------------ what a process says that it reads with

    def tell(self, place: str, prepared: Prepared, now_ms: int) -> None:
        """place: the process, such as gateway or vision."""
        doc = {
            "at_ms": now_ms,
            "in_use": prepared.in_use,
            "refused": prepared.refused,
            "last_choice": prepared.last_choice,
        }
        write_synced(self.folder / f"in-use-{place}.json", json.dumps(doc, ensure_ascii=False, indent=1).encode())

    def told(self, place: str) -> dict[str, Any]:
        """{} before it said anything."""
        try:
            return json.loads((self.folder / f"in-use-{place}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    # ------------------------------------------------------------ small things

    def _kind_of(self, source: Path) -> str:
        if not source.exists():
            raise ModelRefused(f"{source}: 不存在 is not there; give a folder with a .tflite, or that file")
        names = {source.stem} if source.is_file() else {p.stem for p in source.glob("*.tflite")}
        kinds = sorted(names & set(self.kinds()))
        if len(kinds) != 1:
            allowed = ", ".join(f"{kind}.tflite" for kind in self.kinds())
            raise ModelRefused(f"{source}: 须恰有一个以下文件 exactly one of these is needed: {allowed}")
        return kinds[0]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self.folder)
        handle = os.open(self.folder / "choices.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _manifest(path: Path) -> Manifest:
    doc = json.loads(path.read_text(encoding="utf-8"))
    return Manifest(**doc | {"input_shape": tuple(doc["input_shape"]), "types": tuple(doc["types"])})


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hashes(folder: Path) -> dict[str, str]:
    return {
        p.name: _hash(p)
        for p in sorted(folder.iterdir())
        if p.is_file() and p.suffix in SUFFIXES and p.name != MANIFEST
    }


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.glob("*.tflite"))


def _trained_on(folder: Path) -> str:
    """One line from the training manifest beside the model, "" without one."""
    try:
        doc = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
        licences = ", ".join(f"{name} {count}" for name, count in sorted(doc["licences"].items()))
        return f"{len(doc['pictures'].split())} pictures, set {doc['train_rows']} ({licences})"
    except (OSError, ValueError, KeyError, AttributeError):
        return ""


def _name(by: str) -> str:
    who = " ".join(by.split())
    if not who or len(who) > 40:
        raise ModelRefused("必须填写姓名，最多 40 字 a name of 1 to 40 characters is required")
    return who
