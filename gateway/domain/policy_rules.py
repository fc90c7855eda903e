"""Rules and packs: one rule is a set of cells on each axis of the policy space, a pack is rules in a fixed order.

Within a pack the most specific rule that hits decides. Rules that name who or what it is (use nature, category, goods,
certificate, machine kind) are more specific than any rule that does not; then the number of conditions counts; the rule
id orders the rest. Equally specific rules cannot disagree, because a pack in which they do is refused (policy_check).
A rule may hit only because something is not known; of such rules and the first that surely hits the strictest decides,
which is the strictest that any completion of the facts could give.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from gateway.domain import policy_space as ps
from gateway.domain.policy_space import COUNTED_PER, SITE_NUMBERS, WEEK_MINUTES, Cuts, Scene, Site, Space, Subject

EFFECTS = ("allow", "alarm_only", "hold", "refuse")  # mildest first
STRICTNESS = {effect: n for n, effect in enumerate(EFFECTS)}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

SPECIAL_CONDITIONS = (
    "use_natures", "vehicle_categories", "tags", "goods", "machine_kinds", "lacks_certificates", "holds_certificates",
)  # fmt: skip
CONDITIONS = (
    *SPECIAL_CONDITIONS, "response_levels", "directions", "vehicle_classes", "fuel_types", "min_emission_stage",
    "max_emission_stage", "new_energy", "networking", "windows", "weekdays", "valid_from", "valid_to", "quota_per",
    "industries", "grades", "regions", "enterprises", "daily_trucks_over", "clean_share_below", "replaced_share_below",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One measure. It hits when every given condition holds and no exemption does; an empty condition asks nothing.

    max_emission_stage "4" = X, 0 ... 4. windows: minutes of the day [start, end), over midnight when end <= start, on
    the weekday on which they begin. quota_per + quota: hits once that many entries were let in today.
    source: the clause it comes from, with the mark [assumed] where no text was found.
    """

    rule_id: str
    effect: str
    reason_code: str
    reason_zh: str
    reason_en: str
    source: str
    target: str = "road"
    response_levels: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    vehicle_classes: tuple[str, ...] = ()
    fuel_types: tuple[str, ...] = ()
    min_emission_stage: str = ""
    max_emission_stage: str = ""
    new_energy: bool | None = None
    use_natures: tuple[str, ...] = ()
    vehicle_categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    networking: tuple[str, ...] = ()
    machine_kinds: tuple[str, ...] = ()
    goods: tuple[str, ...] = ()
    lacks_certificates: tuple[str, ...] = ()  # hits when none of these is valid
    holds_certificates: tuple[str, ...] = ()  # hits when all of these are valid
    windows: tuple[tuple[int, int], ...] = ()
    weekdays: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None  # last day
    quota_per: str = ""
    quota: int = 0
    industries: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    enterprises: tuple[str, ...] = ()
    daily_trucks_over: int | None = None
    clean_share_below: int | None = None
    replaced_share_below: int | None = None
    exempt: tuple[str, ...] = ()

    @property
    def is_restrictive(self) -> bool:
        return self.effect != "allow"

    @property
    def conditions(self) -> tuple[str, ...]:
        return tuple(name for name in CONDITIONS if getattr(self, name) not in ((), "", None))

    @property
    def rank(self) -> tuple[int, int]:
        """(conditions that say who or what it is, other conditions); the larger is tried first."""
        special = sum(name in SPECIAL_CONDITIONS for name in self.conditions)
        return special, len(self.conditions) - special


@dataclass(frozen=True)
class Scope:
    """For which plants a pack is meant; empty = all. An unknown property of the plant counts as inside."""

    industries: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    enterprises: tuple[str, ...] = ()

    def covers(self, site: Site) -> bool:
        asked = (
            (self.industries, site.industry), (self.grades, site.grade), (self.regions, site.region),
            (self.enterprises, site.enterprise_code),
        )  # fmt: skip
        return all(not wanted or not value or value in wanted for wanted, value in asked)

    @property
    def rank(self) -> int:
        """Enterprise before industry before grade and region before everybody."""
        if self.enterprises:
            return 3
        return 2 if self.industries else int(bool(self.grades or self.regions))


