"""`lvzha pki technician | revoke | rights`: who may connect to the broker."""

from __future__ import annotations

from pathlib import Path

from gateway.adapters.broker.access import Access as BrokerAccess
from gateway.adapters.broker.mosquitto import reload as reload_mosquitto
from gateway.adapters.broker.mosquitto import write_mosquitto_files
from gateway.adapters.broker.pki import BROKER_DNS_NAMES, KeyFileError, ensure_site_keys, revoke
from gateway.adapters.technician.access import Access
from gateway.adapters.technician.access import write as write_access
from gateway.config import load
from gateway.domain import technicians
from gateway.start import REFUSALS, keys_of, refuse


def issue_technician(config: Path, name: str, host: str, out: Path) -> int:
    """Certificate, key and access.toml in a folder of the technician's own, mode 0700."""
    full = name if name.startswith(technicians.PREFIX) else technicians.PREFIX + name
    try:
        settings = load(config)
        if not technicians.NAME.fullmatch(full):
            raise KeyFileError(
                f"{name!r}: 只用小写字母、数字和连字符 allowed: lower-case letters, digits, '-', at most 21"
            )
        keys = ensure_site_keys(
            settings.site.data_dir / "keys", site_code=settings.site.enterprise_code, lanes=[], roles=[full]
        )
        folder = out / full
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = {"ca": keys.ca_crt, "cert": keys.crt(full), "key": keys.key(full)}
        for path in files.values():
            (folder / path.name).write_bytes(path.read_bytes())
            (folder / path.name).chmod(0o600)
        access = Access(full, settings.site.enterprise_code, host or settings.broker.host, settings.broker.port,
                        BROKER_DNS_NAMES[0], **files)  # fmt: skip
        write_access(folder, access)
    except REFUSALS as refusal:
        return refuse("未签发 not made", refusal)
    except OSError as error:
        return refuse("未签发 not made", f"{error.filename}: {error.strerror}")
    print(f"{folder}: 技术员凭据，请妥善交给本人 the technician's access; hand it over as you would a key")
    return 0


def revoke_technician(config: Path, name: str) -> int:
    full = name if name.startswith(technicians.PREFIX) else technicians.PREFIX + name
    try:
        settings = load(config)
        revoke(settings.site.data_dir / "keys", site_code=settings.site.enterprise_code, name=full)
    except REFUSALS as refusal:
        return refuse("未收回 not revoked", refusal)
    print(f"{full}: 已收回 revoked; 用 mosquitto 时接着运行 with mosquitto now run: lvzha pki rights --reload")
    return 0


def write_broker_rights(config: Path, out: Path | None, run_as: str, is_reloading: bool) -> int:
    """mosquitto's files from the site file, and a reload: a new lane or technician is let in, a revoked key out, without a restart."""
    try:
        settings = load(config)
        folder = (out or settings.site.data_dir / "mosquitto").resolve()
        access = BrokerAccess(keys_of(settings), settings.site.enterprise_code, [lane.id for lane in settings.lanes])
        path = write_mosquitto_files(
            folder, access, host=settings.broker.host, port=settings.broker.port, run_as=run_as
        )
        pid = reload_mosquitto(folder) if is_reloading else None
    except REFUSALS as refusal:
        return refuse("未写入 not written", refusal)
    except OSError as error:
        return refuse("未写入 not written", f"{error.filename or 'mosquitto'}: {error.strerror}")
    print(f"{path}: {len(access.lanes)} 车道 lanes, {len(access.technicians())} 技术员 technicians")
    if is_reloading and pid is None:
        return refuse(
            "未重读 not reloaded", f"没有以此文件启动的 mosquitto no mosquitto runs with it; start: mosquitto -c {path}"
        )
    if pid is not None:
        print(
            f"mosquitto {pid}: 已重读权限和吊销列表 has read rights and revocations again; 连接不断 no connection ends"
        )
    return 0
