"""QR codes in photographs of papers (zxing-cpp), as a phone or a desk camera takes them: services.papers_port.CodeReader.

The picture as it is comes first; then the preparations that help what a phone does to a creased sheet in a cab, cheapest
first, until one is read. Measured by `lvzha bench qr`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import zxingcpp

from gateway.adapters.papers.unbend import unbent

MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
LONG_SIDE_PX = 1600  # a code of 40 mm on a sheet that fills the picture still has 4 pixels a module
LEAST_CHARS = 12  # a list's code carries a VIN or a number of 20 and more; what creases feign is shorter
UNBENT_AT_MOST = 6  # tries per picture
FAINT_PLACE, FAINTEST = (
    np.ones((5, 5), np.uint8),
    10.0,
)  # a few modules at a quarter of the size; grey levels between ink and paper
LEAN = 1.6  # longest side of a code in the picture against its shortest
BUDGET_S = 5.0  # for one picture; what is not read by then is photographed again
Grey = np.ndarray  # uint8 (h, w)
Corners = np.ndarray  # float32 (4, 2): top left, top right, bottom right, bottom left


class QrReader:
    def codes_in(self, picture: bytes) -> list[str]:
        """Texts of all QR codes, in the order found. Raises ValueError for what is no picture."""
        return texts_in(decoded(picture))


def decoded(picture: bytes) -> Grey:
    """The picture in grey. Raises ValueError."""
    if len(picture) > MAX_BYTES:
        raise ValueError(f"{len(picture)} bytes, at most {MAX_BYTES}")
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE) if picture else None
    if image is None or image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise ValueError("no JPEG or PNG, or too large")
    return image


def texts_in(grey: Grey) -> list[str]:
    until_s = time.monotonic() + BUDGET_S
    tries = 0
    for prepare in _preparations(grey):
        if time.monotonic() > until_s:
            break
        prepared = prepare()
        texts, unread = _read(prepared)
        if texts:
            return texts
        for corners in unread if tries < UNBENT_AT_MOST else ():
            tries += 1
            for flat in unbent(prepared, corners):
                if texts := _read(flat)[0]:
                    return texts
    return []


def _read(grey: Grey) -> tuple[list[str], list[Corners]]:
    """Texts of the codes, and the corners of the two largest that could not be read and have the shape of a code."""
    found = zxingcpp.read_barcodes(
        np.ascontiguousarray(grey),
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]),
        try_invert=False,
        return_errors=True,
    )
    texts = list(dict.fromkeys(code.text for code in found if code.valid and len(code.text) >= LEAST_CHARS))
    corners = [np.array([[p.x, p.y] for p in (c.position.top_left, c.position.top_right, c.position.bottom_right, c.position.bottom_left)],
                        np.float32) for c in found if not c.valid]  # fmt: skip
    return texts, sorted(filter(_is_squarish, corners), key=lambda c: -cv2.contourArea(c))[:2]


def _is_squarish(corners: Corners) -> bool:
    """As a code on a sheet is seen from any sensible angle; not three finders of which one is a line of the form."""
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    return bool(sides.max() <= LEAN * sides.min())


def _preparations(grey: Grey) -> Iterator[Callable[[], Grey]]:
    fitted = _scaled(grey, min(1.0, LONG_SIDE_PX / max(grey.shape)))
    yield lambda: fitted
    yield lambda: _even(fitted)
    yield lambda: _scaled(fitted, 0.6)
    yield lambda: _levelled(fitted)
    yield lambda: cv2.medianBlur(fitted, 3)
    yield lambda: cv2.medianBlur(_even(fitted), 5)
    yield lambda: _sharp(_scaled(fitted, 1.5), 3)
    yield lambda: _sharp(_even(cv2.medianBlur(fitted, 3)), 5)
    for block in (31, 61, 111):
        yield lambda block=block: _threshold(fitted, block)
    yield lambda: _scaled(_even(fitted), 0.6)
    yield lambda: _scaled(fitted, 0.4)
    yield lambda: _sharp(_scaled(_even(fitted), 2.0), 4)
    if max(grey.shape) > LONG_SIDE_PX:
        yield lambda: grey
        yield lambda: _even(grey)


def _scaled(grey: Grey, factor: float) -> Grey:
    if factor == 1.0:
        return grey
    return cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def _even(grey: Grey) -> Grey:
    """Light evened out over the sheet: shadow, glare, a dark cab."""
    small = _scaled(grey, 0.25)
    light = cv2.GaussianBlur(cv2.dilate(small, np.ones((9, 9), np.uint8)), (0, 0), 12)
    light = cv2.resize(light, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    return cv2.divide(grey, np.maximum(light, 8), scale=235)


def _levelled(grey: Grey) -> Grey:
    """What is faint under glare made as strong as the rest: every place between its darkest and its lightest."""
    soft = cv2.GaussianBlur(grey, (0, 0), 1.0)
    small = _scaled(soft, 0.25)
    low, high = cv2.erode(small, FAINT_PLACE), cv2.dilate(small, FAINT_PLACE)
    low, high = (
        cv2.resize(cv2.blur(part, (9, 9)), (grey.shape[1], grey.shape[0])).astype(np.float32) for part in (low, high)
    )
    return np.clip((soft - low) * (255 / np.maximum(high - low, FAINTEST)), 0, 255).astype(np.uint8)


def _sharp(grey: Grey, sigma: float) -> Grey:
    return cv2.addWeighted(grey, 2.5, cv2.GaussianBlur(grey, (0, 0), sigma), -1.5, 0)


def _threshold(grey: Grey, block: int) -> Grey:
    smooth = cv2.GaussianBlur(grey, (0, 0), 1)
    return cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, block, 6)
