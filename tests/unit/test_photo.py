"""Photographs as evidence: overlay, size, and a plate that stays free."""

import cv2
import numpy as np
import pytest

from gateway.adapters.cameras import photo

LINES = ["车牌 晋B12345", "时间 2025-11-25 00:00:00.123", "出入口 1  道闸 01"]


def picture(width_px: int = 1280, height_px: int = 720) -> np.ndarray:
    ramp = np.linspace(40, 200, width_px, dtype=np.uint8)
    return np.repeat(np.repeat(ramp[None, :, None], height_px, 0), 3, 2)


def decode(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def corners(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.abs(before.astype(int) - after[: before.shape[0]].astype(int)).max(axis=2) > 40


def test_overlay_is_burned_in_with_ink_on_dark_ground():
    image = picture()
    strip = decode(photo.evidence_jpeg(image, lines=LINES))[:80, :200]
    assert strip.max() > 230
    assert np.median(strip) < 60


@pytest.mark.parametrize(
    "where",
    [(10, 10, 200, 70), (1000, 5, 1270, 90), (5, 640, 260, 715), (900, 600, 1275, 715), (560, 400, 740, 460)],
)
def test_overlay_leaves_the_plate_free_wherever_it_is(where):
    left, top, right, bottom = where
    image = picture()
    after = decode(photo.evidence_jpeg(image, lines=LINES, plate_corners=corners(*where)))
    assert after.shape == image.shape
    assert changed(image, after).any()
    assert not changed(image, after)[top:bottom, left:right].any()


def test_overlay_goes_under_the_picture_when_the_plate_fills_it():
    image = picture()
    after = decode(photo.evidence_jpeg(image, lines=LINES, plate_corners=corners(0, 0, 1280, 720)))
    assert after.shape[0] > image.shape[0]
    assert not changed(image, after).any()


def test_hardest_picture_stays_under_the_size_limit():
    noise = np.random.default_rng(1).integers(0, 256, (1440, 2560, 3), dtype=np.uint8)
    jpeg = photo.evidence_jpeg(noise, lines=LINES)
    height, width = decode(jpeg).shape[:2]
    assert len(jpeg) <= 300 * 1024
    assert (width, height) >= (1280, 720)


def test_small_picture_is_enlarged_together_with_its_plate():
    image = picture(640, 360)
    where = corners(5, 5, 100, 40)
    after = decode(photo.evidence_jpeg(image, lines=LINES, plate_corners=where))
    assert after.shape[:2] == (720, 1280)
    assert not changed(cv2.resize(image, (1280, 720)), after)[10:80, 10:200].any()


def test_picture_given_is_not_changed():
    image = picture()
    before = image.copy()
    photo.evidence_jpeg(image, lines=LINES)
    assert np.array_equal(image, before)


def test_wrong_array_and_wrong_quality_are_refused():
    with pytest.raises(ValueError, match=r"must be uint8 \(h, w, 3\)"):
        photo.evidence_jpeg(np.zeros((720, 1280), np.uint8), lines=LINES)
    with pytest.raises(ValueError, match="allowed 45-95"):
        photo.evidence_jpeg(picture(), lines=LINES, quality=10)


def test_missing_font_is_named_with_its_remedy(monkeypatch):
    photo.cjk_font.cache_clear()
    monkeypatch.setattr(photo, "FONT_FAMILIES", ("No Such Family",))
    try:
        with pytest.raises(photo.FontMissing, match="fonts-wqy-zenhei"):
            photo.cjk_font()
    finally:
        photo.cjk_font.cache_clear()