@dataclass(frozen=True)
class Pack:
    """A dated, sourced set of rules. compiled: made by pack_from; the same for every order of the rules."""

    policy_id: str
    version: int
    title: str
    source: str
    rules: tuple[Rule, ...]
    issued_by: str = ""
    issue_time: str = ""  # yyyy-MM-dd HH:mm:ss, Asia/Shanghai
    effective_from_ms: int = 0
    effective_to_ms: int | None = None
    status: str = "final"  # of the text behind it: draft | final
    scope: Scope = Scope()
    supersedes: tuple[str, ...] = ()
    networking: str = "off"  # effect for heavy stage-VI vehicles that are not networked, or off
    booking: str = "off"
    refuse_on_exit: bool = False  # emission reasons do not trap a vehicle inside unless the site says so
    board_text: str = ""
    unreachable: tuple[tuple[str, tuple[str, ...]], ...] = ()  # rule, the rules that always decide before it
    index: RuleIndex = field(default=None, repr=False, compare=False)  # type: ignore[assignment]

    @property
    def name(self) -> str:
        return f"{self.policy_id}@{self.version}"

    def is_effective(self, at_ms: int) -> bool:
        return self.effective_from_ms <= at_ms and (self.effective_to_ms is None or at_ms < self.effective_to_ms)


Box = dict[str, int]  # axis -> mask; an axis that is absent is full


class RuleIndex:
    """The rules in their order and, per axis and cell, which of them admit it: a look-up is one AND per axis.

    boxes: what each rule hits; stated: what it hits when all that it asks is known.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(sorted(rules, key=lambda r: (-r.rank[0], -r.rank[1], r.rule_id)))
        self.space = Space(cuts_of(self.rules))
        self.boxes: tuple[Box, ...] = tuple(box_of(rule, self.space, rule.is_restrictive) for rule in self.rules)
        self.stated: tuple[Box, ...] = tuple(box_of(rule, self.space, False) for rule in self.rules)
        asked = {axis: range(len(self.space.axes[axis])) for box in self.boxes for axis in box}
        self._admit = {
            axis: tuple(_admitted(self.boxes, axis, cell) for cell in cells) for axis, cells in asked.items()
        }
        self._surely = {
            axis: tuple(_admitted(self.stated, axis, cell) for cell in cells) for axis, cells in asked.items()
        }

    def hits(self, subject: Subject, scene: Scene) -> list[Rule]:
        """The rules that hit: the deciding one first, the others in their order."""
        cells = self.space.cells(subject, scene)
        hit = sure = (1 << len(self.rules)) - 1
        for axis, admit in self._admit.items():
            cell = cells[axis]
            hit &= admit[cell]
            sure &= self._surely[axis][cell]
        places = []
        while hit:
            low = hit & -hit
            places.append(low.bit_length() - 1)
            hit ^= low
        if not places:
            return []
        last = (sure & -sure).bit_length() - 1 if sure else len(self.rules)  # it and all before it may decide
        first = max((n for n in places if n <= last), key=lambda n: STRICTNESS[self.rules[n].effect])
        return [self.rules[n] for n in (first, *(n for n in places if n != first))]


def _admitted(boxes: Iterable[Box], axis: str, cell: int) -> int:
    return sum(1 << n for n, box in enumerate(boxes) if box.get(axis, -1) >> cell & 1)


def cuts_of(rules: Iterable[Rule]) -> Cuts:
    rules = tuple(rules)
    minutes, days = {0}, set()
    numbers: dict[str, set[int]] = {}
    for rule in rules:
        for start, end in _week_windows(rule):
            minutes |= {start, end % WEEK_MINUTES}
        if rule.valid_from:
            days.add(rule.valid_from.toordinal())
        if rule.valid_to:
            days.add(rule.valid_to.toordinal() + 1)
        for name, limit in _limits(rule).items():
            numbers.setdefault(name, set()).add(limit)
    return Cuts(
        goods=tuple(sorted({g for r in rules for g in r.goods} - {ps.NOT_STATED})),
        enterprises=tuple(sorted({e for r in rules for e in r.enterprises})),
        minutes=tuple(sorted(minutes)),
        days=tuple(sorted(days)),
        certificates=tuple(sorted({c for r in rules for c in (*r.lacks_certificates, *r.holds_certificates)})),
        numbers={name: tuple(sorted(limits)) for name, limits in numbers.items()},
    )


def _limits(rule: Rule) -> dict[str, int]:
    """Axis -> where it is cut: a number n belongs above the cut when n >= limit."""
    found: dict[str, int] = {}
    if rule.daily_trucks_over is not None:
        found["daily_trucks"] = rule.daily_trucks_over + 1
    if rule.clean_share_below is not None:
        found["clean_share"] = rule.clean_share_below
    if rule.replaced_share_below is not None:
        found["replaced_share"] = rule.replaced_share_below
    if rule.quota_per:
        found[rule.quota_per] = rule.quota
    return found


def _week_windows(rule: Rule) -> list[tuple[int, int]]:
    """[start, end) in minutes of the week; end may lie in the next week."""
    if not rule.windows and not rule.weekdays:
        return []
    days = [WEEKDAYS.index(d) for d in rule.weekdays or WEEKDAYS]
    return [
        (day * 1440 + start, day * 1440 + (end if end > start else end + 1440))
        for day in days
        for start, end in rule.windows or ((0, 1440),)
    ]


def box_of(rule: Rule, space: Space, takes_unknown: bool) -> Box:
    """The rule's masks, on the axes that it asks about. takes_unknown: what is not known is in, or out."""
    box: Box = {"target": space.mask("target", [rule.target])}
    unknown = (ps.UNKNOWN,) if takes_unknown else ()
    for axis, wanted in (
        ("response_level", rule.response_levels), ("vehicle_class", rule.vehicle_classes), ("network", rule.networking),
        ("machine_kind", rule.machine_kinds), ("industry", rule.industries), ("grade", rule.grades),
        ("region", rule.regions),
    ):  # fmt: skip
        if wanted:
            box[axis] = space.mask(axis, (*wanted, *unknown))
    for axis, wanted in (("direction", rule.directions), ("enterprise", rule.enterprises), ("goods", rule.goods)):
        if wanted:
            box[axis] = space.mask(axis, wanted)
    if rule.fuel_types or rule.min_emission_stage or rule.max_emission_stage or rule.new_energy is not None:
        box["drive"] = _drive_mask(rule, space, takes_unknown)
    if rule.use_natures or rule.vehicle_categories or rule.tags or rule.exempt:
        box["nature"] = _nature_mask(rule, space, takes_unknown)
    if windows := _week_windows(rule):
        box["minute"] = space.mask("minute", (m for m in space.cuts.minutes if _is_within(m, windows)))
    if rule.valid_from or rule.valid_to:
        first = rule.valid_from.toordinal() if rule.valid_from else 0
        last = rule.valid_to.toordinal() if rule.valid_to else date.max.toordinal()
        box["day"] = space.mask("day", (d for d in (0, *space.cuts.days) if first <= d <= last))
    for kind in rule.holds_certificates:
        box[f"certificate:{kind}"] = space.mask(f"certificate:{kind}", [True])
    for kind in rule.lacks_certificates:
        axis = f"certificate:{kind}"
        box[axis] = box.get(axis, space.full[axis]) & space.mask(axis, [False])
    for name, limit in _limits(rule).items():
        place = space.cuts.numbers[name].index(limit)
        is_above = name in COUNTED_PER or name == SITE_NUMBERS[0]
        cells = range(place + 1, len(space.cuts.numbers[name]) + 1) if is_above else range(place + 1)
        box[f"number:{name}"] = space.mask(f"number:{name}", (*cells, *unknown))
    return box


