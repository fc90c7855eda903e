"""Is a row of a register complete, possible and consistent? Every finding names field, rule, and what is allowed.

An error refuses the row; a warning keeps it and asks a person to look (an old or imported vehicle may really fail a
check digit). `check_row` applies the shape of every field (dictionary), then the named rules below, which may look at
the whole row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from gateway.domain import identifiers as ids
from gateway.domain.dictionary import Field, Register
from gateway.domain.emission import (
    COMBUSTION_FUELS,
    FUEL_ELECTRIC,
    NEW_ENERGY_COLOURS,
    PURE_ELECTRIC_LETTERS,
    new_energy_letter,
)
from gateway.domain.field_shapes import ERROR, WARNING, Finding, as_day, check_shape
from gateway.domain.plates import PLATE_TYPES, normal_form, plate_colour_code, plate_family
from gateway.domain.stage_inference import inferred_machine_stage, inferred_stage, is_too_early

OLDEST_REGISTRATION = date(1990, 1, 1)
LEAST_RESOLUTION = (1280, 720)  # HJ 1321-2023, recognition camera
LIST_NEEDED_FROM = date(2017, 1, 1)  # since then every new vehicle has an environmental list
WIDEST_LANE_M = 5.0  # two lorries of 2.5 m fit side by side in anything wider

Row = Mapping[str, str]


Rule = Callable[[Row, Field, date], Finding | None]


def check_row(register: Register, row: Row, today: date) -> list[Finding]:
    """All findings of one row, in the register's field order. Values are texts; "" and absent mean the same."""
    known = {f.name for f in register.fields}
    findings = [
        Finding(name, "unknown", ERROR, "没有这一字段", f"no such field in register {register.name}")
        for name in sorted(set(row) - known)
    ]
    for field in register.fields:
        value = row.get(field.name, "")
        if not value:
            if field.need == "yes" and not field.derived:
                findings.append(Finding(field.name, "required", ERROR, f"{field.zh}必填", f"{field.en} is required"))
            elif field.need == "if" and field.rule in NEEDED and (found := NEEDED[field.rule](row, field, today)):
                findings.append(found)
            continue
        found = check_shape(field, value)
        if found is None and field.rule in RULES:
            found = RULES[field.rule](row, field, today)
        if found:
            findings.append(found)
    return findings


def _says(field: Field, level: str, problem: ids.Problem | None) -> Finding | None:
    return Finding(field.name, field.rule, level, *problem) if problem else None


def _pattern(pattern: str, zh: str, en: str) -> Rule:
    def rule(row: Row, field: Field, today: date) -> Finding | None:
        return None if re.fullmatch(pattern, row[field.name]) else _says(field, ERROR, (zh, en))

    return rule


def _day_of(row: Row, name: str) -> date | None:
    return as_day(row.get(name, ""))


# ---------------------------------------------------------------- plates


def _plate(row: Row, field: Field, today: date) -> Finding | None:
    plate = row[field.name]
    if plate != normal_form(plate):
        return _says(
            field, ERROR, (f"请写作 {normal_form(plate)}（无空格、点号，大写）", f"write {normal_form(plate)}")
        )
    if not plate_family(plate):
        return _says(field, ERROR, (f"“{plate}”不是任何种类的号牌", f"{plate!r} is no plate of any kind"))
    return None


def _plate_colour(row: Row, field: Field, today: date) -> Finding | None:
    plate, colour = row.get("plate_no", ""), row[field.name]
    if not plate or colour == "5" or not plate_family(plate):
        return None
    types = [t for t in PLATE_TYPES if t != "unknown" and plate_colour_code(t) == colour]
    if any(plate_family(plate, t) for t in types):
        return None
    return _says(
        field,
        ERROR,
        (
            f"{plate} 不会是{field.codes.label(colour)}牌",
            f"{plate} is not on a {field.codes.label(colour, 'en')} plate",
        ),
    )


def _road_plate(row: Row, field: Field, today: date) -> Finding | None:
    return _plate(row, field, today)


# ---------------------------------------------------------------- vehicle papers


def _vehicle_type(row: Row, field: Field, today: date) -> Finding | None:
    kind, plate = row[field.name], row.get("plate_no", "")
    if plate.endswith("挂") and kind[:1] not in ("B", "G"):
        return _says(
            field, ERROR, ("挂车号牌的车辆类型应以 B 或 G 开头", "a trailer's plate goes with a type B.. or G..")
        )
    if kind[:2] in ("H1", "Q1") and row.get("plate_colour") in ("0", "4"):
        return _says(
            field, WARNING, ("重型货车通常不用小型车号牌", "a heavy lorry rarely carries a small vehicle's plate")
        )
    return None


