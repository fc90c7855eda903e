"""The platform's access token: fetched when needed, kept in memory only, never in a log.

Rules of the profile: renewed at renew_ratio of the lifetime or renew_before_s before its end, whichever is later;
one renewal at a time; never two requests for a token within min_interval_s; after three failures in a row an
exponential wait with jitter.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TokenRules:
    """Times in seconds. renew_ratio: part of the lifetime, 0-1."""

    default_lifetime_s: float = 7200
    renew_ratio: float = 0.8
    renew_before_s: float = 600
    min_interval_s: float = 10
    failures_before_alarm: int = 3
    backoff_first_s: float = 5
    backoff_last_s: float = 300


@dataclass(frozen=True)
class Grant:
    """A token as the platform gave it; lifetime_s None = the answer did not say."""

    token: str
    lifetime_s: float | None


class GrantRefused(Exception):
    """The platform gave no token. code: its business code, 0 for a transport failure."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class TokenUnavailable(Exception):
    """There is no token now and asking again must wait.

    code, message: why the last request failed (0, "" when none did). is_alarming: three failures in a row and more.
    was_asked: the platform refused just now; otherwise it was not asked at all because it is too soon.
    """

    def __init__(self, code: int, message: str, *, retry_after_s: float, is_alarming: bool, was_asked: bool) -> None:
        super().__init__(message)
        self.code, self.message, self.retry_after_s = code, message, retry_after_s
        self.is_alarming, self.was_asked = is_alarming, was_asked


class TokenKeeper:
    """Gives a token that the platform should still take. Thread-safe.

    fetch: asks the platform once, gives a Grant or raises GrantRefused. mono_s: elapsed seconds that never step.
    """

    def __init__(
        self, fetch: Callable[[], Grant], *, mono_s: Callable[[], float], rules: TokenRules, rng: random.Random
    ) -> None:
        self._fetch, self._mono_s, self._rules, self._rng = fetch, mono_s, rules, rng
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at_mono_s = 0.0
        self._ends_at_mono_s = 0.0
        self._next_fetch_mono_s = float("-inf")
        self._failures = 0
        self._last_code, self._last_message = 0, ""

    def get(self) -> str:
        """The token to use now; asks the platform when it is due. Raises TokenUnavailable."""
        with self._lock:
            now = self._mono_s()
            is_usable = bool(self._token) and now < self._ends_at_mono_s
            if is_usable and (now < self._renew_at_mono_s or now < self._next_fetch_mono_s):
                return self._token
            if not is_usable:
                self._token = ""
            if now < self._next_fetch_mono_s:
                raise self._unavailable(self._next_fetch_mono_s - now, was_asked=False)
            try:
                grant = self._fetch()
            except GrantRefused as refusal:
                wait_s = self._note_failure(refusal)
                if self._token:
                    return self._token  # early renewal failed, the old token has not ended
                raise self._unavailable(wait_s, was_asked=True) from refusal
            # Counted from before the request, so that a slow answer never makes the token look younger than it is.
            lifetime_s = (
                grant.lifetime_s if grant.lifetime_s and grant.lifetime_s > 0 else self._rules.default_lifetime_s
            )
            self._token = grant.token
            self._ends_at_mono_s = now + lifetime_s
            self._renew_at_mono_s = now + max(
                lifetime_s * self._rules.renew_ratio, lifetime_s - self._rules.renew_before_s
            )
            self._next_fetch_mono_s = now + self._rules.min_interval_s
            self._failures, self._last_code, self._last_message = 0, 0, ""
            return self._token

    def discard(self, token: str) -> None:
        """Forget token because the platform refused it; a newer one fetched meanwhile stays."""
        with self._lock:
            if self._token == token:
                self._token = ""

    def _note_failure(self, refusal: GrantRefused) -> float:
        """Seconds until the platform may be asked again."""
        rules = self._rules
        self._failures += 1
        self._last_code, self._last_message = refusal.code, refusal.message
        wait_s = rules.min_interval_s
        if self._failures >= rules.failures_before_alarm:
            doublings = min(self._failures - rules.failures_before_alarm, 16)
            backoff_s = min(rules.backoff_first_s * 2**doublings, rules.backoff_last_s)
            wait_s = max(wait_s, backoff_s * self._rng.uniform(0.8, 1.2))
        self._next_fetch_mono_s = self._mono_s() + wait_s
        return wait_s

    def _unavailable(self, wait_s: float, *, was_asked: bool) -> TokenUnavailable:
        is_alarming = self._failures >= self._rules.failures_before_alarm
        return TokenUnavailable(
            self._last_code, self._last_message, retry_after_s=wait_s, is_alarming=is_alarming, was_asked=was_asked
        )
