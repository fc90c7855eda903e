"""What the scripts of whole.py share: topics, restarts, bodies."""

import time

from road import Body

SITE, LANE = "5303020007", "g1-b01"
ROOT = "lvzha/v1/" + SITE + "/"
TOPIC = ROOT + LANE + "/"


# The bench's lane: two means of different types, commissioned, the geometry of geometry.py.
LANE_SETTINGS = {
    "site": SITE,
    "lane": LANE,
    "board": "sim",
    "broker_host": "127.0.0.1",
    "sntp_host": "127.0.0.1",
    "lane_class": "III",
    "means": ["drive_force", "beam"],
    "force_test": "2026-11-01",
    "commissioned": "00" * 32,
    "beam_to_exit_end_mm": 5700,
}


class Restart:
    """Yielded by a script: the board restarts now, and has no supply for dark_us before."""

    def __init__(self, cause, dark_us):
        self.cause = cause
        self.dark_us = dark_us


def body(parts, front_m, speed=0.0, contact=0.8):
    return Body("truck", parts, front_m, time.us, speed, contact)
