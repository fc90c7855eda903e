"""What the policy tests share: a truck, its facts, small packs, and the golden cases."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from gateway.adapters.policies.files import SHIPPED, load_pack
from gateway.domain.policy import Facts, Policy
from gateway.domain.policy_pack import pack_from
from gateway.domain.policy_rules import Pack
from gateway.domain.policy_space import Site
from gateway.domain.records import CHINA
from gateway.domain.vehicles import Vehicle

CASES = tomllib.loads(Path(__file__).with_name("policy_cases.toml").read_text("utf-8"))
NOON = "2026-11-24 12:00:00"  # a Tuesday


def at(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).timestamp() * 1000)


def truck(**changes: Any) -> Vehicle:
    base = {"plate_no": "云A12345", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "6",
            "network_status": "1"}  # fmt: skip
    return Vehicle(**(base | changes))


def facts(vehicle: Vehicle | None = None, **changes: Any) -> Facts:
    vehicle = vehicle or truck()
    base: dict[str, Any] = {
        "plate_no": vehicle.plate_no, "plate_colour": vehicle.plate_colour, "plate_family": "ordinary", "direction": "in",
        "response_level": "0", "vehicle": vehicle, "over_limit_reason": None, "at_ms": at(NOON),
    }  # fmt: skip
    return Facts(**(base | changes))


def rule(rule_id: str, effect: str = "refuse", **conditions: Any) -> dict[str, Any]:
    code = {} if effect == "allow" else {"reason_code": "V02"}
    return {"rule_id": rule_id, "effect": effect, "reason_zh": "原因", "reason_en": "reason", "source": "test",
            **code, **conditions}  # fmt: skip


def pack_doc(*rules: dict[str, Any], **head: Any) -> dict[str, Any]:
    base = {"policy_id": "p", "version": 1, "title": "t", "source": "s", "issued_by": "i", "rules": list(rules)}
    return base | head


def pack(*rules: dict[str, Any], **head: Any) -> Pack:
    return pack_from(pack_doc(*rules, **head))


@cache
def shipped(*names: str) -> Policy:
    return Policy(tuple(load_pack(SHIPPED / f"{name}.toml") for name in names))


def case_facts(case: dict[str, Any], **site: Any) -> Facts:
    """Facts of one golden case."""
    renamed = {"stage": "emission_stage", "fuel": "fuel_type", "plate": "plate_no", "colour": "plate_colour"}
    own = ("vehicle_type", "use_nature", "vehicle_category", "network_status", "certificates")
    vehicle = truck(**{renamed.get(k, k): v for k, v in case.items() if k in renamed or k in own})
    place = Site(
        "E1", case.get("industry", site.get("industry", "")), case.get("grade", ""), case.get("region", ""),
        case.get("trucks"), case.get("clean"), case.get("replaced"),
    )  # fmt: skip
    return facts(vehicle, direction=case.get("direction", "in"), response_level=case.get("level", "0"), site=place,
                 goods=case.get("goods", ""), target=case.get("target", "road"), at_ms=at(case.get("at", NOON)))  # fmt: skip