def _vin(row: Row, field: Field, today: date) -> Finding | None:
    vin = row[field.name]
    if problem := ids.vin_shape(vin):
        return _says(field, ERROR, problem)
    right = ids.vin_check_digit(vin)
    if right != vin[8]:
        return _says(field, WARNING, (f"第9位校验位应为 {right}", f"its ninth character should be {right}"))
    return None


def _register_date(row: Row, field: Field, today: date) -> Finding | None:
    day = _day_of(row, field.name)
    if day and day > today:
        return _says(field, ERROR, ("不能晚于今天", "lies in the future"))
    if day and day < OLDEST_REGISTRATION:
        return _says(field, ERROR, (f"不能早于 {OLDEST_REGISTRATION}", f"is before {OLDEST_REGISTRATION}"))
    return None


def _not_before_registration(row: Row, field: Field, today: date) -> Finding | None:
    day, registered = _day_of(row, field.name), _day_of(row, "register_date")
    if day and day > today:
        return _says(field, ERROR, ("不能晚于今天", "lies in the future"))
    if day and registered and day < registered:
        return _says(field, ERROR, ("不能早于注册登记日期", "is before the first registration"))
    return None


def _production_date(row: Row, field: Field, today: date) -> Finding | None:
    day, registered = _day_of(row, field.name), _day_of(row, "register_date")
    if day and day > today:
        return _says(field, ERROR, ("不能晚于今天", "lies in the future"))
    if day and registered and day > registered:
        return _says(field, ERROR, ("不能晚于注册登记日期", "is after the first registration"))
    return None


def _emission_stage(row: Row, field: Field, today: date) -> Finding | None:
    stage, fuel = row[field.name], row.get("fuel_type", "")
    if stage == "D" and fuel and fuel not in (FUEL_ELECTRIC, "Z"):
        return _says(field, ERROR, ("电动（D）要求燃料类型为电", "stage D needs the fuel electric"))
    if stage != "D" and fuel == FUEL_ELECTRIC:
        return _says(field, ERROR, ("燃料类型为电时排放标准应为 D", "an electric vehicle has stage D"))
    registered = _day_of(row, "register_date")
    demanded = inferred_stage(fuel, row.get("vehicle_type", ""), registered) if registered else None
    if demanded and is_too_early(stage, demanded.stage):
        return _says(
            field, WARNING,
            (f"{registered} 注册的车辆当时要求国{demanded.stage}，申报为国{stage}，请核对证件",
             f"registered {registered} when stage {demanded.stage} was demanded, declared {stage}: look at the papers"),
        )  # fmt: skip
    if demanded and stage.isdigit() and int(stage) < int(demanded.stage):
        return _says(
            field, WARNING,
            (f"低于注册当日要求的国{demanded.stage}，请核对", f"below stage {demanded.stage}, demanded on that day"),
        )  # fmt: skip
    return None


def _emission_substage(row: Row, field: Field, today: date) -> Finding | None:
    if row[field.name] not in ("a", "b"):
        return _says(field, ERROR, ("只能为 a 或 b", "is a or b"))
    if row.get("emission_stage") != "6":
        return _says(field, ERROR, ("仅国六有阶段", "belongs to China VI only"))
    return None


def _fuel_type(row: Row, field: Field, today: date) -> Finding | None:
    fuel, letter = row[field.name], new_energy_letter(row.get("plate_no", ""), row.get("plate_colour", ""))
    if fuel == "X":
        return _says(field, ERROR, ("车辆的燃料类型不能为未知", "is unknown; only a machine's may be"))
    if letter and letter in PURE_ELECTRIC_LETTERS and fuel in COMBUSTION_FUELS:
        return _says(
            field, ERROR, (f"纯电动号牌（{letter}）与燃料不符", f"does not go with a pure-electric plate ({letter})")
        )
    if (row.get("plate_colour") or "5") in NEW_ENERGY_COLOURS and fuel in COMBUSTION_FUELS and not letter:
        return _says(field, WARNING, ("新能源号牌应为电、混合动力或其他", "goes badly with a new-energy plate"))
    return None


def _network_status(row: Row, field: Field, today: date) -> Finding | None:
    is_stage_six = row.get("emission_stage") == "6"
    if row[field.name] == "1" and not is_stage_six and row.get("emission_stage") != "5":
        return _says(
            field, WARNING, ("国五以前的车辆一般没有车载联网终端", "vehicles before China V hardly have a unit to link")
        )
    if row[field.name] == "2" and is_stage_six:
        return _says(field, ERROR, ("国六车辆应为已联网或未联网", "a China VI vehicle is linked or not linked"))
    return None


def _approved_load(row: Row, field: Field, today: date) -> Finding | None:
    gross = row.get("gross_mass_kg", "")
    if gross.isdigit() and int(row[field.name]) >= int(gross):
        return _says(field, ERROR, ("应小于最大总质量", "is less than the gross mass"))
    return None


