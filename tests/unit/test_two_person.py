"""What needs two persons, on a real ledger file: asked, confirmed by another within a time, carried out, both recorded."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.adapters.policies.files import over_limit_terms
from gateway.adapters.store.check import findings
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.registers import SqliteRegisters
from gateway.domain.exceptions import ExceptionRefused
from gateway.domain.register_rows import RegisterRefused
from gateway.domain.retention import RetentionRefused
from gateway.domain.two_person import TwoPersonRefused, eases, plain_name, terms
from gateway.domain.vehicles import VehicleRefused
from gateway.ledger_hands import by_hand, evidence_desk, policy_desk, two_persons
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.policy_book import PolicyRefused
from gateway.services.ports import LedgerUnavailable
from tests.unit.office_site import VEHICLE, OfficeSite
from tests.unit.policy_bench import at
from tests.unit.test_visits import a_pass

PLATE, COLOUR = "云A55555", "1"
BLACK = {"plate_no": PLATE, "plate_colour": COLOUR}
ROW = f"{VEHICLE['plate_no']}/{VEHICLE['plate_colour']}"


class TwoSite(OfficeSite):
    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.evidence = evidence_desk(self.file, self.ledger, self.queries, self)
        self.policy = policy_desk(
            self.file, self.book, OverLimitDesk(SqlitePolicies(self.file), self, over_limit_terms()), self
        )
        self.waits: list[int] = []
        self.two = self.new_two()

    def new_two(self):
        return two_persons(
            self.file, self.ledger, self, self.evidence, self.policy, self.registers, tell=self.waits.append
        )

    async def both(self, action: str, **arguments: object) -> str:
        number = await self.two.ask(action, arguments, by="王经理", why="理由")
        return await self.two.decide(number, approve=True, by="李厂长")

    def is_black(self) -> bool:
        return self.book.store.blacklist_reason(PLATE, COLOUR, self.now_ms) is not None

    def entries(self, kind: str):
        return [e["body"] for e in self.queries.entries_of_kind(kind)]


@pytest.fixture
def site(tmp_path):
    opened = TwoSite(tmp_path)
    yield opened
    opened.file.close()


async def test_a_list_is_edited_only_when_another_person_confirms_and_both_are_recorded(site):
    number = await site.two.ask("blacklist.add", BLACK, by="王经理", why="冲卡", via="10.0.0.5")
    assert not site.is_black() and site.waits[-1] == 1
    assert await site.two.decide(number, approve=True, by="李厂长", via="10.0.0.6") == "done"
    assert site.is_black() and site.waits[-1] == 0
    assert [e["state"] for e in site.entries("two_person")] == ["waiting", "confirmed", "done"]
    (act,) = site.entries("blacklist")
    assert (act["by"], act["reason"]) == ("王经理、李厂长", "冲卡")
    done = site.entries("two_person")[-1]
    assert (done["asked_by"], done["asked_via"], done["decided_by"], done["decided_via"]) == (
        "王经理",
        "10.0.0.5",
        "李厂长",
        "10.0.0.6",
    )
    assert await site.both("blacklist.remove", **BLACK) == "done" and not site.is_black()
    assert findings(site.file) == []


@pytest.mark.parametrize("same", ["王经理", " 王 经理 ", "王·经理", "王经理。"])
async def test_the_one_who_asked_cannot_confirm_however_the_name_is_written(site, same):
    number = await site.two.ask("blacklist.add", BLACK, by="王经理", why="冲卡")
    with pytest.raises(TwoPersonRefused, match="cannot be the one who confirms"):
        await site.two.decide(number, approve=True, by=same)
    assert not site.is_black() and len(site.two.waiting()) == 1


def test_names_are_compared_without_spaces_marks_width_and_case():
    assert plain_name("Ｗang Ｌi") == plain_name("wang-li") != plain_name("wang lin")
    assert plain_name(" 。 ") == ""


async def test_a_request_ends_after_its_hours_and_is_then_confirmed_by_nobody(site):
    number = await site.two.ask("blacklist.add", BLACK, by="王经理", why="冲卡")
    site.now_ms += terms().confirm_ms
    with pytest.raises(TwoPersonRefused, match="expired"):
        await site.two.decide(number, approve=True, by="李厂长")
    assert site.two.waiting() == [] and site.two.state_now(site.two.decided()[0]) == "expired" and not site.is_black()
    again = await site.two.ask("blacklist.add", BLACK, by="王经理", why="冲卡")
    assert await site.two.decide(again, approve=True, by="李厂长") == "done"


async def test_nothing_is_decided_twice_and_a_refusal_has_a_reason(site):
    number = await site.two.ask("blacklist.add", BLACK, by="王经理", why="冲卡")
    with pytest.raises(TwoPersonRefused, match="asked for already"):
        await site.two.ask("blacklist.add", BLACK, by="赵六", why="冲卡")
    with pytest.raises(TwoPersonRefused, match="a reason"):
        await site.two.decide(number, approve=False, by="李厂长")
    assert await site.two.decide(number, approve=False, by="李厂长", why="证据不足") == "refused"
    for approve in (True, False):
        with pytest.raises(TwoPersonRefused, match="not waiting"):
            await site.two.decide(number, approve=approve, by="赵六", why="x")
    own = await site.two.ask("blacklist.add", BLACK, by="王经理", why="冲卡")
    assert await site.two.decide(own, approve=False, by="王经理", why="写错") == "taken_back" and not site.is_black()


@pytest.mark.parametrize(("action", "arguments", "refusal"), [
    ("policy.withdraw", {"policy_id": "none"}, PolicyRefused),
    ("policy.level", {"level": "7", "from_time": "", "until_time": ""}, PolicyRefused),
    ("blacklist.add", {"plate_no": "云A", "plate_colour": "1"}, ExceptionRefused),
    ("blacklist.remove", BLACK, ExceptionRefused),
    ("register.remove", {"name": "vehicle", "key": "云X/1"}, RegisterRefused),
    ("register.undo", {"change": "none"}, RegisterRefused),
    ("pass.delete", {"pass_id": "none"}, RetentionRefused),
    ("format.disk", {}, TwoPersonRefused),
])  # fmt: skip
async def test_what_cannot_be_done_is_refused_when_it_is_asked(site, action, arguments, refusal):
    with pytest.raises(refusal):
        await site.two.ask(action, arguments, by="王经理", why="理由")
    assert site.entries("two_person") == []


async def test_a_policy_is_withdrawn_or_replaced_by_two(site):
    await site.policy.load_shipped("certificates")
    assert not site.policy.replaces_in_force("certificates", 1)
    site.policy.activate(policy_id="certificates", version=1, by="王经理")
    text = site.policy._shipped()["certificates"]
    await site.policy.load(doc={**text, "version": 2, "rules": text["rules"][:1]})
    assert site.policy.replaces_in_force("certificates", 2), (
        "fewer rules in its place would be a policy off by one person"
    )
    assert await site.both("policy.activate", policy_id="certificates", version=2, from_time="") == "done"
    assert [p.version for p in site.book.policy().packs if p.policy_id == "certificates"] == [2]
    assert await site.both("policy.withdraw", policy_id="certificates") == "done"
    assert "certificates" not in {p.policy_id for p in site.book.policy().packs}
    assert site.entries("policy")[-1]["by"] == "王经理、李厂长"


async def test_a_level_is_raised_by_one_and_lowered_by_two(site):
    assert not site.policy.lowers_the_level("2", "", "2026-11-22 08:00"), "with its end it is no lower than before"
    site.policy.order_level(level="2", by="王经理", reason="市通知", until_time="2026-11-22 08:00")
    for order in (("0", "", ""), ("3", "", ""), ("2", "", "2026-11-21 08:00"), ("0", "2026-11-21 08:00", "")):
        assert site.policy.lowers_the_level(*order), order
    for order in (("1", "", ""), ("2", "", ""), ("2", "", "2026-11-23 08:00"), ("0", "2026-11-23 08:00", "")):
        assert not site.policy.lowers_the_level(*order), order
    assert (
        await site.both("policy.level", level="0", from_time="", until_time="") == "done"
        and site.book.response_level() == "0"
    )


def test_easing_looks_at_every_moment_to_come():
    rows = [{"from_ms": 0, "level": "0"}, {"from_ms": 100, "level": "1"}, {"from_ms": 200, "level": "0"}]
    assert eases(rows, [(150, "2")], 50) and not eases(rows, [(50, "3")], 50)
    assert eases(rows, [(100, "3")], 50), "one of the same moment takes its place"
    assert not eases(rows, [(100, "3")], 250), "what is past is past"


async def test_a_row_is_taken_out_of_use_by_two_and_an_import_taken_back_by_two(site):
    assert await site.both("register.remove", name="vehicle", key=ROW) == "done"
    assert site.register_rows.brief("vehicle", ROW).is_removed
    site.now_ms += 1000
    site.registers.state(
        "carrier", {"carrier_name": "甲", "contact": "王", "contact_phone": "13800000001"}, source="typed", by="李"
    )
    change = newest(site)
    assert site.registers.undoing_removes_rows(change)
    assert await site.both("register.undo", change=change) == "done"
    assert next(site.register_rows.all("carrier"), None) is None
    site.now_ms += 1000
    site.registers.state(
        "carrier", {"carrier_name": "甲", "contact": "王", "contact_phone": "13800000001"}, source="typed", by="李"
    )
    site.now_ms += 1000
    site.registers.state(
        "carrier", {"carrier_name": "甲", "agreement_no": "A-1"}, source="erp", by="李", is_partial=True
    )
    assert not site.registers.undoing_removes_rows(newest(site))


def newest(site) -> str:
    """The id of the newest change of the carriers' clerk."""
    return next(c["change_id"] for c in site.register_rows.change_sets() if c["by"] == "李")


