"""Rendered truck-gate scenes and their clips: the same each time, large enough, readable where they must be."""

import json

import cv2
import numpy as np
import pytest

from models.train.plates import render_plate
from tools.simulator.clips import load_index, prepare
from tools.simulator.scenes.film import Film
from tools.simulator.scenes.looks import BODIES, FPS, PHASES, CameraLook, TruckLook

HEAD, BODY = CameraLook("C01-H", "head"), CameraLook("C01-B", "body")
PLATES = {"tractor": ("晋B12345", "yellow_single"), "rigid": ("晋B12345D", "green_large"), "van": ("晋BD12345", "green_small"),
          "car": ("晋B8K3E1", "blue")}  # fmt: skip
SEED = 7


def look(body: str = "tractor", **changes) -> TruckLook:
    return TruckLook(f"t-{body}", *PLATES[body], body, **changes)


@pytest.fixture(scope="module")
def films():
    return {camera.view: Film(camera, SEED) for camera in (HEAD, BODY)}


def waiting(film: Film, truck: TruckLook) -> np.ndarray:
    return next(film.shoot(truck)["wait"])


def likeness(film: Film, truck: TruckLook) -> float:
    """Correlation (-1 to 1) of the plate cut from the picture with the same plate drawn flat."""
    flat = render_plate(truck.plate, truck.kind, rng=np.random.default_rng(0), height_px=70)
    height, width = flat.shape[:2]
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    mapping = cv2.getPerspectiveTransform(np.float32(film.plate_px(truck)), corners)
    cut = cv2.warpPerspective(waiting(film, truck), mapping, (width, height), flags=cv2.INTER_LINEAR)
    inner = (slice(8, -8), slice(8, -8))
    one, other = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[inner].astype(float).ravel() for image in (cut, flat))
    return float(np.corrcoef(one, other)[0, 1])


@pytest.mark.parametrize("body", BODIES)
def test_waiting_plate_has_a_readable_size_and_lies_in_the_picture(films, body):
    for view, least, most in (("head", 130, 230), ("body", 90, 160)):
        corners = films[view].plate_px(look(body))
        width = np.linalg.norm(corners[1] - corners[0])
        assert least <= width <= most, (view, width)
        assert corners.min() > 0 and (corners < (1280, 720)).all()


@pytest.mark.parametrize(("body", "light"), [("tractor", "night"), ("rigid", "day"), ("van", "dusk"), ("car", "night")])
def test_waiting_plate_is_legible_and_not_covered_by_the_arm(films, body, light):
    for view in ("head", "body"):
        assert likeness(films[view], look(body, light=light)) > 0.75, view


def test_unreadable_plate_has_nothing_of_its_text(films):
    assert likeness(films["head"], look(unreadable=True)) < 0.3
    assert likeness(films["body"], look(unreadable=True)) < 0.3


def test_same_seed_gives_the_same_picture_whatever_was_filmed_before(films):
    films["head"].shoot(look("car"))
    again = Film(HEAD, SEED)
    for phase in ("approach", "leave"):
        one, other = (next(film.shoot(look())[phase]) for film in (films["head"], again))
        assert one.shape == (720, 1280, 3) and one.dtype == np.uint8
        assert np.array_equal(one, other)
    assert not np.array_equal(waiting(again, look()), waiting(Film(HEAD, SEED + 1), look()))


def test_vehicle_drives_up_waits_with_slight_changes_and_backs_out_the_way_it_came(films):
    phases = films["head"].shoot(look("car"))
    approach, wait = list(phases["approach"]), list(phases["wait"])
    reverse = list(phases["reverse"])
    empty = next(films["head"].shoot_empty("day"))

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        return float(cv2.absdiff(one, other).mean())

    assert 1.5 * FPS <= len(approach) <= 2.5 * FPS and 2 * FPS <= len(wait) <= 4 * FPS
    assert 0.2 < apart(wait[0], wait[1]) < 6
    assert apart(wait[0], empty) > 4 * apart(wait[0], approach[-1])
    assert apart(approach[0], reverse[-1]) < 4 < apart(approach[0], approach[-1])


def test_vehicle_is_gone_at_the_end_of_leave(films):
    *_, last = films["head"].shoot(look("car"))["leave"]
    empty = next(films["head"].shoot_empty("day"))
    assert cv2.absdiff(last, empty).mean() < 4


def test_night_is_dark_and_headlamps_shine(films):
    day, night = (waiting(films["body"], look(light=light)) for light in ("day", "night"))
    assert night.mean() < 0.6 * day.mean()
    assert np.percentile(night, 99.9) > 200


def test_looks_refuse_what_cannot_be_filmed():
    with pytest.raises(ValueError, match="tractor, rigid, van, car"):
        TruckLook("t1", "晋B12345", "yellow_single", "bicycle")
    with pytest.raises(ValueError, match="day, dusk, night"):
        TruckLook("t1", "晋B12345", "yellow_single", light="noon")
    with pytest.raises(ValueError, match="letters, digits"):
        TruckLook("../t1", "晋B12345", "yellow_single")
    with pytest.raises(ValueError, match="head, body"):
        CameraLook("C01-H", "roof")


def test_clips_are_rendered_once_and_every_phase_can_be_entered(tmp_path):
    calls: list[tuple[int, int, str]] = []
    cast = [look("car", light="night")]
    index = prepare(cast, [HEAD], SEED, tmp_path, lambda *call: calls.append(call))
    assert calls == [(0, 2, "C01-H empty night"), (1, 2, "C01-H t-car"), (2, 2, "")]
    clips = load_index(index.folder).load("C01-H")
    assert set(clips) == {"empty-night", "t-car"}
    assert tuple(clips["t-car"].phases) == PHASES
    for units in [*clips["t-car"].phases.values(), *clips["empty-night"].phases.values()]:
        keys = [i for i, unit in enumerate(units) if unit.is_key]
        assert keys[0] == 0 and max(np.diff([*keys, len(units)])) <= FPS
    size_bits = 8 * sum(len(unit.data) for units in clips["t-car"].phases.values() for unit in units)
    seconds = sum(len(units) for units in clips["t-car"].phases.values()) / FPS
    assert 1.0e6 < size_bits / seconds < 3.2e6

    calls.clear()
    assert prepare(cast, [HEAD], SEED, tmp_path, lambda *call: calls.append(call)) == index
    assert calls == [(0, 0, "")]
    with pytest.raises(ValueError, match="truck names must differ"):
        prepare([*cast, *cast], [HEAD], SEED, tmp_path)
    assert json.loads((index.folder / "index.json").read_text())["lights"] == {"t-car": "night"}
