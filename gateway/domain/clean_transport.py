"""Exact figures of the rules: clean-transport share with its headroom, shares by stage, compliance of vehicles and machines.

Every share says its unit, tonnes or passages, and keeps what it was counted from. Sources: coking opinion (draft), clean
transport; performance grading (环办大气函〔2020〕340号), transport rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.emission import is_at_most
from gateway.domain.policy_rules import Pack, Rule
from gateway.domain.policy_space import Scene, Subject

CLEAN_MODES = ("rail", "water", "pipe", "belt")


@dataclass(frozen=True)
class Haul:
    """One load. mode: of CLEAN_MODES or road. tonnes: None = not known. record: where it stands."""

    record: str
    mode: str
    tonnes: Decimal | None
    emission_stage: str = "X"
    is_new_energy: bool = False
    is_heavy: bool = True


@dataclass(frozen=True)
class CleanTransport:
    """Tonnes of a period. share, replaced_share: per cent, None without any tonne.

    headroom_t: road tonnes that may still come with every share at or above the target, given no further clean ones;
    negative = clean tonnes are missing and at least -headroom_t * target / (100 - target) of them. unstated: records
    of road loads without a weight, which the shares leave out.
    """

    clean_t: Decimal
    new_energy_t: Decimal
    other_t: Decimal
    target_percent: int
    records: tuple[str, ...]
    unstated: tuple[str, ...]

    @property
    def total_t(self) -> Decimal:
        return self.clean_t + self.new_energy_t + self.other_t

    @property
    def share(self) -> Decimal | None:
        return 100 * self.clean_t / self.total_t if self.total_t else None

    @property
    def replaced_share(self) -> Decimal | None:
        return 100 * (self.clean_t + self.new_energy_t) / self.total_t if self.total_t else None

    @property
    def headroom_t(self) -> Decimal:
        allowed = self.clean_t * (100 - self.target_percent) / self.target_percent
        return allowed - self.new_energy_t - self.other_t

    @property
    def key_region_headroom_t(self) -> Decimal:
        """Road tonnes without new energy that may still come where new energy replaces the shortfall."""
        allowed = (self.clean_t + self.new_energy_t) * (100 - self.target_percent) / self.target_percent
        return allowed - self.other_t


def clean_transport(hauls: Iterable[Haul], *, target_percent: int = 80) -> CleanTransport:
    clean = new_energy = other = Decimal(0)
    records, unstated = [], []
    for haul in hauls:
        if haul.tonnes is None:
            unstated.append(haul.record)
            continue
        records.append(haul.record)
        if haul.mode in CLEAN_MODES:
            clean += haul.tonnes
        elif haul.is_new_energy:
            new_energy += haul.tonnes
        else:
            other += haul.tonnes
    return CleanTransport(clean, new_energy, other, target_percent, tuple(records), tuple(unstated))


@dataclass(frozen=True)
class Share:
    """part of whole, in one unit. percent: None for an empty whole."""

    unit: str  # passages | tonnes | vehicles | machines
    part: Decimal
    whole: Decimal

    @property
    def percent(self) -> Decimal | None:
        return round(100 * self.part / self.whole, 2) if self.whole else None


def heavy_share(hauls: Sequence[Haul], *, lowest_stage: str = "5") -> tuple[Share, Share]:
    """Share of heavy trucks of that stage or better, or new-energy: by passages, and by tonnes where they are known."""
    heavy = [h for h in hauls if h.mode == "road" and h.is_heavy]
    good = [h for h in heavy if h.is_new_energy or is_at_most(lowest_stage, h.emission_stage)]
    weighed = sum((h.tonnes for h in heavy if h.tonnes is not None), Decimal(0))
    good_t = sum((h.tonnes for h in good if h.tonnes is not None), Decimal(0))
    return Share("passages", Decimal(len(good)), Decimal(len(heavy))), Share("tonnes", good_t, weighed)


def stage_shares(stages: Iterable[str], unit: str) -> dict[str, Share]:
    """Count per stage of all in-plant vehicles or machines."""
    counts = Counter(stages)
    whole = Decimal(sum(counts.values()))
    return {stage: Share(unit, Decimal(n), whole) for stage, n in sorted(counts.items())}


@dataclass(frozen=True)
class NonCompliant:
    name: str
    policy: str
    rule: Rule


def non_compliant(named: Iterable[tuple[str, Subject]], packs: Iterable[Pack], scene: Scene) -> list[NonCompliant]:
    """Vehicles or machines that a pack in force would refuse on that day, each with the rule that says so."""
    found = []
    packs = list(packs)
    for name, subject in named:
        for pack in packs:
            hits = pack.index.hits(subject, scene)
            if hits and hits[0].effect == "refuse":
                found.append(NonCompliant(name, pack.name, hits[0]))
    return found
