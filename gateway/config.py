"""The site's settings: TOML in, validated objects out. Every key has bounds; an unknown key refuses to start.

The reference of all keys with units and defaults is in gateway/README.md, made from these classes.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,8}$")]


class ConfigRefused(ValueError):
    """The settings are not acceptable; the message names file, key, value and what is allowed, a line each."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Site(_Section):
    enterprise_code: str = Field(
        pattern=r"^[0-9A-Za-z]{6,30}$", description="code issued by the regulator 联网企业编号"
    )
    name: str = Field(min_length=1, max_length=300, description="enterprise name 企业名称")
    data_dir: Path = Field(description="ledger, photographs and keys; relative to the settings file")
    policy_pack: Path | None = Field(None, description="rule pack; default: the pack of this version")
    exit_needs: Literal["nothing", "goods", "weighed"] = Field(
        "nothing", description="what must be known of the load before an exit opens by itself; else a person decides"
    )


class Broker(_Section):
    host: str = Field("127.0.0.1", description="address of the MQTT broker on the lane network")
    port: Port = Field(8883, description="TLS port of the broker")


class Web(_Section):
    host: str = Field("127.0.0.1", description="address the console listens on")
    port: Port = Field(8080, description="port of the console")


class Sntp(_Section):
    host: str = Field("127.0.0.1", description="address the time service for the lanes listens on")
    port: Port = Field(123, description="UDP port of the time service")


class Uplink(_Section):
    profile: str = Field("yunnan-v1", description="regulator profile, gateway/adapters/uplink/profiles")
    base_url: str = Field(pattern=r"^https?://.+/$", description="the platform's base address, ending with /")
    app_id: str = Field(min_length=1, max_length=64, description="application id issued by the platform")
    private_key: Path = Field(description="RSA key of the enterprise, PEM, mode 0600")
    platform_key: Path = Field(description="public key of the platform, PEM")
    heartbeat_s: int | None = Field(None, ge=5, le=3600, description="heartbeat interval; default: the profile's")
    camera_user: str | None = Field(
        None, min_length=1, max_length=15,
        description="view-only account by which the regulator sees the cameras 监管查看账号; default: cameras are not told",
    )  # fmt: skip
    camera_password: Path | None = Field(None, description="file with that account's password, mode 0600")
    camera_host: str | None = Field(
        None, pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$",
        description="address of the proxy that shows the cameras to the regulator; default: each camera's own address",
    )  # fmt: skip
    camera_port: Port = Field(554, description="port of that proxy")

    @model_validator(mode="after")
    def _account(self) -> Uplink:
        if (self.camera_user is None) != (self.camera_password is None):
            raise ValueError("camera_user, camera_password: 须同时填写 both are needed, or neither")
        return self


class Reading(_Section):
    budget_ms: int = Field(6000, ge=1000, le=30000, description="longest time spent on reading one vehicle")
    min_agreeing: int = Field(3, ge=2, le=20, description="frames that must agree on a plate")
    min_width_px: int = Field(
        1280, ge=1280, le=8192, description="streams with narrower pictures are refused; more where a local rule asks"
    )
    min_height_px: int = Field(720, ge=720, le=8192, description="streams with lower pictures are refused")


class Labelling(_Section):
    keep: bool = Field(
        False,
        description="keep pictures of doubtful and corrected passes for labelling 留存疑难图片; off unless consented",
    )
    consent_by: str = Field("", max_length=40, description="who consented for the site 同意人; required to keep")
    consent_on: str = Field(
        "", pattern=r"^(\d{4}-\d{2}-\d{2})?$", description="day of the consent, yyyy-mm-dd 同意日期; required to keep"
    )
    licence: str = Field(
        "none stated",
        min_length=1,
        max_length=80,
        pattern=r"^[^,\r\n\"]+$",
        description="the site's statement for these pictures; as it stands they may score models, not train shipped ones",
    )
    doubt_below: float = Field(
        0.99, ge=0.5, le=1.0, description="a vote with less confidence is doubtful [assumed]; below 0.95 it is unread"
    )
    sure_one_in: int = Field(
        0, ge=0, le=10_000, description="of sure passes every n-th is kept too, for an unbiased gauge; 0 none"
    )
    most_per_day: int = Field(200, ge=1, le=5000, description="passes kept a day; corrected ones always are")

    @model_validator(mode="after")
    def _consented(self) -> Labelling:
        if self.keep and not (self.consent_by.strip() and self.consent_on):
            raise ValueError(
                "keep: 须写明同意人和日期 needs consent_by and consent_on: who consented for the site, and when"
            )
        return self


class Lookup(_Section):
    base_url: str | None = Field(
        None,
        pattern=r"^https?://.+/$",
        description="interface to the national look-up, ending with /; default: a person asks by hand",
    )