def _drive_mask(rule: Rule, space: Space, takes_unknown: bool) -> int:
    """Fuel, stage and new energy together. Unknown stage is the lowest stage, unknown fuel is any fuel."""
    asks_stage = bool(rule.min_emission_stage or rule.max_emission_stage)
    wanted_stages = ps.stages(rule.min_emission_stage or "X", rule.max_emission_stage or "D")

    def fits(fuel: str, stage: str, is_new: bool) -> bool:
        if rule.new_energy is not None and is_new != rule.new_energy:
            return False
        fuel_fits = not rule.fuel_types or (takes_unknown if fuel == "X" else fuel in rule.fuel_types)
        stage_fits = not asks_stage or (stage in wanted_stages and (stage != "X" or takes_unknown))
        return fuel_fits and stage_fits

    return space.mask("drive", (d for d in ps.drives() if fits(*d)))


def _nature_mask(rule: Rule, space: Space, takes_unknown: bool) -> int:
    def fits(use_nature: str, category: str) -> bool:
        tags = ps.tags_of(use_nature, category)
        if tags & set(rule.exempt):
            return False
        unknown = takes_unknown
        return (
            (not rule.use_natures or (use_nature in rule.use_natures if use_nature else unknown))
            and (not rule.vehicle_categories or (category in rule.vehicle_categories if category else unknown))
            and (not rule.tags or bool(tags & set(rule.tags)) or (not use_nature and not category and unknown))
        )

    return space.mask("nature", (n for n in ps.natures() if fits(*n)))


def _is_within(minute: int, windows: Iterable[tuple[int, int]]) -> bool:
    return any(start <= minute < end or start <= minute + WEEK_MINUTES < end for start, end in windows)
