"""Answers a technician: reads everything the lane knows, runs the self-test, drives outputs that cannot hurt.

A request is answered at rest; one that comes while the arm moves waits for the end of the motion, one that would do
something is refused. An answer leaves in parts of at most 1 KiB and is kept until the next one, so that a part that got
lost can be asked for again: a known id is never carried out twice. Nothing here reaches the barrier.
RAM: KEPT_BYTES for the last answer, WAITING requests.
"""

import gc

from lane import borrow, contract
from lane.contract import ROLES
from lane.drive import HARMLESS, MOST_SECONDS
from lane.log import LEVELS
from lane.safety import OUTPUTS
from lane.ticks import add, diff

KEPT_BYTES = 8192
PART_BYTES = 800  # of keys and values; the envelope takes the rest of the 1 KiB
PART_ENTRIES = 32
TEXT_CHARACTERS = 250  # of one value; more would not fit a part
WAITING = 4
REPLIES_WAITING = 32  # more are asked for again by whoever misses them
IDS_REMEMBERED = 16
LOG_LINES = 48  # of one answer; the asker goes on from `next`
TEST_MS = 10000
MOTOR = ("open", "close", "stop")
ACTIONS = ("self_test", "drive")
# Arguments of each question: name: (type, lowest, highest); a "?" at the end: may be absent.
ARGUMENTS = {
    "log": {"from?": (int, 1, contract.MAX_SEQ), "level?": (str, 1, 8), "crash?": (bool, 0, 1)},
    "self_test": {"by": (str, 1, 64)},
    "drive": {
        "output": (str, 1, 32),
        "seconds": (int, 1, MOST_SECONDS),
        "by": (str, 1, 64),
        "why?": (str, 0, 200),
        "text?": (str, 0, 128),
    },
}


def wrong_argument(question, args):
    """What is wrong with the arguments, in words, or None."""
    wanted = ARGUMENTS.get(question, {})
    for name in args:
        if name not in wanted and name + "?" not in wanted and name != "part":
            return name + ": unknown; allowed: " + (", ".join(sorted(wanted)) or "none")
    for name, (kind, low, high) in wanted.items():
        is_optional = name[-1] == "?"
        name = name[:-1] if is_optional else name
        if name not in args:
            if is_optional:
                continue
            return name + ": required"
        value = args[name]
        size = len(value) if kind is str and type(value) is str else value
        if type(value) is not kind or not low <= size <= high:
            return name + ": " + kind.__name__ + " " + str(low) + " to " + str(high)
    return None