def _gross_mass(row: Row, field: Field, today: date) -> Finding | None:
    if row.get("vehicle_type", "")[:2] in ("H1", "Q1") and int(row[field.name]) < 4500:
        return _says(field, WARNING, ("重型货车的总质量通常不低于12吨", "is low for a heavy lorry"))
    return None


# ---------------------------------------------------------------- in-plant vehicles, machines


def _env_reg_code(row: Row, field: Field, today: date) -> Finding | None:
    code = row[field.name]
    if len(code) < 4 or not re.fullmatch(r"[0-9A-Za-z一-鿿-]{4,32}", code):
        return _says(field, ERROR, ("4至32位字母、数字、汉字或短横", "has 4 to 32 letters, digits or dashes"))
    if not ids.ENV_REG_CODE.fullmatch(code):
        return _says(
            field,
            WARNING,
            ("不是国家编码格式，按内部管理号牌登记", "is not of the national form; kept as an internal plate"),
        )
    stage = row.get("emission_stage", "")
    if stage and code[0] != stage:
        return _says(
            field,
            WARNING,
            (f"编码首位 {code[0]} 与排放标准 {stage} 不一致", f"begins with {code[0]}, the stage is {stage}"),
        )
    return None


def _machine_stage(row: Row, field: Field, today: date) -> Finding | None:
    stage, fuel = row[field.name], row.get("fuel_type", "")
    if (stage == "D") != (fuel == FUEL_ELECTRIC) and fuel:
        return _says(
            field, ERROR, ("电动机械的燃料为电，排放标准为 D", "electric machines have fuel electric and stage D")
        )
    produced = _day_of(row, "production_date")
    demanded = inferred_machine_stage(fuel, produced) if produced else None
    if demanded and is_too_early(stage, demanded.stage):
        return _says(
            field, WARNING,
            (f"{produced} 生产时要求国{demanded.stage}阶段，请核对铭牌", f"stage {demanded.stage} was demanded on {produced}: look at the plate"),
        )  # fmt: skip
    return None


def _machine_fuel(row: Row, field: Field, today: date) -> Finding | None:
    if row[field.name] == "X":
        return _says(field, WARNING, ("燃料未知，请补充", "is unknown, to be completed"))
    return None


def _mein_or_pin(row: Row, field: Field, today: date) -> Finding | None:
    return _says(field, ERROR, ids.mein_shape(row[field.name])) if field.name == "mein" else None


def _valid_to(row: Row, field: Field, today: date) -> Finding | None:
    end, start = _day_of(row, field.name), _day_of(row, "valid_from")
    if end and start and end < start:
        return _says(field, ERROR, ("不能早于启用日期", "is before its start"))
    return None


# ---------------------------------------------------------------- site


def _box(low: float, high: float, zh: str) -> Rule:
    def rule(row: Row, field: Field, today: date) -> Finding | None:
        value = row[field.name]
        if not re.fullmatch(r"\d+\.\d{6}", value):
            return _says(field, ERROR, ("应为6位小数，如 102.712345", "has six decimals, like 102.712345"))
        if not low <= float(value) <= high:
            return _says(field, ERROR, (f"{zh}应在 {low:g}–{high:g} 之间", f"lies in {low:g} to {high:g}"))
        return None

    return rule


def _resolution(row: Row, field: Field, today: date) -> Finding | None:
    found = re.fullmatch(r"(\d{3,5})x(\d{3,5})", row[field.name])
    if not found:
        return _says(field, ERROR, ("写作 宽x高，如 1920x1080", "is written width x height, like 1920x1080"))
    if int(found[1]) < LEAST_RESOLUTION[0] or int(found[2]) < LEAST_RESOLUTION[1]:
        return _says(field, ERROR, ("不得低于 1280x720", "is at least 1280x720"))
    return None


def _ip(row: Row, field: Field, today: date) -> Finding | None:
    parts = row[field.name].split(".")
    if len(parts) != 4 or not all(p.isdigit() and len(p) <= 3 and int(p) <= 255 for p in parts):
        return _says(field, ERROR, ("不是 IPv4 地址", "is no IPv4 address"))
    return None


def _lane_width(row: Row, field: Field, today: date) -> Finding | None:
    if float(row[field.name]) >= WIDEST_LANE_M:
        return _says(
            field, WARNING, ("车道应窄于两辆货车并行宽度", "ought to be narrower than two lorries side by side")
        )
    return None


def _agreement(row: Row, field: Field, today: date) -> Finding | None:
    start, end = _day_of(row, "agreement_from"), _day_of(row, "agreement_to")
    if field.name == "agreement_to" and start and end and end < start:
        return _says(field, ERROR, ("不能早于协议起始日期", "is before its start"))
    if field.name == "agreement_to" and end and (end - today).days < 30:
        return _says(field, WARNING, ("协议已到期或30天内到期", "has expired or expires within 30 days"))
    return None


