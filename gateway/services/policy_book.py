"""The policy of this site: which packs are in force, the response level, the facts of a vehicle, and its verdict.

A change is an entry and holds from the next vehicle on. A pack of the regulator that is understood waits for a person to
look at its decision table; nobody having looked when it takes effect, it is activated all the same. One that is not
understood is held and shown, and never judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.domain import policy_space as ps
from gateway.domain.passing import Identity
from gateway.domain.plates import plate_family
from gateway.domain.policy import Facts, Policy, Verdict, decide
from gateway.domain.policy_pack import pack_from
from gateway.domain.policy_rules import Pack
from gateway.domain.policy_space import Site
from gateway.domain.records import CHINA, local_text
from gateway.domain.strategy import StrategyHeld, pack_doc_from
from gateway.services.policy_port import PolicyStore
from gateway.services.ports import Clock, NewEntry, Registers

EMERGENCY_FAMILIES = ("police", "armed_police", "rescue")
SITE_FACTS: Mapping[str, tuple[str, ...] | str] = {
    "industry": ps.INDUSTRIES, "grade": ps.GRADES, "region": ps.REGIONS, "daily_trucks": "a whole number",
    "clean_share": "per cent, 0 to 100", "replaced_share": "per cent, 0 to 100",
}  # fmt: skip


class PolicyRefused(ValueError):
    """A change of policy is not possible; the message names what, and what is allowed."""


class PolicyBook:
    """site_packs: the packs of the settings file; in force unless a person withdrew them."""

    def __init__(self, store: PolicyStore, registers: Registers, clock: Clock, *, enterprise_code: str,
                 site_packs: Sequence[Pack]) -> None:  # fmt: skip
        self.registers, self.store = registers, store
        self._clock, self._enterprise_code, self._site_packs = clock, enterprise_code, tuple(site_packs)
        self._policy: Policy | None = None
        self._policy_until_ms: int | None = None  # the next planned change; None: there is none
        self._site: Site | None = None

    # ------------------------------------------------------------ judging

    def facts(self, identity: Identity, direction: str, at_ms: int, *, has_booking: bool | None = None, goods: str = "",
              target: str = "road") -> Facts:  # fmt: skip
        """What the policy may look at; nothing but the exact plate and colour is looked up."""
        plate, colour = identity.plate_no, identity.plate_colour
        family = plate_family(plate, identity.plate_type) if plate else ""
        if not plate:
            return Facts("", colour, "", direction, self.response_level(), None, None, at_ms=at_ms, site=self.site())
        vehicle = self.registers.vehicle(plate, colour)
        serves = ps.tags_of(vehicle.use_nature, "") if vehicle and vehicle.is_audited else set()
        return Facts(
            plate, colour, family, direction, self.response_level(), vehicle,
            self.registers.over_limit_reason(plate, colour, at_ms),
            is_emergency=family in EMERGENCY_FAMILIES or bool(serves & {"emergency", "rescue"}),
            at_ms=at_ms, blacklist_reason=self.store.blacklist_reason(plate, colour, at_ms),
            exception=self.store.exception_for(plate, colour, at_ms), has_booking=has_booking, goods=goods,
            target=target, site=self.site(), passed_today=self._passed_today(plate, colour, vehicle, at_ms),
        )  # fmt: skip

    def judge(self, facts: Facts) -> Verdict:
        return decide(facts, self.policy())

    def response_level(self) -> str:
        return self.registers.response_level()

    def _passed_today(self, plate: str, colour: str, vehicle: Any, at_ms: int) -> dict[str, int]:
        """Counted only where a pack has a quota."""
        if not any(rule.quota_per for pack in self.policy().packs for rule in pack.rules):
            return {}
        day = datetime.fromtimestamp(at_ms / 1000, CHINA).date()
        return self.store.passed_since(ps.day_start_ms(day), plate, colour, vehicle.fleet_name if vehicle else "")

    # ------------------------------------------------------------ packs

    def policy(self) -> Policy:
        """The active packs: those of the settings file and those that were activated, less what was withdrawn."""
        now_ms = self._clock.wall_ms()
        if self._policy is None or (self._policy_until_ms is not None and now_ms >= self._policy_until_ms):
            kept = {(row["policy_id"], row["version"]): row for row in self.store.packs()}
            decided = self.decisions()
            active = {pack.policy_id: pack for pack in self.site_packs_in_force()}
            for name, rows in decided.items():
                now = _now_of(rows, now_ms)
                if now is not None and now["is_active"]:
                    active[name] = pack_from(kept[name, now["version"]]["doc"])
            ahead = [row["at_ms"] for rows in decided.values() for row in rows if row["at_ms"] > now_ms]
            self._policy = Policy(tuple(active[name] for name in sorted(active)))
            self._policy_until_ms = min(ahead, default=None)
        return self._policy

    def decisions(self) -> dict[str, list[dict[str, Any]]]:
        """policy_id -> what was decided of it and still counts, oldest first; at_ms is the moment from which it holds.

        A decision drops whatever was planned before it for that moment or a later one.
        """
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.store.activations():
            rows = found.setdefault(row["policy_id"], [])
            rows[:] = [r for r in rows if r["at_ms"] < row["at_ms"]] + [row]
        return found

    def site_packs_in_force(self) -> list[Pack]:
        """The packs of the settings file that nobody has decided about."""
        now_ms, decided = self._clock.wall_ms(), self.decisions()
        return [p for p in self._site_packs if _now_of(decided.get(p.policy_id, []), now_ms) is None]

    def load(self, doc: dict[str, Any], origin: str = "file") -> Pack:
        """Check and keep a pack; it does not judge yet. Raises PackRefused or PolicyRefused."""
        pack = pack_from(doc)
        try:
            self.store.save_pack(pack.policy_id, pack.version, plain(doc), origin, self._clock.wall_ms())
        except ValueError as error:
            raise PolicyRefused(str(error)) from None
        return pack

    def waiting(self) -> list[Pack]:
        """Kept packs, newest version of each, that were never activated nor withdrawn in that version."""
        decided = {(row["policy_id"], row["version"]) for row in self.store.activations()}
        newest = {row["policy_id"]: row for row in self.store.packs()}
        return [pack_from(row["doc"]) for key, row in newest.items() if (key, row["version"]) not in decided]

    def activate(self, policy_id: str, version: int, *, by: str, from_ms: int | None = None) -> None:
        """In force now, or from a time on. Raises PolicyRefused."""
        now_ms = self._clock.wall_ms()
        if from_ms is not None and from_ms <= now_ms:
            raise PolicyRefused(f"from {local_text(from_ms)}: 计划时间应晚于现在 a plan is for a time to come; now is {local_text(now_ms)}")  # fmt: skip
        self._switch(policy_id, version, True, by, from_ms)

    def withdraw(self, policy_id: str, *, by: str) -> None:
        """Out of force, and no more planned."""
        self._switch(policy_id, self.withdrawable(policy_id), False, by)

    def withdrawable(self, policy_id: str) -> int:
        """The version that is in force or planned. Raises PolicyRefused where nothing can be withdrawn."""
        found = next((p.version for p in self.policy().packs if p.policy_id == policy_id), None)
        if found is None:
            planned = [r for r in self.decisions().get(policy_id, []) if r["is_active"]]
            found = planned[-1]["version"] if planned else None
        if found is None:
            raise PolicyRefused(
                f"policy {policy_id!r} is not active 未启用; active are {', '.join(p.policy_id for p in self.policy().packs)}"
            )
        if not any(r["policy_id"] == policy_id and r["version"] == found for r in self.store.packs()):
            raise PolicyRefused(
                f"policy {policy_id!r} is of the settings file 来自配置文件; 须先载入 load it before it can be withdrawn"
            )
        return found

    def _switch(self, policy_id: str, version: int, is_active: bool, by: str, from_ms: int | None = None) -> None:
        if not by.strip():
            raise PolicyRefused("必须填写姓名 by: a name is required")
        if not any((r["policy_id"], r["version"]) == (policy_id, version) for r in self.store.packs()):
            raise PolicyRefused(f"policy {policy_id!r} version {version} is not known 尚未载入; load it first")
        body = {"policy_id": policy_id, "version": version, "is_active": is_active, "by": by}
        body |= {} if from_ms is None else {"from_ms": from_ms}
        self.store.activate(policy_id, version, is_active, by, self._entry("policy", body), from_ms)
        self._policy = None

    # ------------------------------------------------------------ what the regulator pushes

    def receive(self, strategies: Sequence[Mapping[str, Any]]) -> list[str]:
        """Take the list of basStrategy. Returns a sentence per strategy: taken, withdrawn, or held and why."""
        return [self._receive(dict(strategy)) for strategy in strategies]

    def _receive(self, strategy: dict[str, Any]) -> str:
        name, version = str(strategy.get("strategyId") or "?"), strategy.get("strategyVersion")
        version = version if isinstance(version, int) and not isinstance(version, bool) else 0
        try:
            if strategy.get("op") == "remove":
                return self._taken_back(name)
            if strategy.get("op", "add") != "add":
                raise StrategyHeld(f"strategy: op = {strategy['op']!r}; allowed: add, remove")
            doc = pack_doc_from(strategy, self._enterprise_code)
            if self._is_kept(name, version, doc):
                return f"{name}@{version}: 已知 known already"
            pack = self.load(doc, "regulator")
        except (StrategyHeld, PolicyRefused) as problem:
            if any((h["policy_id"], h["version"], h["doc"]) == (name, version, strategy) for h in self.store.held()):
                return f"{name}@{version}: 待人工处理 still held: {problem}"
            body = {"policy_id": name, "version": version, "held": str(problem), "strategy": strategy}
            self.store.hold(name, version, strategy, str(problem), self._entry("policy", body))
            return f"{name}@{version}: 待人工处理 held: {problem}"
        self.store.release(name, version)
        self._schedule_level(pack, str(strategy["responseLevel"]))
        return f"{pack.name}: 已接收 taken"

    def _is_kept(self, name: str, version: int, doc: Mapping[str, Any]) -> bool:
        """The regulator's strategy in this version and these words was taken before: it changes nothing twice."""
        return any((r["policy_id"], r["version"], r["origin"]) == (name, version, "regulator") and r["doc"] == plain(doc)
                   for r in self.store.packs())  # fmt: skip

    def _taken_back(self, name: str) -> str:
        """Out of force, no more to come into force, and no level on its account any longer."""
        now_ms = self._clock.wall_ms()
        kept = [r for r in self.store.packs() if r["policy_id"] == name and r["origin"] == "regulator"]
        rows = self.decisions().get(name, [])
        if rows and any(
            r["is_active"] for r in (*[r for r in rows if r["at_ms"] > now_ms], *filter(None, [_now_of(rows, now_ms)]))
        ):
            self.withdraw(name, by="regulator")
        if kept and (name, kept[-1]["version"]) in {
            (w.policy_id, w.version) for w in self.waiting()
        }:  # nor begin by itself
            self._switch(name, kept[-1]["version"], False, "regulator")
        levels = self.store.levels()
        mine = [
            r for r in levels if r["by"] == "regulator" and r["reason"].startswith(f"{name}@") and r["level"] != "0"
        ]
        for row in mine:
            last = [r for r in levels if r["from_ms"] <= max(row["from_ms"], now_ms)][-1]
            if last["id"] == row["id"]:  # nobody has set another since
                self.set_level(
                    "0", by="regulator", reason=f"{name} 已撤销 withdrawn", from_ms=max(row["from_ms"], now_ms)
                )
        return f"{name}: 已撤销 withdrawn"

    def _schedule_level(self, pack: Pack, level: str) -> None:
        reason = f"{pack.name} {pack.title}"
        self.set_level(level, by="regulator", reason=reason, from_ms=pack.effective_from_ms or self._clock.wall_ms())
        if pack.effective_to_ms is not None:
            self.set_level("0", by="regulator", reason=f"{reason}（结束 ended）", from_ms=pack.effective_to_ms)

    def held(self) -> list[dict[str, Any]]:
        """Strategies that were not understood, with the problem; each waits for a person."""
        return self.store.held()

    def activate_due(self) -> list[str]:
        """Activate the regulator's packs whose time has come though nobody has looked. Called at least once a minute."""
        now_ms = self._clock.wall_ms()
        origins = {(r["policy_id"], r["version"]): r["origin"] for r in self.store.packs()}
        due = [
            pack for pack in self.waiting()
            if origins[pack.policy_id, pack.version] == "regulator" and pack.is_effective(now_ms)
        ]  # fmt: skip
        for pack in due:
            self.activate(pack.policy_id, pack.version, by="regulator")
        return [pack.name for pack in due]

    def unconfirmed(self) -> list[tuple[str, int, int]]:
        """(policy, version, active since when) of the regulator's policies in force whose confirmation was not accepted yet."""
        now_ms = self._clock.wall_ms()
        pushed = {(r["policy_id"], r["version"]) for r in self.store.packs() if r["origin"] == "regulator"}
        now = [(name, _now_of(rows, now_ms)) for name, rows in self.decisions().items()]
        return [(name, r["version"], r["at_ms"]) for name, r in now
                if r and r["is_active"] and r["confirmed_at_ms"] is None and (name, r["version"]) in pushed]  # fmt: skip

    def confirmation(
        self, policy_id: str, version: int, *, lanes_applied: int, lanes_total: int, lanes_away: int = 0
    ) -> dict[str, Any] | None:
        """The record of strategyConfirm; None until the pack is active and every lane that is not away has reported it."""
        kept = next((r for r in self.store.packs() if (r["policy_id"], r["version"]) == (policy_id, version)), None)
        now = _now_of(self.decisions().get(policy_id, []), self._clock.wall_ms())
        active = now if now is not None and now["is_active"] and now["version"] == version else None
        if (
            kept is None
            or active is None
            or kept["origin"] != "regulator"
            or not lanes_applied
            or lanes_applied + lanes_away < lanes_total
        ):
            return None
        return {
            "policy_id": policy_id, "policy_version": version, "receive_time_ms": kept["received_at_ms"],
            "apply_time_ms": max(active["at_ms"], pack_from(kept["doc"]).effective_from_ms), "result": "ok",
            "lanes_applied": lanes_applied, "lanes_total": lanes_total,
        }  # fmt: skip

    # ------------------------------------------------------------ response level, site

    def set_level(self, level: str, *, by: str, reason: str, from_ms: int | None = None) -> None:
        check_level(level)
        if not by.strip() or not reason.strip():
            raise PolicyRefused("必须填写姓名和原因 a name and a reason are required")
        from_ms = self._clock.wall_ms() if from_ms is None else from_ms
        body = {"response_level": level, "from_ms": from_ms, "by": by, "reason": reason}
        self.store.set_level(level, from_ms, by, reason, self._entry("response_level", body))

    def site(self) -> Site:
        if self._site is None:
            said = self.store.site()
            self._site = Site(
                self._enterprise_code, said.get("industry", ""), said.get("grade", ""), said.get("region", ""),
                int(said["daily_trucks"]) if "daily_trucks" in said else None,
                float(said["clean_share"]) if "clean_share" in said else None,
                float(said["replaced_share"]) if "replaced_share" in said else None,
            )  # fmt: skip
        return self._site

    def set_site(self, name: str, value: str, *, by: str) -> None:
        """State one fact about the plant. Raises PolicyRefused naming the fact and what is allowed."""
        if name not in SITE_FACTS:
            raise PolicyRefused(f"site fact {name!r}; allowed: {', '.join(SITE_FACTS)}")
        allowed = SITE_FACTS[name]
        if not _fits(value, name, allowed):
            shown = allowed if isinstance(allowed, str) else ", ".join(allowed)
            raise PolicyRefused(f"site fact {name} = {value!r}; allowed: {shown}")
        self.store.set_site(name, value, self._entry("site_fact", {"name": name, "value": value, "by": by}))
        self._site = None

    def _entry(self, kind: str, body: dict[str, Any]) -> NewEntry:
        return NewEntry(kind, "", "", self._clock.wall_ms(), body)


def _now_of(rows: Sequence[dict[str, Any]], now_ms: int) -> dict[str, Any] | None:
    return next((row for row in reversed(rows) if row["at_ms"] <= now_ms), None)


def _fits(value: str, name: str, allowed: tuple[str, ...] | str) -> bool:
    if isinstance(allowed, tuple):
        return value in allowed
    try:
        number = float(value)
    except ValueError:
        return False
    return value.isdecimal() if name == "daily_trucks" else 0 <= number <= 100


def check_level(level: str) -> None:
    if level not in ps.LEVELS:
        raise PolicyRefused(f"响应等级 response_level {level!r}; 允许 allowed: {', '.join(sorted(ps.LEVELS))}")


def plain(doc: Mapping[str, Any]) -> dict[str, Any]:
    """The document with TOML's dates as text, so that JSON can keep it."""

    def of(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: of(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [of(v) for v in value]
        return value.isoformat() if hasattr(value, "isoformat") else value

    return of(doc)