class Drivers(_Section):
    base_url: str | None = Field(
        None,
        pattern=r"^https?://[^/]+/$",
        description="address of the self-registration page for phones, in its QR codes; default: drivers do not register themselves",
    )
    host: str = Field("127.0.0.1", description="address the self-registration page listens on; nothing else is there")
    port: Port = Field(8090, description="port of the self-registration page; never the console's")


class TagReader(_Section):
    code: str = Field(pattern=r"^[0-9A-Za-z-]{1,15}$", description="tag reader code 标签读写器编号")
    name: str = Field(min_length=1, max_length=20, description="name 名称")
    url: str = Field(
        pattern=r"^tcp://[^/:]+:\d{1,5}$", description="tcp://address:port at which it tells tags as lines"
    )
    prefix: str = Field(
        "", pattern=r"^[0-9A-Za-z-]{0,24}$", description="tags of machines begin so; others are not looked at"
    )


class Zone(_Section):
    code: str = Field(pattern=r"^[0-9a-z-]{1,15}$", description="work area code 作业区编号")
    name: str = Field(min_length=1, max_length=30, description="name 名称")
    cameras: tuple[str, ...] = Field(
        (), description="codes of cameras whose pictures are asked for environmental codes"
    )
    readers: tuple[str, ...] = Field((), description="codes of tag readers at the ways in")
    least_stage: Literal["1", "2", "3", "4", "D"] | None = Field(
        None, description="machines below this emission stage may not work here; default: any may"
    )


class Camera(_Section):
    code: str = Field(pattern=r"^[0-9A-Za-z-]{1,15}$", description="camera code 摄像头编号")
    name: str = Field(min_length=1, max_length=20, description="camera name 摄像头名称")
    url: str = Field(pattern=r"^rtsps?://.+", description="RTSP address of the main stream, at least 1280 x 720")


class Lane(_Section):
    id: str = Field(pattern=r"^g[0-9A-Za-z]{1,8}-b[0-9A-Za-z]{1,8}$", description="lane id g{entrance}-b{barrier}")
    name: str = Field(min_length=1, max_length=50, description="lane name 车道名称")
    entrance_code: Code = Field(description="entrance code 出入口编号")
    barrier_code: Code = Field(description="barrier code 道闸编号")
    direction: Literal["in", "out"] = Field(description="in or out 进出类型")
    head_camera: str = Field(description="code of the camera that sees the vehicle's head")
    body_camera: str = Field(description="code of the camera that sees the whole vehicle")
    rear_camera: str | None = Field(
        None, description="code of a camera that sees the rear plate of the vehicle at the arm; default: none"
    )
    plate_zone: tuple[Share, Share, Share, Share] | None = Field(
        None, description="left, top, right, bottom of this lane's plates as shares of the head camera's picture; "
        "default: all of it"
    )  # fmt: skip


