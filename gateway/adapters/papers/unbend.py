"""Flattens a QR code on creased paper: its own grid of modules tells how far each part of it has moved.

The edges between modules lie on a lattice. Seen through a window of a few modules, the phase of the lattice's frequency is
the local displacement, modulo one module; it changes slowly, so it is followed from the corners, where it is known, along
where the lattice is strongest. A wide window first: what it leaves is less than half a module, and needs no following.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import cv2
import numpy as np

SIDE = 720
WINDOWS = ((2.2, 1.3, 1.0), (1.3, 1.0))  # sigma in modules: ways to try, each step on what the one before has flattened
QUIET_MODULES = 4
COARSE = 4  # the window is far wider than this many pixels
DIMENSIONS = tuple(range(25, 78, 4))  # modules across, versions 2 to 15


def unbent(grey: np.ndarray, corners: np.ndarray) -> Iterator[np.ndarray]:
    """The code flattened, each time a little more. corners: of the code in the picture, clockwise."""
    square = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float32)
    flat = cv2.warpPerspective(grey, cv2.getPerspectiveTransform(corners, square), (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    edges = _edges(flat)
    strength = {d: sum(float(np.abs(_lattice(e, SIDE / d, 2.0)).mean()) for e in edges) for d in DIMENSIONS}
    step = SIDE / max(DIMENSIONS, key=lambda d: strength[d])
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    for windows in WINDOWS:
        bent = flat
        for i, window in enumerate(windows):
            dx, dy = (_shift(_lattice(e, step, window), step, is_small=i > 0) for e in _edges(bent))
            bent = cv2.remap(bent, xx + dx, yy + dy.T, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            if i:
                quiet = round(QUIET_MODULES * step)
                white = (int(np.percentile(bent, 95)),)
                yield cv2.copyMakeBorder(bent, quiet, quiet, quiet, quiet, cv2.BORDER_CONSTANT, value=white)


def _edges(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strength of edges across x, and across y with the picture turned over so that x is what y was."""
    soft = cv2.GaussianBlur(flat, (0, 0), 2).astype(np.float32)
    return np.abs(cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)), np.abs(cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)).T


def _lattice(edges: np.ndarray, step: float, window: float) -> np.ndarray:
    """Complex strength and phase of a lattice of this step along x, at every module. window: its sigma in modules."""
    turn = np.exp(-2j * np.pi * np.arange(SIDE) / step)
    parts = []
    for part in (turn.real, turn.imag):
        coarse = cv2.resize(
            (edges * part).astype(np.float32), None, fx=1 / COARSE, fy=1 / COARSE, interpolation=cv2.INTER_AREA
        )
        parts.append(cv2.GaussianBlur(coarse, (0, 0), window * step / COARSE))
    at = ((np.arange(round(SIDE / step)) + 0.5) * step / COARSE).astype(int)
    return (parts[0] + 1j * parts[1])[np.ix_(at, at)]


def _shift(wave: np.ndarray, step: float, *, is_small: bool) -> np.ndarray:
    """Displacement along x in pixels, float32 (SIDE, SIDE). is_small: less than half a module everywhere."""
    phase = np.angle(wave) if is_small else _followed(np.angle(wave), np.abs(wave))
    if not is_small:
        at_corners = np.mean([phase[i, j] for i in (0, -1) for j in (0, -1)])
        phase = phase - 2 * np.pi * np.round(at_corners / (2 * np.pi))
    return cv2.resize((-phase * step / (2 * np.pi)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def _followed(phase: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """The phase without jumps: from the upper left corner on, always next where the lattice is strongest."""
    rows, columns = phase.shape
    found = np.full(phase.shape, np.nan)
    found[0, 0] = phase[0, 0]
    edge = [(-strength[0, 0], 0, 0)]
    while edge:
        _, i, j = heapq.heappop(edge)
        for y, x in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if 0 <= y < rows and 0 <= x < columns and np.isnan(found[y, x]):
                turns = np.round((found[i, j] - phase[y, x]) / (2 * np.pi))
                found[y, x] = phase[y, x] + 2 * np.pi * turns
                heapq.heappush(edge, (-strength[y, x], y, x))
    return found