class Diagnostics:
    def __init__(self, parts):
        self._parts = parts
        self._waiting = []
        self._ids = []
        self._kept_id = None
        self._kept = []  # encoded parts of the last answer
        self._job = None  # id of the self-test or drive under way
        self._is_test = False
        self._job_until = 0
        self.last_test = None  # results of the last self-test, by sensor

    # ---- requests ----

    def take(self, message, is_retained):
        """One request; never raises. The answer appears in `parts.replies` now or at a later `tend`."""
        job, question, args = message["id"], message["question"], message["args"]
        if job == self._kept_id:
            self._again(args.get("part"))
        elif job == self._job or any([waiting["id"] == job for waiting in self._waiting]):
            pass  # its answer will come
        elif job in self._ids:
            self._refuse(job, "id.repeated")
        elif is_retained:
            self._refuse(job, "retained")
        elif "part" in args:
            self._refuse(job, "restart")  # a part of an answer that this boot did not give
        elif not self._parts.safety.is_at_rest():
            if question in ACTIONS:
                self._refuse(job, "moving")
            elif len(self._waiting) >= WAITING:
                self._refuse(job, "busy")
            else:
                self._waiting.append(message)
        else:
            self._carry_out(job, question, args)

    def see(self, event):
        """An event on its way to the journal; the results of a self-test are kept."""
        if event["kind"] == "sensor.tested":
            self.last_test = event["data"]["results"]

    def tend(self, now):
        """At rest, a few times a second: what waited, and what takes a while."""
        if self._job is not None:
            self._mind_job(now)
        if self._waiting:
            message = self._waiting.pop(0)
            self._carry_out(message["id"], message["question"], message["args"])

    def _carry_out(self, job, question, args):
        wrong = None if question == "check_settings" else wrong_argument(question, args)
        if wrong is not None:
            self._end(job, "refused", "arguments", [("allowed", wrong)])
        elif question == "self_test":
            self._begin_test(job)
        elif question == "drive":
            self._begin_drive(job, args)
        elif question == "log":
            self._end(job, "done", None, self._log(args))
        elif question == "check_settings":
            self._check_settings(job, args)
        else:
            self._end(job, "done", None, QUESTIONS[question](self._parts))

    # ---- answers ----

    def _again(self, part):
        if type(part) is int:
            self._publish(self._kept[part : part + 1] if part >= 0 else [])
        else:
            self._publish(self._kept)

    def _publish(self, encoded):
        for raw in encoded:
            if len(self._parts.replies) < REPLIES_WAITING and ("diagnostics/reply", raw) not in self._parts.replies:
                self._parts.replies.append(("diagnostics/reply", raw))

    def _refuse(self, job, reason):
        """A refusal that is not kept: the answer that is kept may still be asked for."""
        self._publish([self._encode(job, 0, 1, "refused", reason, {})])

    def _encode(self, job, part, of, result, reason, answer):
        return contract.encode(
            "diagnostics/reply",
            {"id": job, "part": part, "of": of, "result": result, "reason": reason, "answer": answer},
        )

    def _accept(self, job):
        self._remember(job)
        self._job = job
        self._publish([self._encode(job, 0, 1, "accepted", None, {})])

    def _remember(self, job):
        self._ids.append(job)
        if len(self._ids) > IDS_REMEMBERED:
            self._ids.pop(0)

    def _end(self, job, result, reason, entries):
        """The one terminal answer, in parts. entries: (key, value) in the order to be shown."""
        if job == self._job:
            self._job = None
        else:
            self._remember(job)
        pages, size, total = [{}], 0, 0
        for key, value in entries:
            bytes_ = len(key.encode()) + (len(value.encode()) if type(value) is str else 12) + 12
            total += bytes_
            if total > KEPT_BYTES:
                break
            if size + bytes_ > PART_BYTES or len(pages[-1]) == PART_ENTRIES:
                pages.append({})
                size = 0
            pages[-1][key] = value
            size += bytes_
        self._kept = [self._encode(job, i, len(pages), result, reason, page) for i, page in enumerate(pages)]
        self._kept_id = job
        self._publish(self._kept)

    # ---- what takes a while ----

    def _begin_test(self, job):
        parts = self._parts
        if self._job is not None:
            return self._refuse(job, "busy")
        self.last_test = None
        result, reason = parts.safety.self_test(parts.clock.now(), None)
        if result == "refused":
            return self._end(job, "refused", reason, [])
        self._is_test = True
        self._job_until = add(parts.clock.now(), TEST_MS)
        self._accept(job)

    def _begin_drive(self, job, args):
        parts, now, role = self._parts, self._parts.clock.now(), args["output"]
        reason = self._may_drive(role)
        if reason is not None:
            names = ", ".join(HARMLESS + ("sign",))
            return self._end(
                job, "refused", reason, [("allowed", names)] if reason in ("arguments", "output.motor") else []
            )
        if role == "sign":
            try:
                text = bytes.fromhex(args.get("text", "")) or b"LVZHA 8888"
            except ValueError:
                return self._end(job, "refused", "arguments", [("allowed", "text: hex of GBK bytes")])
            parts.sign.show(now, [[text.hex()]], None, args["seconds"], None)
        else:
            parts.drive.start(now, role, args["seconds"])
        parts.note("output.tested", {"output": role, "seconds": args["seconds"], "by": args["by"]})
        parts.log("output driven", role, "seconds=" + str(args["seconds"]), "by=" + args["by"])
        self._is_test = False
        self._job_until = add(now, args["seconds"] * 1000)
        self._accept(job)

    def _may_drive(self, role):
        safety = self._parts.safety
        is_maintenance = safety.barrier.mode == "maintenance"
        is_occupied = safety.lane.is_vehicle_present() or safety.lane.at_arm
        if role in MOTOR:
            return "output.motor"
        if role not in HARMLESS and role != "sign":
            return "arguments"
        if self._job is not None:
            return "busy"
        is_test_line = role[-5:] == "_test"
        if is_test_line and not is_maintenance:
            return "mode.needed"  # its sensor then reports presence
        if is_occupied and (is_test_line or (role == "sign" and not is_maintenance)):
            return "occupied"
        return None

    def _mind_job(self, now):
        job, parts = self._job, self._parts
        if not self._is_test:
            if parts.drive.was_cut:
                parts.drive.was_cut = False
                self._end(job, "failed", "moving", [])
            elif diff(now, self._job_until) >= 0:
                self._end(job, "done", None, [])
        elif self.last_test is not None:
            results = self.last_test
            is_good = all([result != "failed" for result in results.values()])
            entries = [(role, results[role]) for role in ROLES if role in results]
            self._end(job, "done" if is_good else "failed", None if is_good else "input.unhealthy", entries)
        elif not parts.safety.smash.is_testing() and diff(now, self._job_until) >= -TEST_MS + 1000:
            self._end(job, "failed", "not_clear", [])  # ended without a result: something stood in the way
        elif diff(now, self._job_until) >= 0:
            self._end(job, "failed", "restart", [])

    def _check_settings(self, job, changes):
        settings = self._parts.settings
        try:
            borrow.call("config", "merged", settings, changes, settings["config_version"])
        except contract.ContractError as e:
            self._end(job, "refused", "arguments", [("where", e.where), ("allowed", e.allowed[:400])])
        else:
            self._end(job, "done", None, [(key, _scalar(settings[key])) for key in sorted(changes)])

    # ---- the log ----

    def _log(self, args):
        log = self._parts.log
        if args.get("crash"):
            return [("crash " + str(i + 1), line[:200]) for i, line in enumerate(log.crash.split("\n")) if line][
                :LOG_LINES
            ]
        level = args.get("level", "info")
        first = args.get("from", 1)
        found = log.lines(first, level if level in LEVELS else "info", LOG_LINES)
        following = found[-1][0] + 1 if len(found) == LOG_LINES else log.count + 1
        entries = [("next", following), ("count", log.count), ("crash", bool(log.crash))]
        return entries + [(str(number), str(ms) + " " + lv + " " + text) for number, ms, lv, text in found]


