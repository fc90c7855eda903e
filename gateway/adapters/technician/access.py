"""The technician's way in: one folder with his certificate, his key, the site's authority, and where the broker is.

`lvzha pki technician NAME` makes the folder; access.toml in it names the rest. Found by --access, else the environment
(LVZHA_ACCESS), else in this folder, else in ~/.config/lvzha.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from gateway.domain import technicians

FILE = "access.toml"
ENVIRONMENT = "LVZHA_ACCESS"


class AccessRefused(ValueError):
    """No usable access; the text says what is wrong and what to do, Chinese then English."""


@dataclass(frozen=True)
class Access:
    """name: CN of the certificate. server_name: as in the broker's certificate. The files are PEM."""

    name: str
    site: str
    host: str
    port: int
    server_name: str
    ca: Path
    cert: Path
    key: Path


def load(given: Path | None) -> Access:
    """The access to use. Raises AccessRefused."""
    path = _find(given)
    try:
        doc = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AccessRefused(f"{path}: 无法读取 cannot be read: {error}") from None
    kinds = {"name": str, "site": str, "host": str, "port": int, "server_name": str, "ca": str, "cert": str, "key": str}
    for key in doc:
        if key not in kinds:
            raise AccessRefused(f"{path}: {key}: 未知配置项 unknown key; allowed: {', '.join(kinds)}")
    for key, kind in kinds.items():
        if not isinstance(doc.get(key), kind):
            raise AccessRefused(f"{path}: {key}: 缺少或类型不对 missing or not {'text' if kind is str else 'a number'}")
    if not technicians.NAME.fullmatch(doc["name"]):
        raise AccessRefused(f"{path}: name {doc['name']!r}: 应为 allowed: technician-{{name}}")
    files = {key: path.parent / doc[key] for key in ("ca", "cert", "key")}
    for file in files.values():
        if not file.is_file():
            raise AccessRefused(f"{file}: 文件不存在，请重新签发 is missing; have it made again: lvzha pki technician")
    return Access(doc["name"], doc["site"], doc["host"], doc["port"], doc["server_name"], **files)


def write(folder: Path, access: Access) -> Path:
    """Write access.toml for files that lie in `folder`; its path."""
    lines = [
        f'{key} = "{value}"' for key, value in (("name", access.name), ("site", access.site), ("host", access.host))
    ]
    lines += [f"port = {access.port}", f'server_name = "{access.server_name}"']
    lines += [f'{key} = "{getattr(access, key).name}"' for key in ("ca", "cert", "key")]
    path = folder / FILE
    path.write_text(
        "# 技术员访问凭据 A technician's access; keep it as you keep a key.\n" + "\n".join(lines) + "\n", "utf-8"
    )
    return path


def _find(given: Path | None) -> Path:
    if given is None and os.environ.get(ENVIRONMENT):
        given = Path(os.environ[ENVIRONMENT])
    if given is not None:
        path = given / FILE if given.is_dir() else given
        if not path.is_file():
            raise AccessRefused(f"{path}: 文件不存在 there is no such file")
        return path
    here = [Path(FILE), *sorted(Path().glob(f"{technicians.PREFIX}*/{FILE}")), Path.home() / ".config" / "lvzha" / FILE]
    found = [path for path in here if path.is_file()]
    if not found:
        raise AccessRefused(
            f"没有技术员凭据：用 --access 或环境变量 {ENVIRONMENT} 指定文件夹，由网关管理员签发（lvzha pki technician 姓名）\n"
            f"no access: name the folder with --access or {ENVIRONMENT}; the gateway's keeper makes it (lvzha pki technician NAME)"
        )
    return found[0]
