"""What really is in the lane: arm, bodies, sensors, wires. The truth against which the firmware is judged.

Positions are metres along the direction of travel with the arm at 0, times are microseconds of the virtual clock. Nothing is
stepped: bodies and the arm move on straight lines between changes, so a sensor's edge is found to the 50 microseconds.
"""

from geometry import ARM, BEAM_M, LOOP_OFF_M, LOOP_ON_M, LOOPS, RADAR

EDGE_US = 50
LIMIT = 0.005  # of the travel: the limit contact closes this far before the end

ROLES = ("loop_arrival", "loop_under_arm", "loop_exit", "beam", "radar", "curtain")
BITS = {role: 1 << i for i, role in enumerate(ROLES)}
BITS["edge"] = 1 << len(ROLES)
ON_A_LOOP = sum([BITS[role] for role, _ in LOOPS])
PRESENCE = ("loop_under_arm", "beam", "edge", "radar", "curtain")


class Body:
    """A vehicle, a cyclist or a person. parts: (from, to, is metal, breaks the beam) behind the front, in metres."""

    def __init__(self, kind, parts, front_m, at_us, speed=0.0, contact=0.4):
        """speed: m/s, negative backwards. contact: arm position, 0 closed to 1 open, below which the arm touches it."""
        self.kind = kind
        self.parts = parts
        self.length_m = parts[-1][1]
        self.contact = contact
        self._front_m = front_m
        self._at_us = at_us
        self.speed = speed
        self.first_m = front_m

    def front_m(self, us):
        return self._front_m + self.speed * (us - self._at_us) / 1000000

    def go(self, us, speed):
        self._front_m = self.front_m(us)
        self._at_us = us
        self.speed = speed

    def stop_at(self, us, front_m):
        self._front_m = front_m
        self._at_us = us
        self.speed = 0.0

    def covers(self, us, low, high):
        front = self.front_m(us)
        return front > low and front - self.length_m < high


