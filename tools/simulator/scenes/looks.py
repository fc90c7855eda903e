"""What a clip shows: one vehicle (`TruckLook`) through one camera (`CameraLook`)."""

from __future__ import annotations

from dataclasses import dataclass

BODIES = ("tractor", "rigid", "van", "car")
LIGHTS = ("day", "dusk", "night")
VIEWS = ("head", "body")
DIRECTIONS = ("in", "out")

PHASES = ("approach", "wait", "leave", "reverse")
"""Phases of a vehicle clip. `wait` and the clip of the empty lane are loops; the others run once."""

FPS = 10
WIDTH_PX, HEIGHT_PX = 1280, 720


def _one_of(owner: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{owner}: {name} is {value!r}; allowed: {', '.join(allowed)}")


@dataclass(frozen=True)
class TruckLook:
    """One vehicle of the cast.

    id: names the clip; letters, digits, '-' and '_'. plate, kind: as models.train.plates.render_plate takes them.
    unreadable: the plate is caked with mud, no person could read it. Raises ValueError for a value not listed above.
    """

    id: str
    plate: str
    kind: str
    body: str = "tractor"
    unreadable: bool = False
    light: str = "day"

    def __post_init__(self) -> None:
        if not self.id or self.id == "empty" or not all(c.isalnum() or c in "-_" for c in self.id):
            raise ValueError(f"truck id is {self.id!r}; allowed: letters, digits, '-' and '_', but not 'empty'")
        _one_of(f"truck {self.id}", "body", self.body, BODIES)
        _one_of(f"truck {self.id}", "light", self.light, LIGHTS)


@dataclass(frozen=True)
class CameraLook:
    """One camera of the site.

    code: as in the site's configuration, for example C01-H; names the folder of its clips. view: head (front of the
    vehicle, plate large) or body (three-quarter view of the whole vehicle). direction: of the lane it watches.
    Raises ValueError for a value not listed above.
    """

    code: str
    view: str
    direction: str = "in"

    def __post_init__(self) -> None:
        if not self.code or not all(c.isalnum() or c in "-_" for c in self.code):
            raise ValueError(f"camera code is {self.code!r}; allowed: letters, digits, '-' and '_'")
        _one_of(f"camera {self.code}", "view", self.view, VIEWS)
        _one_of(f"camera {self.code}", "direction", self.direction, DIRECTIONS)
