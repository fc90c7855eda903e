"""AL12: overdue and unpaired visits are told within a minute, for as long as they are so."""

import pytest

from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.visit_watch import VisitWatch
from tests.unit.office_site import OfficeSite
from tests.unit.policy_bench import at
from tests.unit.test_visits import a_pass


@pytest.fixture
def site(tmp_path):
    opened = OfficeSite(tmp_path)
    yield opened
    opened.file.close()


@pytest.mark.requirement("X-23")
async def test_visits_that_do_not_add_up_are_told_and_end_when_they_do(site):
    told = Conditions(site, Changes())
    watch = VisitWatch(site.visits, site, told)

    def codes():
        site.now_ms += 61_000
        watch.tick()
        return [c.code for c in told.list()]

    await site.end(a_pass(1, "云A10001", "in", at("2026-11-19 07:00:00")))
    await site.end(a_pass(2, "云A10002", "in", at("2026-11-20 07:00:00")))
    assert codes() == ["visits.overdue"] and "1 辆车" in told.list()[0].text_zh and "云A10001" in told.list()[0].text_zh
    await site.end(a_pass(3, "云A10001", "out", at("2026-11-20 08:00:00")))
    assert codes() == []
    await site.end(a_pass(4, "云A77777", "out", at("2026-11-20 08:00:00")))
    await site.end(a_pass(5, "云A10002", "in", at("2026-11-20 08:05:00")))
    assert codes() == ["visits.unpaired", "visits.exit_missed"]
    await site.end(a_pass(6, "云A77777", "in", at("2026-11-20 07:30:00")))  # the entry is drained late
    assert codes() == ["visits.exit_missed"]
    await site.end(a_pass(7, "云A10002", "out", at("2026-11-20 08:10:00")))
    site.now_ms += 86_400_000
    assert codes() == [], "told for a day, and listed for longer"
