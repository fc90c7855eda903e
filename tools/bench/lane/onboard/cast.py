"""Who comes: bodies, drivers and people of a sequence. Speeds in m/s, lengths in metres."""

import random

KMH = 1 / 3.6
STOP_M = (-1.0, -0.6)  # where a driver waits, front bumper
OPEN = 0.9  # a driver starts at this position of the arm
BLOCKING = 0.85  # and brakes before an arm below it
GONE_M = 9.0

RIGID = 0.8
CAR = 0.37
PERSON = 0.5


def between(low, high):
    return low + (high - low) * random.random()


def speed():
    """Of a vehicle through a gate, m/s."""
    return between(2.0, 25.0) * KMH


def rigid():
    return ((0.0, between(5.0, 12.0), True, True),), RIGID


def car():
    return ((0.0, between(4.2, 5.2), True, True),), CAR


def rig(gap):
    """A tractor or lorry, a gap that neither loop nor beam sees, a trailer."""
    first = between(4.5, 9.0)
    return ((0.0, first, True, True), (first, first + gap, False, False),
            (first + gap, first + gap + between(6.0, 10.5), True, True)), RIGID  # fmt: skip


def semi(gap):
    """The gap of a semi-trailer: metal above the loop, nothing at the beam's height."""
    first = between(4.5, 6.0)
    return ((0.0, first, True, True), (first, first + gap, True, False),
            (first + gap, first + gap + between(8.0, 11.0), True, True)), RIGID  # fmt: skip


def lowbed():
    """A low-bed: a long deck that passes above the beam, metal over the loops."""
    return ((0.0, 5.5, True, True), (5.5, 5.5 + between(6.0, 9.0), True, False), (14.5, 16.5, True, True)), RIGID


def person():
    return ((0.0, 0.5, False, True),), PERSON


def cyclist():
    return ((0.0, 1.8, False, True),), PERSON


class Driver:
    """Drives a body up to the arm, waits, and goes through when it is open. goes: "forward", "back_before", "back_in"."""

    def __init__(self, road, body, speed, goes="forward", follows=None):
        """follows: another driver whose start this one takes for its own (a tailgater, a follow-on car)."""
        self.road = road
        self.body = body
        self.speed = speed
        self.goes = goes
        self.follows = follows
        self.stop_m = between(STOP_M[0], STOP_M[1])
        self.state = "come"
        self.crossed = None  # "forward" or "backward", once wholly through
        self._back_at_m = between(1.2, 3.5)

    def react(self, us):
        body, road = self.body, self.road
        front = body.front_m(us)
        if self.state == "come":
            if self.follows is not None:
                if self.follows.state == "go":
                    body.go(us, self.speed)
                    self.state = "go"
                elif self.follows.state == "wait" and body.speed:
                    body.go(us, 0.0)
            elif front >= self.stop_m:
                body.stop_at(us, self.stop_m)
                self.state = "wait"
        elif self.state == "wait":
            if self.goes == "back_before":
                return
            if road.position > OPEN and road.motion >= 0:
                body.go(us, self.speed)
                self.state = "go"
        elif self.state == "go":
            if self.goes == "back_in" and front > self._back_at_m:
                body.go(us, -self.speed)
                self.state = "back"
            elif -0.3 > front > -3.0 and road.position < BLOCKING:
                body.go(us, 0.0)
                self.state = "wait"
            elif front - body.length_m > GONE_M:
                self.crossed = "forward"
                self._leave()
        elif self.state == "back" and front < -14.0:
            self._leave()

    def reverse(self, us):
        """A waiting driver goes away backwards."""
        if self.state == "wait":
            self.body.go(us, -self.speed)
            self.state = "back"

    def _leave(self):
        self.state = "gone"
        if self.body in self.road.bodies:
            self.road.bodies.remove(self.body)


class Wanderer:
    """Crosses the lane's line from one side to the other, whatever the arm does; may stand under it for a while."""

    def __init__(self, road, body, speed, stands_us=0, stands_at_m=0.35):
        self.road = road
        self.body = body
        self.speed = speed
        self.crossed = None
        self.state = "go"
        self._stands_us = stands_us
        self._stands_at_m = stands_at_m
        self._until_us = None

    def react(self, us):
        body = self.body
        front = body.front_m(us)
        if self._until_us is not None:
            if us >= self._until_us:
                self._until_us = None
                body.go(us, self.speed)
        elif self._stands_us and abs(front - self._stands_at_m) < 0.3:
            body.go(us, 0.0)
            self._until_us = us + self._stands_us
            self._stands_us = 0
        elif (self.speed > 0 and front - body.length_m > 7.0) or (self.speed < 0 and front < -6.0):
            self.crossed = "forward" if self.speed > 0 else "backward"
            self.state = "gone"
            if body in self.road.bodies:
                self.road.bodies.remove(body)