class Settings(_Section):
    site: Site
    broker: Broker = Field(default_factory=lambda: Broker.model_validate({}))
    web: Web = Field(default_factory=lambda: Web.model_validate({}))
    sntp: Sntp = Field(default_factory=lambda: Sntp.model_validate({}))
    uplink: Uplink
    reading: Reading = Field(default_factory=lambda: Reading.model_validate({}))
    labelling: Labelling = Field(default_factory=lambda: Labelling.model_validate({}))
    lookup: Lookup = Field(default_factory=lambda: Lookup.model_validate({}))
    drivers: Drivers = Field(default_factory=lambda: Drivers.model_validate({}))
    cameras: tuple[Camera, ...] = Field(min_length=1)
    lanes: tuple[Lane, ...] = Field(min_length=1)
    tag_readers: tuple[TagReader, ...] = ()
    zones: tuple[Zone, ...] = ()

    @model_validator(mode="after")
    def _joined_up(self) -> Settings:
        cameras = [c.code for c in self.cameras]
        for kind, ids in (("cameras.code", cameras), ("lanes.id", [lane.id for lane in self.lanes]),
                          ("lanes.barrier_code", [lane.barrier_code for lane in self.lanes]),
                          ("tag_readers.code", [r.code for r in self.tag_readers]), ("zones.code", [z.code for z in self.zones])):  # fmt: skip
            if twice := next((i for i in ids if ids.count(i) > 1), None):
                raise ValueError(f"{kind} {twice!r} stands twice; each must be its own")
        for lane in self.lanes:
            if lane.id != f"g{lane.entrance_code}-b{lane.barrier_code}":
                raise ValueError(
                    f"lanes.id {lane.id!r} must be g{lane.entrance_code}-b{lane.barrier_code} (entrance and barrier code)"
                )
            if lane.plate_zone and not (
                lane.plate_zone[0] < lane.plate_zone[2] and lane.plate_zone[1] < lane.plate_zone[3]
            ):
                raise ValueError(
                    f"lane {lane.id}: plate_zone {list(lane.plate_zone)}; left < right and top < bottom is required"
                )
            for camera in (lane.head_camera, lane.body_camera, lane.rear_camera or lane.head_camera):
                if camera not in cameras:
                    raise ValueError(
                        f"lane {lane.id}: camera {camera!r} is not in [[cameras]]; allowed are {', '.join(cameras)}"
                    )
        self._zones_joined_up(cameras)
        if self.drivers.base_url and self.drivers.port == self.web.port:
            raise ValueError(
                f"drivers.port {self.drivers.port} is web.port; the page for phones needs a port of its own"
            )
        return self

    def _zones_joined_up(self, cameras: list[str]) -> None:
        readers = {r.code: 0 for r in self.tag_readers}
        for zone in self.zones:
            if not zone.cameras and not zone.readers:
                raise ValueError(f"zone {zone.code}: no camera and no tag reader watches it; name cameras or readers")
            for camera in zone.cameras:
                if camera not in cameras:
                    raise ValueError(
                        f"zone {zone.code}: camera {camera!r} is not in [[cameras]]; allowed are {', '.join(cameras)}"
                    )
            for reader in zone.readers:
                if reader not in readers:
                    raise ValueError(
                        f"zone {zone.code}: reader {reader!r} is not in [[tag_readers]]; allowed are {', '.join(readers) or 'none'}"
                    )
                readers[reader] += 1
        if wrong := next((code for code, n in readers.items() if n != 1), None):
            raise ValueError(f"tag reader {wrong}: must belong to exactly one zone, belongs to {readers[wrong]}")

    def lane(self, lane_id: str) -> Lane:
        return next(lane for lane in self.lanes if lane.id == lane_id)

    def camera(self, code: str) -> Camera:
        return next(c for c in self.cameras if c.code == code)


def load(path: Path) -> Settings:
    """The settings in a TOML file, paths made absolute against its folder. Raises ConfigRefused."""
    try:
        doc = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigRefused(
            f"{path}: {error.strerror}. 找不到或无法读取配置文件 The settings file cannot be read"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigRefused(f"{path}: not valid TOML: {error}") from None
    try:
        settings = Settings.model_validate(doc)
    except ValidationError as error:
        raise ConfigRefused("\n".join(_sentence(path, e) for e in error.errors())) from None
    base = path.resolve().parent
    site = settings.site.model_copy(update={
        "data_dir": base / settings.site.data_dir,
        "policy_pack": base / settings.site.policy_pack if settings.site.policy_pack else None,
    })  # fmt: skip
    uplink = settings.uplink.model_copy(update={
        "private_key": base / settings.uplink.private_key,
        "platform_key": base / settings.uplink.platform_key,
        "camera_password": base / settings.uplink.camera_password if settings.uplink.camera_password else None,
    })  # fmt: skip
    return settings.model_copy(update={"site": site, "uplink": uplink})


_SECTIONS: Final = (Site, Broker, Web, Sntp, Uplink, Reading, Labelling, Lookup, Drivers, Camera, Lane, TagReader, Zone)


def _section(annotation: object) -> type[BaseModel] | None:
    """The section of the settings that a field holds one or many of."""
    return next((c for c in _SECTIONS if c.__name__ in str(annotation)), None)


def _sentence(path: Path, error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "document"
    if error["type"] == "extra_forbidden":
        section: type[BaseModel] = Settings
        for part in error["loc"][:-1]:
            if isinstance(part, str):
                annotation = section.model_fields[part].annotation
                section = _section(annotation) or section
        return f"{path}: {where}: unknown key 未知配置项; allowed are {', '.join(section.model_fields)}"
    shown = "" if error["type"] == "missing" or isinstance(error["input"], dict) else f" = {error['input']!r}"
    return f"{path}: {where}{shown}: {error['msg']}"


def reference() -> list[tuple[str, str, str, str]]:
    """(key, what is allowed, default, meaning) of every key, for the README and its test."""
    rows = []
    for name, field in Settings.model_fields.items():
        section = _section(field.annotation)
        assert section, name
        prefix = f"[[{name}]]" if "tuple" in str(field.annotation) else f"[{name}]"
        for key, f in section.model_fields.items():
            schema = section.model_json_schema()["properties"][key]
            bounds = {
                k: schema[k] for k in ("pattern", "minimum", "maximum", "minLength", "maxLength", "enum") if k in schema
            }
            allowed = ", ".join(f"{k} {v}" for k, v in bounds.items()) or schema.get("type", "path")
            rows.append(
                (f"{prefix} {key}", allowed, "required" if f.is_required() else str(f.default), f.description or "")
            )
    return rows