RULES: dict[str, Rule] = {
    "agreement": _agreement,
    "approved_load": _approved_load,
    "camera_code": _pattern(r"[0-9A-Za-z-]{1,15}", "1至15位字母、数字或短横", "has 1 to 15 letters, digits or dashes"),
    "division_code": lambda row, field, today: _says(field, ERROR, ids.division_code(row[field.name])),
    "emission_stage": _emission_stage,
    "emission_substage": _emission_substage,
    "enterprise_code": _pattern(r"[0-9A-Za-z]{6,30}", "6至30位字母或数字", "has 6 to 30 letters or digits"),
    "env_reg_code": _env_reg_code,
    "fuel_type": _fuel_type,
    "gate_code": _pattern(r"[0-9A-Za-z]{1,8}", "1至8位字母或数字", "has 1 to 8 letters or digits"),
    "gb28181_id": _pattern(r"\d{20}", "应为20位数字", "has 20 digits"),
    "gross_mass": _gross_mass,
    "ip": _ip,
    "issue_date": _not_before_registration,
    "lane_id": _pattern(r"g[0-9A-Za-z]{1,8}-b[0-9A-Za-z]{1,8}", "写作 g入口-b道闸，如 g1-b01", "is written g1-b01"),
    "lane_width": _lane_width,
    "last_inspection_date": _not_before_registration,
    "latitude": _box(3, 54, "纬度"),
    "longitude": _box(73, 136, "经度"),
    "machine_fuel": _machine_fuel,
    "machine_stage": _machine_stage,
    "mein_or_pin": _mein_or_pin,
    "mobile": lambda row, field, today: _says(field, ERROR, ids.mobile(row[field.name])),
    "network_status": _network_status,
    "phone": lambda row, field, today: _says(field, ERROR, ids.phone(row[field.name])),
    "plate": _plate,
    "plate_colour": _plate_colour,
    "production_date": _production_date,
    "register_date": _register_date,
    "resolution": _resolution,
    "road_plate": _road_plate,
    "road_register_date": _register_date,
    "uscc": lambda row, field, today: _says(field, ERROR, ids.uscc(row[field.name])),
    "valid_to": _valid_to,
    "vehicle_type": _vehicle_type,
    "vin": _vin,
}
"""What a value that is there must satisfy beyond its shape."""


def _needs_engine(row: Row, field: Field, today: date) -> Finding | None:
    if row.get("fuel_type") == FUEL_ELECTRIC or row.get("emission_stage") == "D":
        return None
    return _says(field, ERROR, (f"{field.zh}必填（纯电动除外）", f"{field.en} is required unless electric"))


def _needs_licence_or_list(row: Row, field: Field, today: date) -> Finding | None:
    if field.name == "licence_photo" and not row.get("env_list_photo"):
        return _says(
            field,
            WARNING,
            ("行驶证与随车清单至少一项", "a picture of the licence or of the environmental list is needed"),
        )
    registered = _day_of(row, "register_date")
    is_unknown = row.get("emission_stage", "X") == "X"
    if field.name == "env_list_photo" and is_unknown and registered and registered >= LIST_NEEDED_FROM:
        return _says(
            field,
            ERROR,
            (
                f"{LIST_NEEDED_FROM} 起注册且排放未知的车辆须有随车清单",
                "a vehicle registered since 2017 whose stage is unknown needs its list",
            ),
        )
    return None


def _needs_mein_or_pin(row: Row, field: Field, today: date) -> Finding | None:
    if field.name == "mein" and not row.get("pin"):
        return _says(field, ERROR, ("机械环保代码与产品识别码至少一项", "MEIN or PIN is required"))
    return None


def _needs_if(name: str, zh: str, en: str, level: str = ERROR) -> Rule:
    def rule(row: Row, field: Field, today: date) -> Finding | None:
        return _says(field, level, (zh, en)) if row.get(name) not in (None, "", "0") else None

    return rule


NEEDED: dict[str, Rule] = {
    "agreement": _needs_if("agreement_no", "有协议编号时必填", "is required beside an agreement's number"),
    "board_photo": _needs_if("has_board", "设有公示牌时应有照片", "is needed where there is a board", WARNING),
    "engine": _needs_engine,
    "engine_photo": _needs_engine,
    "licence_or_list": _needs_licence_or_list,
    "mein_or_pin": _needs_mein_or_pin,
    "road_plate": _needs_if("register_date", "已注册登记的车辆须有车牌号码", "is required of a registered vehicle"),
    "road_register_date": _needs_if(
        "plate_no", "有车牌的车辆须有注册登记日期", "is required of a vehicle with a plate"
    ),
}
"""When a field that is needed under a condition may not be empty."""