# ---- what may be asked; each gives a list of (key, value) ----


def _place(board, role):
    """Terminal and path of a role on this board, as two words; "-" where the board does not say."""
    terminal = board.terminal(role) if hasattr(board, "terminal") else None
    path = board.path(role) if hasattr(board, "path") else None
    return (terminal or "-").replace(" ", "_") + " " + (path or "-").replace(" ", "_")


def _inputs(parts):
    inputs = parts.safety.inputs
    entries = []
    for i, role in enumerate(ROLES):
        if inputs.present[i]:
            health = (
                "failed" if inputs.failed[i] else "noisy" if inputs.noisy[i] else "ok" if inputs.is_ok(i) else "bad"
            )
            words = ("on" if inputs.on[i] else "off", health, str(inputs.edges[i]))
            words += ("steady" if inputs.level[i] == inputs.on[i] else "settling", _place(parts.board, role))
            entries.append((role, " ".join(words)))
    return entries


def _outputs(parts):
    """level, who set it, terminal and path: `on test Y03 i2c`; the sign: what it shows, its lines as hex of GBK bytes."""
    out, driven = parts.safety.out, parts.drive.level
    sign = parts.sign.showing + " " + "/".join([line.hex() for line in parts.sign.lines()])
    return [("sign", sign[:TEXT_CHARACTERS])] + [
        (
            role,
            ("on" if out[i] or driven[i] else "off")
            + (" test " if driven[i] else " lane ")
            + _place(parts.board, role),
        )
        for i, role in enumerate(OUTPUTS)
    ]


