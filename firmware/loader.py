"""Chooses which of two firmware images runs, and goes back to the other when the new one does not prove itself.

Files in the root of the flash, each replaced by rename (a power cut leaves the old or the new one): `slot` holds "a" or "b";
`trial` exists while the image of a slot has yet to prove itself: {"slot", "boots", "id", "version"}. An image begun BOOTS
times without being confirmed by itself (lane/trial.py) is left for the other one. `service`: the installer's tool wants the
prompt. A slot with a folder `rom` holds one ROMFS image in parts: it is copied into the board's ROMFS partition and executed there
(rom.py). Without `slot` (a bench) the application is found on the import path. Never part of an update, so it imports nothing of a slot.
"""

import json
import os
import sys
import time

import rom

BOOTS = 3
WATCHDOG_MS = 8000  # until the application arms its own, shorter one; the longest that an RP2040 can do
_begun = False
_is_service = False
slot = "none"


def other(name):
    return "b" if name == "a" else "a"


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def replace(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


def read_slot():
    try:
        with open("slot") as f:
            name = f.read().strip()
    except OSError:
        return "none"
    return name if name in ("a", "b") else "a"


def read_trial():
    """The trial in progress or just ended, or None."""
    try:
        with open("trial") as f:
            trial = json.load(f)
        return trial if type(trial) is dict and "boots" in trial and "slot" in trial else None
    except (OSError, ValueError):
        return None


def choose():
    """The slot to start now; counts a boot on trial, and goes back after BOOTS of them. Writes only during a trial."""
    name = read_slot()
    trial = read_trial()
    if name == "none" or trial is None or trial["slot"] != name:
        return name
    if trial["boots"] >= BOOTS:
        return _go_back(name)
    if not rom.needs_copy(name):  # else this boot only copies the image
        _count(trial)
    return name


def _count(trial):
    trial["boots"] += 1
    replace("trial", json.dumps(trial))


def _go_back(name):
    # `trial` stays: the image that is started now reports from it
    if exists(other(name) + "/manifest"):
        name = other(name)
        replace("slot", name)
    return name


def _machine():
    try:
        import machine

        return machine if hasattr(machine, "WDT") else None
    except ImportError:
        return None


def _enter(name):
    for module in list(sys.modules):
        if module.split(".")[0] in ("app", "boards", "lane"):
            del sys.modules[module]
    if sys.path[0] in ("a", "b", rom.MOUNT):
        sys.path.pop(0)
    if name != "none":
        sys.path.insert(0, rom.MOUNT if rom.has_image(name) else name)


def _safe_outputs():
    """Output expanders keep their level through a reset of the processor, so this comes before all else that a slot does."""
    if rom.has_image(slot) and not rom.is_mounted():
        print("boot: outputs not driven, ROMFS holds no image")  # a copy was cut: they have been off since it began
        return
    for name in (slot, other(slot)):
        try:
            with open("config.json") as f:
                board = json.load(f)["board"]
            _enter(name)
            __import__("boards." + board, None, None, ("safe_outputs",)).safe_outputs()
            break
        except Exception as e:  # a bad image must not keep the other one from being tried
            print("boot: outputs not driven slot=" + name + " reason=" + repr(e))
        if slot == "none":
            break
    _enter(slot)


def _copy(machine):
    """The slot's image into the ROMFS partition, then a restart; on a bench without one it is mounted in place."""
    try:
        rom.copy(slot)
    except Exception as e:
        trial = read_trial()
        if trial is not None and trial["slot"] == slot:
            _count(trial)
        _import_failed(e)
    if machine is not None:
        machine.reset()
    rom.mount()


def begin():
    """Slot, outputs, watchdog, image; once per boot, by boot.py or, where no boot.py is run, by main.py."""
    global _begun, _is_service, slot
    if _begun:
        return
    _begun = True
    machine = _machine()
    rom.mount()
    if exists("service"):
        os.remove("service")
        _is_service = True
        slot = read_slot()
        _safe_outputs()
        return
    slot = choose()
    if rom.needs_copy(slot):
        _safe_outputs()
        _copy(machine)  # without a watchdog: it takes seconds, and ends in a restart
    if machine is not None:
        machine.WDT(timeout=WATCHDOG_MS)
    _safe_outputs()


def run():
    """Start the application; comes back only to the installer's prompt."""
    if _is_service:
        print("boot: service, the lane is not started")
        return
    try:
        import app
    except Exception as e:
        _import_failed(e)
        return
    try:
        app.run(slot)
    except Exception as e:
        _restart(e)


def _import_failed(e):
    trial = read_trial()
    if slot != "none" and trial is None and exists(other(slot) + "/manifest"):
        # A proven image that cannot be read any more: the other one is tried, once.
        replace("trial", json.dumps({"slot": slot, "boots": BOOTS, "id": None, "version": None, "reason": "import"}))
        replace("slot", other(slot))
    _restart(e)


def _restart(e):
    machine = _machine()
    if slot == "none" or machine is None:
        raise e
    print("boot: the lane ended slot=" + slot)
    sys.print_exception(e)
    time.sleep_ms(1000)  # no busy loop of restarts
    machine.reset()
