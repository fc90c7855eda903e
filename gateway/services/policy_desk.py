"""The policy as persons handle it: packs loaded, rehearsed, put in force now or at a time, levels, exceptions, blacklist.

The same desk serves the console and the command line, while the gateway runs and when it is stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.passing import Pass
from gateway.domain.policy import Policy
from gateway.domain.policy_pack import pack_from
from gateway.domain.policy_rules import Pack
from gateway.domain.records import CHINA
from gateway.domain.two_person import eases
from gateway.services.exceptions import Exceptions
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.policy_book import PolicyBook, PolicyRefused, check_level
from gateway.services.policy_port import PolicyStore
from gateway.services.ports import Clock, Queries

DAY_MS = 86_400_000
MAX_DAYS = 366

# (packs, response level or None, days back, now) -> policy_rehearsal.report with its forecast
Rehearse = Callable[[Policy, str | None, int, int], Awaitable[dict[str, Any]]]
# (since, until) -> policy_figures.response_page
Windows = Callable[[int, int], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class PackView:
    """state: in_force | in_force_later (active, its own time has not come) | over (active, its time is past) | planned |
    waiting (never decided) | withdrawn | replaced (another version is active or planned). from_ms: of a planned one.
    decided_by: who put it there last, "" where it is of the settings file or was never decided; decided_ms: when."""

    pack: Pack
    origin: str  # settings | file | regulator
    state: str
    decided_by: str = ""
    decided_ms: int | None = None
    from_ms: int | None = None


class PolicyDesk:
    """read_pack: TOML text to a document. shipped: name -> document of the packs that come with the gateway."""

    def __init__(self, book: PolicyBook, exceptions: Exceptions, over_limit: OverLimitDesk, store: PolicyStore, queries: Queries, clock: Clock, *,
                 rehearse: Rehearse, windows: Windows, read_pack: Callable[[str], dict[str, Any]],
                 shipped: Callable[[], Mapping[str, dict[str, Any]]], tell: Callable[[], None] = lambda: None) -> None:  # fmt: skip
        self.book, self.exceptions, self.over_limit, self.store, self.clock = book, exceptions, over_limit, store, clock
        self._queries = queries
        self._rehearse, self._windows, self._read_pack, self._shipped, self._tell = (
            rehearse,
            windows,
            read_pack,
            shipped,
            tell,
        )
        self._one_at_a_time = asyncio.Lock()
        self._known: dict[tuple[str, int], Pack] = {}

    # ------------------------------------------------------------ packs

    def packs(self) -> list[PackView]:
        """Every pack that is known, those in force first, then planned and waiting ones."""
        now_ms, kept = self.clock.wall_ms(), self.store.packs()
        views = [PackView(p, "settings", self._time_state(p, now_ms)) for p in self.book.site_packs_in_force()]
        decided = self.book.decisions()
        for row in kept:
            pack = self._parsed(row)
            of_policy = decided.get(pack.policy_id, [])
            views.append(self._view(pack, row["origin"], of_policy, now_ms))
        order = ("in_force", "in_force_later", "planned", "waiting", "over", "replaced", "withdrawn")
        return sorted(views, key=lambda v: (order.index(v.state), v.pack.policy_id, -v.pack.version))

    def _parsed(self, row: Mapping[str, Any]) -> Pack:
        """A version never changes its content: it is proven once."""
        key = row["policy_id"], row["version"]
        if key not in self._known:
            self._known[key] = pack_from(row["doc"])
        return self._known[key]

    def _view(self, pack: Pack, origin: str, of_policy: Sequence[Mapping[str, Any]], now_ms: int) -> PackView:
        """of_policy: what was decided of this policy and still counts, oldest first."""
        mine = [d for d in of_policy if d["version"] == pack.version]
        now = next((d for d in reversed(of_policy) if d["at_ms"] <= now_ms), None)
        ahead = next((d for d in mine if d["at_ms"] > now_ms and d["is_active"]), None)
        said = (mine[-1]["by"], mine[-1]["at_ms"]) if mine else ("", None)
        if now is not None and now["version"] == pack.version and now["is_active"]:
            return PackView(pack, origin, self._time_state(pack, now_ms), now["by"], now["at_ms"])
        if ahead is not None:
            return PackView(pack, origin, "planned", ahead["by"], None, ahead["at_ms"])
        if of_policy and not mine:
            return PackView(pack, origin, "replaced" if self._is_older(pack, of_policy) else "waiting")
        return PackView(pack, origin, "withdrawn" if mine else "waiting", *said)

    @staticmethod
    def _is_older(pack: Pack, of_policy: Sequence[Mapping[str, Any]]) -> bool:
        return any(d["version"] > pack.version for d in of_policy)

    @staticmethod
    def _time_state(pack: Pack, now_ms: int) -> str:
        if pack.effective_from_ms > now_ms:
            return "in_force_later"
        return "in_force" if pack.is_effective(now_ms) else "over"

    def pack(self, policy_id: str, version: int) -> Pack:
        """Raises PolicyRefused."""
        found = next((v.pack for v in self.packs() if (v.pack.policy_id, v.pack.version) == (policy_id, version)), None)
        if found is None:
            raise PolicyRefused(f"{policy_id}@{version}: 没有这个规则包 no such pack is known")
        return found

    def shipped(self) -> dict[str, str]:
        """name -> title of the packs that come with the gateway and are not known to it in that version."""
        known = {(r["policy_id"], r["version"]) for r in self.store.packs()} | {
            (p.policy_id, p.version) for p in self.book.site_packs_in_force()
        }
        return {name: str(doc.get("title", name)) for name, doc in self._shipped().items()
                if (doc.get("policy_id"), doc.get("version")) not in known}  # fmt: skip

    async def load(self, *, doc: Mapping[str, Any]) -> str:
        """Check and keep a pack; it judges nobody yet. Its id@version. Raises PackRefused, PolicyRefused."""
        pack = await asyncio.to_thread(self.book.load, dict(doc))  # the proof of a large pack takes its time
        self._known[pack.policy_id, pack.version] = pack
        return pack.name

    async def load_text(self, text: str) -> str:
        """A TOML text; raises PackRefused naming what is wrong in it."""
        return await self.load(doc=self._read_pack(text))

    async def load_shipped(self, name: str) -> str:
        packs = self._shipped()
        if name not in packs:
            raise PolicyRefused(f"{name!r}: 没有这个规则包 no such pack; shipped are {', '.join(packs)}")
        return await self.load(doc=packs[name])

    def activate(self, *, policy_id: str, version: int, by: str, from_time: str = "") -> None:
        """In force now, or planned from a time (yyyy-MM-dd HH:mm, Asia/Shanghai). Raises PolicyRefused."""
        self.book.activate(policy_id, version, by=by, from_ms=moment(from_time) if from_time else None)
        self._tell()

    def replaces_in_force(self, policy_id: str, version: int) -> bool:
        """Another version of it, or a pack that it supersedes, is in force: another person confirms. Raises PolicyRefused."""
        pack = self.pack(policy_id, version)
        return any(p.policy_id == policy_id or p.policy_id in pack.supersedes for p in self.book.policy().packs)

    def withdraw(self, *, policy_id: str, by: str) -> None:
        """Out of force now; a plan of it is dropped too. Raises PolicyRefused."""
        self.book.withdraw(policy_id, by=by)
        self._tell()

    # ------------------------------------------------------------ level and site

    def order_level(self, *, level: str, by: str, reason: str, from_time: str = "", until_time: str = "") -> None:
        """From now or a time on; until_time: then none (level 0). Raises PolicyRefused."""
        from_ms, until_ms = self.check_order(level, from_time, until_time)
        self.book.set_level(level, by=by, reason=reason, from_ms=from_ms)
        if until_ms is not None:
            self.book.set_level("0", by=by, reason=f"{reason}（结束 ended）", from_ms=until_ms)
        self._tell()

    def check_order(self, level: str, from_time: str, until_time: str) -> tuple[int, int | None]:
        """(from, until) of an order that can be given. Raises PolicyRefused."""
        check_level(level)
        from_ms = moment(from_time) if from_time else self.clock.wall_ms()
        until_ms = moment(until_time) if until_time else None
        if until_ms is not None and until_ms <= from_ms:
            raise PolicyRefused(f"until {until_time}: 应晚于开始时间 must be after {from_time or '现在 now'}")
        return from_ms, until_ms

    def lowers_the_level(self, level: str, from_time: str, until_time: str) -> bool:
        """At some moment from now on the level would be lower by this order: another person confirms. Raises PolicyRefused."""
        from_ms, until_ms = self.check_order(level, from_time, until_time)
        order = [(from_ms, level)] + ([(until_ms, "0")] if until_ms is not None else [])
        return eases(self.store.levels(), order, self.clock.wall_ms())

    def levels(self) -> tuple[dict[str, Any] | None, list[dict[str, Any]], list[dict[str, Any]]]:
        """(the change that holds now, changes to come, the last ten before): level, from_ms, by, reason."""
        now_ms, rows = self.clock.wall_ms(), self.store.levels()
        past = [r for r in rows if r["from_ms"] <= now_ms]
        return (past[-1] if past else None), [r for r in rows if r["from_ms"] > now_ms], past[:-1][-10:]

    def state_site(self, *, name: str, value: str, by: str) -> None:
        if not by.strip():
            raise PolicyRefused("必须填写姓名 by: a name is required")
        self.book.set_site(name, value, by=by)
        self._tell()

    # ------------------------------------------------------------ exceptions

    def grant(self, *, plate_no: str, plate_colour: str, reason_kind: str, reason: str, approver: str, hours: float) -> str:  # fmt: skip
        """The exception's number. Raises ExceptionRefused."""
        granted = self.exceptions.grant(plate_no=plate_no, plate_colour=plate_colour, reason_kind=reason_kind, reason=reason,
                                        approver=approver, hours=hours)  # fmt: skip
        self._tell()
        return granted.exception_id

    def revoke(self, *, exception_id: str, by: str) -> None:
        self.exceptions.revoke(exception_id, by=by)
        self._tell()

    # ------------------------------------------------------------ looking ahead and back

    async def rehearse(self, names: Sequence[str], level: str | None, days: int) -> dict[str, Any]:
        """Who would have been refused in the last days under these packs (id@version; none: those in force) and level.

        Raises PolicyRefused. One at a time; the gate is not slowed down, it is another process that reads.
        """
        if not 1 <= days <= MAX_DAYS:
            raise PolicyRefused(f"days {days}: 允许 allowed are 1 to {MAX_DAYS}")
        known = {v.pack.name: v.pack for v in self.packs()}
        if missing := [n for n in names if n not in known]:
            raise PolicyRefused(f"{missing[0]}: 没有这个规则包 no such pack is known; known are {', '.join(known)}")
        wanted = Policy(tuple(known[n] for n in names)) if names else self.book.policy()
        async with self._one_at_a_time:
            return await self._rehearse(wanted, level, days, self.clock.wall_ms())

    def find_pass(self, pass_id: str) -> Pass | None:
        return self._queries.find_pass(pass_id)

    async def responses(self, days: int) -> dict[str, Any]:
        """policy_figures.response_page of the last days."""
        now_ms = self.clock.wall_ms()
        return await self._windows(now_ms - days * DAY_MS, now_ms)


def moment(text: str) -> int:
    """yyyy-MM-dd HH:mm of Asia/Shanghai, also with T between, as browsers send it. Raises PolicyRefused."""
    try:
        return int(datetime.strptime(text.strip().replace("T", " ")[:16], "%Y-%m-%d %H:%M").replace(tzinfo=CHINA).timestamp() * 1000)  # fmt: skip
    except ValueError:
        raise PolicyRefused(f"{text!r}: 时间格式 a time is written yyyy-MM-dd HH:mm") from None
