"""What a lane reminds its people of: supply, temperature, service, force test, a mute sign, the monthly alarm test.

Called at rest a few times a second, looks once in LOOK_MS. Each finding is a fault of the contract for as long as it lasts.
Source of the intervals: EN 12453 practice (six-monthly service, yearly force test); S0 asks for the alarm device.
"""

import os

from lane.inputs import ALARM_SENSE, POWER_FAIL
from lane.ticks import diff

LOOK_MS = 1000
SUPPLY_BACK_MV = 300  # above the threshold before the fault goes
TEMPERATURE_BACK_DC = 20
SERVICE_MONTHS = 6
FORCE_DUE_MONTHS = 11
FORCE_OVERDUE_MONTHS = 12
CHINA_HOURS = 8
FILE = "alarm-test"  # the month of the last one, as 2026-11


def months(since, today):
    """Whole months from one day to another, each as 2026-11-24; None without the first."""
    if not since:
        return None
    whole = (int(today[:4]) - int(since[:4])) * 12 + int(today[5:7]) - int(since[5:7])
    return whole - 1 if today[8:10] < since[8:10] else whole


def _last_test():
    try:
        with open(FILE) as f:
            return f.read()
    except OSError:
        return ""


class Upkeep:
    def __init__(self, parts, now):
        self._parts = parts
        self._looked_at = now
        self.found = {}  # code or "output_failed NAME" -> (code, component, ticks)
        self._tested = _last_test()
        self._was_failing = False

    def step(self, now):
        if diff(now, self._looked_at) < LOOK_MS:
            return
        self._looked_at = now
        parts, settings = self._parts, self._parts.settings
        self._supply(now, parts.board.supply_mv(), settings)
        self._temperature(now, parts.board.temperature_dc(), settings)
        self._set(now, "sign_silent", "sign", parts.sign.line.is_mute())
        self._save_before_the_end()
        at = parts.clock.at(parts.clock.ms()) if parts.clock.is_sync() else None
        if at is not None:
            self._dates(now, at[:10], settings)
            self._alarm_test(now, at, settings["alarm_test_hour"])

    def _set(self, now, code, component, is_found):
        key = code + " " + component
        if is_found and key not in self.found:
            self.found[key] = (code, component, now)
            data = {"code": code, "component": component, "since_ms": self._parts.clock.ms_at(now)}
            self._parts.note("fault.set", data)
        elif not is_found and key in self.found:
            del self.found[key]
            self._parts.note("fault.cleared", {"code": code, "component": component, "by": "lane"})

    def _supply(self, now, mv, settings):
        if mv is not None:
            spare = SUPPLY_BACK_MV if "supply_low supply" in self.found else 0
            self._set(now, "supply_low", "supply", mv < settings["supply_min_mv"] + spare)

    def _temperature(self, now, dc, settings):
        if dc is not None:
            spare = TEMPERATURE_BACK_DC if "temperature cabinet" in self.found else 0
            low, high = settings["temperature_min_dc"] + spare, settings["temperature_max_dc"] - spare
            self._set(now, "temperature", "cabinet", not low <= dc <= high)

    def _save_before_the_end(self):
        """Mains has gone: the cycle counter goes to flash while the supply lasts."""
        parts = self._parts
        is_failing = bool(parts.safety.inputs.on[POWER_FAIL])
        if is_failing and not self._was_failing and parts.cycles() != parts.journal.cycles:
            parts.journal.save_cycles(parts.cycles())
        self._was_failing = is_failing

    def _dates(self, now, today, settings):
        served = months(settings["service_date"] or settings["force_test"], today)
        cycles = self._parts.cycles() - settings["service_cycle"]
        is_due = cycles >= settings["service_cycles"] or (served is not None and served >= SERVICE_MONTHS)
        self._set(now, "service_due", "barrier", is_due)
        tested = months(settings["force_test"], today)
        age = FORCE_OVERDUE_MONTHS if tested is None else tested
        self._set(now, "force_test_overdue", "barrier", age >= FORCE_OVERDUE_MONTHS)
        self._set(now, "force_test_due", "barrier", FORCE_DUE_MONTHS <= age < FORCE_OVERDUE_MONTHS)

    def _alarm_test(self, now, at, hour):
        safety = self._parts.safety
        test = safety.alarm_test
        if test.is_done:
            test.is_done = False
            self._parts.note("alarm.tested", {"light": test.light, "siren": test.siren})
            self._set(now, "output_failed", "alarm_light", test.light == "failed")
            self._set(now, "output_failed", "siren", test.siren == "failed")
            self._tested = at[:7]
            with open(FILE + ".new", "w") as f:
                f.write(self._tested)
            os.rename(FILE + ".new", FILE)
        elif self._tested != at[:7] and (int(at[11:13]) + CHINA_HOURS) % 24 == hour:
            is_quiet = safety.alarm.pattern == "off" and not test.phase
            if is_quiet and not safety.lane.at_arm and not safety.lane.is_vehicle_present():
                inputs = safety.inputs
                test.start(now, inputs.present[ALARM_SENSE], inputs.on[ALARM_SENSE])
