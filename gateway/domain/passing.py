"""One pass: one vehicle, one lane, one direction, from the arrival edge to its closing entry.

Pure. `step(pass, event)` gives the pass after the event and what must be done about it. The caller makes the new
pass durable before it carries out any action, so a restart can repeat `resume(pass)` and finish or explain.
Ends and deciders are the lane contract's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from gateway.domain.policy import ALLOW, DENY, HOLD, Verdict

# states
ARRIVED, JUDGED, WAITING_GUARD, CROSSING, CLOSED = "arrived", "judged", "waiting_guard", "crossing", "closed"

# actions
READ, RAISE, SHOW, CLOSE = "read", "raise", "show", "close"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the reader made of the plate. plate_no is "" when unread; candidates are its two best guesses then.

    confidence: 0.0-1.0, calibrated probability that the plate, or unread the first candidate, is right;
    candidate_confidences: of each candidate. reason: why it is unread (plate_vote.PlateVote). first_plate_no: what the
    first picture in which the plate was found said alone, "" when that was no sure plate: counted apart from the final
    read. assist_plate, assist_source: an expected plate that the reads nearly spell (expected.Assist); shown to a
    person, and nothing is decided by it.
    """

    plate_no: str = ""
    plate_colour: str = "5"
    plate_type: str = "unknown"
    confidence: float = 0.0
    candidates: tuple[str, ...] = ()
    agreeing: int = 0
    frames: int = 0
    is_manual: bool = False  # typed by a person; counted against the recognition rate
    candidate_confidences: tuple[float, ...] = ()
    reason: str = ""
    first_plate_no: str = ""
    first_confidence: float = 0.0
    assist_plate: str = ""
    assist_source: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A person's decision about a HOLD, or against a DENY, and what the person read from plate and papers.

    plate_no, plate_colour: typed by the person, "" when the machine's reading stands. vehicle: the vehicle's data from
    its papers or, for a typed plate, from the register. opinion: the policy's verdict about the typed plate.
    """

    decision: str  # "allow" | "deny"
    reason: str
    by: str
    at_ms: int
    plate_no: str = ""
    plate_colour: str = ""
    vehicle: dict[str, Any] = field(default_factory=dict)
    opinion: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Everything that is known of a pass; stored whole after each step."""

    pass_id: str  # the lane's first name for it, or the tailgate event's
    lane: str
    direction: str  # "in" | "out"
    lane_pass: str  # the lane's present name; changes when the lane restarts in mid-pass
    arrived_at_ms: int
    arrived_error_ms: int = 0  # uncertainty of arrived_at_ms; large when the lane's clock had to be reconstructed
    state: str = ARRIVED
    identity: Identity | None = None
    verdict: Verdict | None = None
    answer: Answer | None = None
    raised_by: str = ""  # policy | person | lane | emergency: who let the arm rise for this pass
    crossing: str = ""  # "" | started | completed | backed_out
    evidence: tuple[str, ...] = ()
    end: str = ""
    ended_by: str = ""
    closed_at_ms: int | None = None
    head_photo: str = ""
    body_photo: str = ""
    record_no: str = ""
    vehicle: dict[str, Any] = field(default_factory=dict)  # the register's row as it was at the verdict
    visit_id: str = ""
    source: str = "auto"  # auto; manual | paper: a person typed the whole passage, no sensor saw it
    paper_no: str = ""  # number of the paper form's row
    notes: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.state != CLOSED

    @property
    def may_cross(self) -> bool:
        """A person's answer, where there is one, outweighs the policy's verdict."""
        if self.answer:
            return self.answer.decision == "allow"
        return bool(self.verdict and self.verdict.verdict == ALLOW)

    @property
    def wants_raise(self) -> bool:
        """The arm should rise for this vehicle and has not yet let it cross."""
        return self.is_open and self.may_cross and not self.crossing and not self.end

    @property
    def shown_verdict(self) -> str:
        if self.answer:
            return ALLOW if self.answer.decision == "allow" else DENY
        return self.verdict.verdict if self.verdict else HOLD

    @property
    def decided_by(self) -> str:
        """policy | person | lane | emergency: who decided about this vehicle."""
        if self.answer:
            return "person"
        if self.raised_by in ("person", "lane", "emergency"):
            return self.raised_by
        return "policy" if self.verdict else "lane"

    @property
    def control_result(self) -> str:
        """Control result of the in/out ledger: 0 passed, 1 stopped, 2 passed by a person, 3 undecided, 4 lane alone."""
        if self.answer:
            return "2" if self.answer.decision == "allow" else "1"
        if self.raised_by in ("person", "emergency"):
            return "2"
        if self.raised_by == "lane":
            return "4"
        if self.end in ("tailgate", "forced") or not self.verdict:
            return "1"
        return {ALLOW: "0", DENY: "1", HOLD: "3"}[self.verdict.verdict]

    @property
    def barrier_action(self) -> str:
        """0 not raised, 1 raised by hand, 2 raised automatically."""
        if not self.raised_by:
            return "0"
        return "1" if self.raised_by in ("person", "emergency") else "2"


@dataclass(frozen=True)
class Judged:
    identity: Identity
    verdict: Verdict
    head_photo: str
    body_photo: str
    record_no: str
    vehicle: dict[str, Any]


@dataclass(frozen=True)
class Answered:
    answer: Answer


@dataclass(frozen=True)
class Relinked:
    lane_pass: str


@dataclass(frozen=True)
class LaneEvent:
    """An event of the lane contract that names this pass (or moves the arm while it is at the arm)."""

    kind: str
    data: dict[str, Any]
    at_ms: int