class Road:
    def __init__(self, present, travel_us, is_contact, position, output_us):
        """present: input roles this lane has. travel_us: closed to open. output_us: from an output's change to the motor's."""
        self.present = present
        self.presence = 0
        for role in PRESENCE:
            if role in present:
                self.presence |= BITS[role]
        self.bodies = []
        self.position = position
        self.travel_us = travel_us
        self.is_contact = is_contact
        self.output_us = output_us
        self.motion = 0  # 1 up, -1 down: what the motor does
        self.outputs = {}
        self.tests = {}  # input role -> its test output is on
        self.held = {}  # input role -> level that a wire, a finger or a fault gives it
        self.broken = set()  # of these, the ones that tell a lie because they are broken
        self.mask = 0  # sensors as they are delivered
        self.edge_us = None  # when presence last went from clear to blocked
        self.occupied_us = None  # since when somebody is under the arm or in the beam; None: nobody
        self.oracle = None
        self.is_interrupt = False  # the presence of now began with an edge that an interrupt sees
        self.on_edge = None  # called with (us, bits) when presence begins under a closing arm: what an interrupt sees
        self._plan = []  # (us, function), soonest first
        self._due = []  # (us, role, level): outputs on their way to the motor
        self._us = 0
        self._is_pressed = False
        self._levels = {}  # outputs as they reach the motor

    # ---- the script ----

    def at(self, us, do):
        """Call do(us) when that moment comes."""
        i = len(self._plan)
        while i and self._plan[i - 1][0] > us:
            i -= 1
        self._plan.insert(i, (us, do))

    def hold(self, role, level, is_broken=False):
        self.held[role] = level
        if is_broken:
            self.broken.add(role)

    def let_go(self, role):
        self.held.pop(role, None)
        self.broken.discard(role)

    def next_plan_us(self):
        return self._plan[0][0] if self._plan else None

    # ---- time ----

    def begin(self, us):
        self._us = us
        self.mask = self._raw(us)
        self.occupied_us = us if self._is_occupied(us) else None

    def advance(self, us):
        """Everything that happens until `us`."""
        while True:
            plan = self._plan[0][0] if self._plan else us + 1
            due = self._due[0][0] if self._due else us + 1
            edge = self._first_edge(min(us, plan, due))
            if edge is not None:
                self._move(edge)
                self.on_edge(edge, self.mask & self.presence)
                continue
            if plan > us and due > us:
                break
            if due <= plan:
                self._move(max(due, self._us))
                _, role, level = self._due.pop(0)
                self._drive(due, role, level)
            else:
                self._move(max(plan, self._us))
                self._plan.pop(0)[1](plan)
                self._look(max(plan, self._us))
        self._move(us)

    def _is_closing(self):
        return self.motion < 0 or self.outputs.get("close")

    def _first_edge(self, us):
        """When presence begins before `us` under a closing arm; None: not, or nobody asks."""
        if self.on_edge is None or not self._is_closing() or us <= self._us or self.mask & self.presence:
            return None
        last = self._press_at(us)
        if self._raw(last) & self.presence:
            return self._since(self._us, last, lambda t: self._raw(t) & self.presence)
        return last if last < us else None

    def _press_at(self, us):
        """When the closing arm first touches somebody, the pressure edge's moment; `us` if not before."""
        if self.motion < 0:
            for body in self.bodies:
                at = self._us + int((self.position - body.contact) * self.travel_us) + EDGE_US
                if self._us < at < us and body.covers(at, ARM[0], ARM[1]):
                    us = at
        return us

    def _move(self, us):
        passed = us - self._us
        if passed <= 0:
            return
        before = self._us
        self._us = us
        if self.motion:
            self._turn(passed)
        self._look_between(before, us)
        self.oracle.see(us)

    def _turn(self, passed_us):
        position = self.position + self.motion * passed_us / self.travel_us
        self._is_pressed = False
        if self.motion < 0:
            for body in self.bodies:
                if body.contact > position and body.covers(self._us, ARM[0], ARM[1]):
                    position = min(self.position, body.contact)
                    self._is_pressed = True
        self.position = 0.0 if position < 0.0 else 1.0 if position > 1.0 else position
        if self.is_contact and self.position in (0.0, 1.0):
            self._set_motion(self._us, 0, True)  # the drive's own limit

    # ---- outputs ----

    def write(self, us, role, level):
        """The board changes an output."""
        if role[-5:] == "_test":
            self.tests["loop_under_arm" if role == "loop_test" else role[:-5]] = level
        elif role in ("open", "close", "stop"):
            due = us + self.output_us
            if self._due and self._due[-1][0] > due:
                due = self._due[-1][0]
            self._due.append((due, role, level))
        self.outputs[role] = level

    def drop_outputs(self, us):
        """The board has no supply: its outputs are off at once."""
        for role in self.outputs:
            self.outputs[role] = 0
        for role in self.tests:
            self.tests[role] = 0
        self._due = []
        for role in ("open", "close", "stop"):
            self._drive(us, role, 0)

    def _drive(self, us, role, level):
        levels = self._levels
        if levels.get(role, 0) == level:
            return
        levels[role] = level
        is_open, is_close = levels.get("open", 0), levels.get("close", 0)
        self.oracle.commanded(us, is_open, is_close)
        if not self.is_contact:
            self._set_motion(us, is_open - is_close, False)
        elif level:
            if role == "stop":
                self._set_motion(us, 0, False)
            elif not (is_open and is_close):
                self._set_motion(us, 1 if role == "open" else -1, False)

    def _set_motion(self, us, motion, is_by_limit):
        if motion != self.motion:
            before = self.motion
            self.motion = motion
            self.oracle.moved(us, before, motion, is_by_limit)

    # ---- sensors ----

    def _raw(self, us):
        """Bits of what the sensors see at this moment, faults and test lines included."""
        mask = 0
        for body in self.bodies:
            front = body.front_m(us)
            if front < -20.0 or front - body.length_m > 20.0:
                continue
            if front > RADAR[0] and front - body.length_m < RADAR[1]:
                mask |= BITS["radar"]
            if front > BEAM_M and front - body.length_m < BEAM_M:
                mask |= BITS["curtain"]
                for low, high, _metal, breaks in body.parts:
                    if breaks and front - low > BEAM_M and front - high < BEAM_M:
                        mask |= BITS["beam"]
        for role, (low, high) in LOOPS:
            metal = 0.0
            for body in self.bodies:
                front = body.front_m(us)
                for start, end, is_metal, _breaks in body.parts:
                    if is_metal:
                        top, bottom = front - start, front - end
                        top = high if top > high else top
                        bottom = low if bottom < low else bottom
                        if top > bottom:
                            metal += top - bottom
            if metal >= (LOOP_OFF_M if self.mask & BITS[role] else LOOP_ON_M):
                mask |= BITS[role]
        if self._is_pressed:
            mask |= BITS["edge"]
        for role in self.tests:
            if self.tests[role]:
                mask |= BITS[role]
        for role in self.held:
            bit = BITS.get(role)
            if bit:
                mask = mask | bit if self.held[role] else mask & ~bit
        return mask

    def _is_occupied(self, us):
        for body in self.bodies:
            if body.covers(us, ARM[0], BEAM_M):
                return True
        return False

    def _look_between(self, before_us, us):
        was = self.mask
        now = self._raw(us)
        if now & ~was & self.presence and not was & self.presence:
            is_press = now & ~was & self.presence == BITS["edge"]
            self.edge_us = us if is_press else self._since(before_us, us, lambda t: self._raw(t) & self.presence)
        is_occupied = self._is_occupied(us)
        if not is_occupied:
            self.occupied_us = None
        elif self.occupied_us is None:
            self.occupied_us = self._since(before_us, us, self._is_occupied)
        self.mask = now

    def _look(self, us):
        """After something changed at this very moment."""
        now = self._raw(us)
        is_edge = now & ~self.mask & self.presence and not self.mask & self.presence
        if is_edge:
            self.edge_us = us
        if not self._is_occupied(us):
            self.occupied_us = None
        elif self.occupied_us is None:
            self.occupied_us = us
        self.mask = now
        if is_edge and self._is_closing() and self.on_edge is not None:
            self.on_edge(us, now & self.presence)

    def _since(self, low, high, is_true):
        """The first moment in (low, high] at which it is true; it is not at `low`, it is at `high`."""
        while high - low > EDGE_US:
            middle = (low + high) // 2
            if is_true(middle):
                high = middle
            else:
                low = middle
        return high

    def is_blocked(self):
        """Some sensor of this lane tells of a presence; a test line does not count."""
        mask = self.mask & self.presence
        for role in self.tests:
            if self.tests[role]:
                mask &= ~BITS[role]
        return mask != 0

    def levels(self, into):
        """Fill role -> level of every input that the board could read now."""
        mask = self.mask
        for role in BITS:
            into[role] = 1 if mask & BITS[role] else 0
        into["limit_open"] = 1 if self.position >= 1.0 - LIMIT else 0
        into["limit_closed"] = 1 if self.position <= LIMIT else 0
        for role in OTHERS:
            into[role] = 0
        held = self.held
        for role in held:
            into[role] = held[role]


OTHERS = (
    "button_raise",
    "button_lower",
    "button_stop",
    "hold_to_run",
    "fire",
    "cabinet",
    "arm_detached",
    "power_fail",
    "alarm_sense",
)