def _counters(parts):
    return [
        ("cycles", parts.cycles()),
        ("obstructions", parts.safety.barrier.obstructions),
        ("provable_gap_mm", parts.safety.gap_mm),
        ("journal", parts.journal.depth()),
        ("events_lost", parts.safety.ring.lost + parts.journal.lost),
        ("refused", parts.commands.refused),
        ("malformed", parts.malformed + parts.commands.malformed),
    ]


def _memory(parts):
    gc.collect()
    free = gc.mem_free() if hasattr(gc, "mem_free") else 0
    used = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    return [("free_bytes", free), ("used_bytes", used), ("reserve_bytes", parts.board.RESERVE_BYTES)]


def _versions(parts):
    return [
        ("firmware", parts.FIRMWARE),
        ("board", parts.board.NAME),
        ("contract", contract.VERSION),
        ("config", parts.settings["config_version"]),
        ("list", parts.roster.version),
        ("boot", parts.journal.boot),
        ("count", parts.journal.count),
    ]


def _faults(parts):
    return [(fault["component"], fault["code"] + " " + str(fault["since_ms"])) for fault in parts.faults()]


def _settings(parts):
    return [(key, _scalar(parts.settings.get(key))) for key in borrow.call("config", "names")]


def _scalar(value):
    """Lists as `a,b`, objects as `a=1,b=2`, cut where no part could take them."""
    if type(value) in (list, tuple):
        value = ",".join([str(item) for item in value])
    elif type(value) is dict:
        value = ",".join([str(key) + "=" + str(value[key]) for key in sorted(value)])
    return value[:TEXT_CHARACTERS] if type(value) is str else value


def _health(parts):
    now = parts.clock.now()
    entries = [("uptime_ms", parts.clock.ms()), ("mode", parts.safety.barrier.mode)]
    entries.append(("loop_max_us", parts.delays.max_us()))
    if parts.health is not None:
        entries.append(("late_steps", parts.health.late))
        for name, ago_ms, limit_ms in parts.health.beats(now):
            entries.append(("task " + name, "beat " + str(ago_ms) + " ms ago, limit " + str(limit_ms) + " ms"))
    return entries


def _journal(parts):
    journal = parts.journal
    return [
        ("boot", journal.boot),
        ("count", journal.count),
        ("unclean", journal.unclean),
        ("last_boot", journal.last_boot),
        ("last_seq", journal.last_seq),
        ("seq", parts.safety.ring.last_seq),
        ("waiting", journal.depth()),
        ("lost", journal.lost),
        ("ring_lost", parts.safety.ring.lost),
    ]


def _heads(parts):
    texts = parts.heads.texts
    return [("kept", len(texts))] + [("head " + str(i), text) for i, text in enumerate(texts)]


def _link(parts):
    link = parts.link
    if link is None:
        return []
    mqtt = link.mqtt
    return [
        ("is_up", link.is_up),
        ("connects", link.connects),
        ("sent", mqtt.sent),
        ("resent", mqtt.resent),
        ("in_flight", mqtt.in_flight()),
        ("oversized", mqtt.oversized),
        ("gateway", "silent" if parts.is_silent(parts.clock.now()) else "heard"),
    ]


QUESTIONS = {
    "inputs": _inputs,
    "outputs": _outputs,
    "counters": _counters,
    "memory": _memory,
    "versions": _versions,
    "faults": _faults,
    "settings": _settings,
    "health": _health,
    "journal": _journal,
    "heads": _heads,
    "link": _link,
}