@dataclass(frozen=True)
class LostByLane:
    """The lane has restarted, drained its journal and knows nothing of the vehicle any more."""

    at_ms: int
    note: str


PassEvent = Judged | Answered | Relinked | LaneEvent | LostByLane


def step(p: Pass, event: PassEvent) -> tuple[Pass, tuple[str, ...]]:
    """The pass after the event, and the actions it asks for. A closed pass never changes again."""
    if not p.is_open:
        return p, ()
    match event:
        case Judged():
            return _judged(p, event)
        case Answered(answer):
            p = _with(p, answer=answer, state=JUDGED if p.state in (WAITING_GUARD, JUDGED) else p.state)
            if answer.plate_no:
                typed = replace(p.identity or Identity(), plate_no=answer.plate_no, plate_colour=answer.plate_colour,
                                plate_type="unknown", confidence=1.0, is_manual=True, agreeing=0)  # fmt: skip
                p = _with(p, identity=typed)
            if answer.vehicle:
                p = _with(p, vehicle=answer.vehicle)
            return p, (SHOW, RAISE) if p.wants_raise else (SHOW,)
        case Relinked(lane_pass):
            p = _with(p, lane_pass=lane_pass, notes=(*p.notes, f"lane restarted, vehicle is now {lane_pass}"))
            return p, resume(p)
        case LostByLane(at_ms, note):
            end = "completed" if p.crossing == "completed" else "abandoned"
            return _closed(_with(p, notes=(*p.notes, note)), end, "lane", at_ms)
        case LaneEvent():
            return _lane_event(p, event)


def _with(p: Pass, **changed: Any) -> Pass:
    """p with other values; dataclasses.replace takes ten times as long, for the same, on every step of every vehicle."""
    new = object.__new__(Pass)
    vars(new).update(vars(p), **changed)
    return new


def resume(p: Pass) -> tuple[str, ...]:
    """What must be (re)done for an open pass after a restart of the gateway or the lane; all of it may be repeated."""
    if not p.is_open:
        return ()
    if p.verdict is None:
        return (READ,)
    return (SHOW, RAISE) if p.wants_raise else (SHOW,)


def _judged(p: Pass, event: Judged) -> tuple[Pass, tuple[str, ...]]:
    if p.verdict is not None:  # a repeated reading after a restart: the first durable verdict stands
        return p, resume(p)
    held = event.verdict.verdict == HOLD
    state = p.state if p.state == CROSSING else (WAITING_GUARD if held else JUDGED)
    p = _with(p, identity=event.identity, verdict=event.verdict, head_photo=event.head_photo,
                body_photo=event.body_photo, record_no=event.record_no, vehicle=event.vehicle, state=state)  # fmt: skip
    return p, resume(p)


# cause of a barrier.opening (lane contract) -> who let the arm rise; "command" is looked at apart
_RAISED_BY = {"button": "person", "hold_to_run": "person", "fire": "emergency", "offline": "lane"}


def _lane_event(p: Pass, event: LaneEvent) -> tuple[Pass, tuple[str, ...]]:
    kind, data = event.kind, event.data
    if kind == "barrier.opening" and not p.raised_by:
        if data.get("cause") == "command":
            by = "policy" if p.may_cross and not p.answer else "person"
        else:
            by = _RAISED_BY.get(str(data.get("cause")), "")
        return _with(p, raised_by=by), ()
    if kind == "offline.decision":
        how = f"{data['decision']}, class {data['class']}, list {data['list']}, outage {data['age_min']} min"
        return _with(p, notes=(*p.notes, f"gateway silent, the lane decided alone: {how}")), ()
    if kind == "crossing.started":
        return _with(p, crossing="started", state=CROSSING), ()
    if kind == "crossing.completed":
        return _with(p, crossing="completed", state=CROSSING, evidence=tuple(map(str, data.get("evidence", ())))), ()
    if kind == "crossing.backed_out":
        return _with(p, crossing="backed_out"), ()
    if kind == "pass.ended":
        return _closed(p, str(data["end"]), str(data.get("by", "lane")), event.at_ms)
    return p, ()


def _closed(p: Pass, end: str, by: str, at_ms: int) -> tuple[Pass, tuple[str, ...]]:
    """Ends the pass once it has been judged; an end that comes first waits for the reading (see close_pending)."""
    p = _with(p, end=end, ended_by=by, closed_at_ms=at_ms)
    if p.verdict is None:
        return p, ()
    return _with(p, state=CLOSED), (CLOSE,)


def close_pending(p: Pass) -> tuple[Pass, tuple[str, ...]]:
    """Close a pass whose end came before its verdict (a tailgater, a vehicle that left while being read)."""
    if p.is_open and p.end and p.verdict is not None:
        return _with(p, state=CLOSED), (CLOSE,)
    return p, ()


_PARTS = (("identity", Identity), ("verdict", Verdict), ("answer", Answer))


def to_doc(p: Pass) -> dict[str, Any]:
    """A document for JSON; shares its values with p."""
    doc = dict(vars(p))
    for name, _ in _PARTS:
        if doc[name] is not None:
            doc[name] = dict(vars(doc[name]))
    return doc


def from_doc(doc: dict[str, Any]) -> Pass:
    """The inverse of to_doc after a trip through JSON."""
    doc = dict(doc)
    for name, cls in _PARTS:
        if doc.get(name):
            values: dict[str, Any] = {k: tuple(v) if v.__class__ is list else v for k, v in doc[name].items()}
            doc[name] = cls(**values)
    for name in ("evidence", "notes"):
        doc[name] = tuple(doc.get(name, ()))
    return Pass(**doc)