@pytest.mark.requirement("S0-17")
async def test_a_passage_is_deleted_early_by_two_and_a_hold_in_between_stops_it(site):
    p = await site.end(a_pass(1, VEHICLE["plate_no"], "in", at("2026-11-19 05:40:00")))
    with pytest.raises(RetentionRefused, match="has not taken it"):
        await site.two.ask("pass.delete", {"pass_id": p.pass_id}, by="王经理", why="误录")
    site.file.write(lambda c: c.execute("update outbox set state = 'accepted'"))
    number = await site.two.ask("pass.delete", {"pass_id": p.pass_id}, by="王经理", why="误录")
    hold = await site.evidence.hold(pass_id=p.pass_id, by="周", why="核查")
    with pytest.raises(RetentionRefused, match="under a hold"):
        await site.two.decide(number, approve=True, by="李厂长")
    assert len(site.two.waiting()) == 1, "it waits on"
    await site.evidence.lift(hold_id=hold, by="周", why="查清")
    assert await site.two.decide(number, approve=True, by="李厂长") == "done"
    (request,) = site.evidence.holds.deletion_requests()
    assert (request["state"], request["requested_by"], request["decided_by"]) == ("approved", "王经理", "李厂长")
    assert findings(site.file) == []


async def test_what_was_confirmed_when_the_power_went_is_carried_out_at_the_next_start_once(site):
    number = await site.two.ask("blacklist.add", BLACK, by="王经理", why="冲卡")

    async def power_cut(row):
        raise LedgerUnavailable("power")

    site.two._carry_out = power_cut
    with pytest.raises(LedgerUnavailable):
        await site.two.decide(number, approve=True, by="李厂长")
    assert not site.is_black()
    site.two = site.new_two()
    assert await site.two.resume() == 1 and site.is_black()
    assert await site.two.resume() == 0 and len(site.entries("blacklist")) == 1


