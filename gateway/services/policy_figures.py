"""Figures of the policy from the ledger: response windows, and which vehicles the packs in force would refuse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from gateway.domain.clean_transport import NonCompliant, non_compliant
from gateway.domain.policy_space import Scene, Subject
from gateway.domain.response_windows import count, normal_against_polluted, windows_of
from gateway.services.policy_book import PolicyBook
from gateway.services.policy_port import PolicyStore


def response_page(store: PolicyStore, since_ms: int, until_ms: int) -> dict[str, Any]:
    """One page per heavy-pollution time: the windows with their counts, passages a day, exceptions in force."""
    windows = count(windows_of(store.levels(), since_ms, until_ms), store.judged(since_ms, until_ms))
    return {
        "windows": [asdict(window) | {"per_day": window.per_day} for window in windows],
        "per_day_by_level": normal_against_polluted(windows),
        "exceptions": store.exceptions(since_ms, until_ms),
    }


def not_compliant(book: PolicyBook, named: Iterable[tuple[str, Subject]], at_ms: int) -> list[NonCompliant]:
    """In-plant vehicles or machines that the packs in force refuse at that moment."""
    site = book.site()
    scene = Scene(at_ms, "in", book.response_level(), site)
    return non_compliant(named, book.policy().in_force(at_ms, site), scene)
