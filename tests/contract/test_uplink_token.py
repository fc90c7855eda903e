"""The token's rules, on a clock that is moved by hand."""

import itertools
import random
import threading

import pytest

from gateway.adapters.uplink.token import Grant, GrantRefused, TokenKeeper, TokenRules, TokenUnavailable


class Bench:
    """A platform that gives tokens t1, t2, … or refuses, and a clock."""

    def __init__(self, *, lifetime_s: float | None = 7200, rules: TokenRules | None = None) -> None:
        self.now_s, self.asked_at_s, self.lifetime_s = 0.0, [], lifetime_s
        self.refusal: GrantRefused | None = None
        self.keeper = TokenKeeper(
            self.fetch, mono_s=lambda: self.now_s, rules=rules or TokenRules(), rng=random.Random(7)
        )

    asked_at_s: list[float]

    def fetch(self) -> Grant:
        self.asked_at_s.append(self.now_s)
        if self.refusal is not None:
            raise self.refusal
        return Grant(f"t{len(self.asked_at_s)}", self.lifetime_s)


@pytest.mark.requirement("S0-98")
@pytest.mark.parametrize(
    ("lifetime_s", "renewed_at_s"),
    [(7200, 6600), (1000, 800), (None, 6600), (100, 80)],  # 80 % or 10 min before the end, whichever is later
)
def test_a_token_is_renewed_before_it_ends(lifetime_s: float | None, renewed_at_s: float) -> None:
    bench = Bench(lifetime_s=lifetime_s)
    assert bench.keeper.get() == "t1"
    bench.now_s = renewed_at_s - 0.1
    assert bench.keeper.get() == "t1"
    bench.now_s = renewed_at_s
    assert bench.keeper.get() == "t2"
    assert bench.asked_at_s == [0.0, renewed_at_s]


def test_the_old_token_serves_on_when_an_early_renewal_fails() -> None:
    bench = Bench()
    bench.keeper.get()
    bench.refusal = GrantRefused(50001, "fault")
    bench.now_s = 6600
    assert bench.keeper.get() == "t1"
    bench.now_s = 6605
    assert bench.keeper.get() == "t1"
    assert bench.asked_at_s == [0.0, 6600]
    bench.now_s = 7200
    with pytest.raises(TokenUnavailable):
        bench.keeper.get()


@pytest.mark.requirement("S0-98")
def test_the_platform_is_never_asked_twice_within_ten_seconds() -> None:
    bench = Bench()
    token = bench.keeper.get()
    for second in range(1, 40):
        bench.now_s = second / 2
        bench.keeper.discard(token)
        try:
            token = bench.keeper.get()
        except TokenUnavailable as trouble:
            assert 0 < trouble.retry_after_s <= 10 and not trouble.is_alarming and trouble.code == 0
    gaps = [b - a for a, b in itertools.pairwise(bench.asked_at_s)]
    assert gaps and min(gaps) >= 10


@pytest.mark.requirement("S0-98")
def test_three_failures_alarm_and_wait_longer_and_longer_up_to_five_minutes() -> None:
    bench = Bench()
    bench.refusal = GrantRefused(40103, "appId not registered")
    waits_s, alarms = [], []
    for _ in range(12):
        with pytest.raises(TokenUnavailable) as trouble:
            bench.keeper.get()
        assert trouble.value.code == 40103
        waits_s.append(trouble.value.retry_after_s)
        alarms.append(trouble.value.is_alarming)
        bench.now_s += trouble.value.retry_after_s
    assert alarms == [False, False] + [True] * 10
    assert waits_s[:3] == [10, 10, 10]  # 5 s of back-off are covered by the 10 s between two requests
    assert 32 <= waits_s[5] <= 48 and 240 <= waits_s[-1] <= 360
    bench.refusal = None
    assert bench.keeper.get().startswith("t")
    bench.now_s += 7200
    bench.refusal = GrantRefused(0, "read timeout")
    with pytest.raises(TokenUnavailable) as trouble:
        bench.keeper.get()
    assert not trouble.value.is_alarming  # success has cleared the count


def test_discarding_an_old_token_keeps_the_newer_one() -> None:
    bench = Bench()
    old = bench.keeper.get()
    bench.now_s = 6600
    new = bench.keeper.get()
    bench.keeper.discard(old)
    assert bench.keeper.get() == new


@pytest.mark.requirement("S0-98")
def test_many_threads_cause_one_renewal() -> None:
    asked, entered, release = [], threading.Event(), threading.Event()

    def fetch() -> Grant:
        asked.append(1)
        entered.set()
        release.wait(5)
        return Grant("t", 7200)

    keeper = TokenKeeper(fetch, mono_s=lambda: 0.0, rules=TokenRules(), rng=random.Random(1))
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(keeper.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert entered.wait(5)
    release.set()
    for thread in threads:
        thread.join(5)
    assert got == ["t"] * 8 and len(asked) == 1