async def test_an_act_that_has_become_impossible_says_why(site):
    number = await site.two.ask("register.remove", {"name": "vehicle", "key": ROW}, by="王经理", why="报废")
    act = site.two._actions["register.remove"]
    check, site.two._actions["register.remove"] = act, type(act)(act.say, lambda **k: None, act.do)
    assert check
    site.registers.remove("vehicle", ROW, by="他人", why="报废")
    assert await site.two.decide(number, approve=True, by="李厂长") == "failed"
    assert "out of use already" in site.two.decided()[0].values["outcome"]


async def test_no_command_of_the_command_line_goes_around_the_second_person(site):
    nobody: Any = None  # audits and tasks are not asked here
    hands = by_hand(site.evidence, site.policy, site.registers, nobody, site.goods, nobody, site, site.two, SqliteRegisters(site.file))  # fmt: skip
    await site.policy.load_shipped("certificates")
    site.policy.activate(policy_id="certificates", version=1, by="王经理")
    site.policy.order_level(level="2", by="王经理", reason="市通知")
    who = {"by": "王经理", "why": "理由"}
    for name, arguments in (
        ("policy.withdraw", {"policy_id": "certificates", **who}), ("policy.level", {"level": "0", "by": "王经理", "reason": "理由"}),
        ("blacklist.add", BLACK | who), ("register.remove", {"name": "vehicle", "key": ROW, **who}),
    ):  # fmt: skip
        assert set(await hands.do(name, arguments)) == {"asked"}, name
    await hands.do("import", {"doc": {"response_level": "2"}, "accepted_by": "王经理"})
    with pytest.raises(VehicleRefused, match="two persons"):
        await hands.do("import", {"doc": {"response_level": "0"}, "accepted_by": "王经理"})
    assert len(site.two.waiting()) == 4 and site.book.response_level() == "2" and not site.is_black()
    (black,) = [r.side_id for r in site.two.waiting() if r.subject == "blacklist.add"]
    assert await hands.do("confirm.decide", {"request_id": black, "approve": True, "by": "李厂长", "why": ""}) == "done"
    assert site.is_black()
