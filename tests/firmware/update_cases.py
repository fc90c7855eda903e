"""Signature and trial of an update, on CPython and MicroPython. Usage: update_cases.py PUBLIC SIGNATURE MESSAGE (hex)."""

# ruff: noqa: PTH116, B007 (MicroPython)

import json
import os
import sys

from lane import ed25519, sha512, ticks, trial


def verdict(public, signature, message):
    slices, found = 0, None
    for found in ed25519.verify(public, signature, message):
        slices += 1
    return found, slices


def case_a_good_signature_and_no_other():
    public, signature, message = [bytes.fromhex(text) for text in sys.argv[1:4]]
    found, slices = verdict(public, signature, message)
    assert found is True
    assert slices > 600, "one point operation, or half a dozen squarings, between two turns of the safety loop"
    for i in (0, 31, 32, 63):
        bad = bytearray(signature)
        bad[i] ^= 1
        assert verdict(public, bytes(bad), message)[0] is False, i
    assert verdict(public, signature, message + b"x")[0] is False
    assert verdict(public[:31], signature, message)[0] is False
    s = int.from_bytes(signature[32:], "little") + ed25519.L
    assert verdict(public, signature[:32] + s.to_bytes(32, "little"), message)[0] is False, "one signature has one form"
    assert verdict(b"\xff" * 32, signature, message)[0] is False, "not a point"


def case_published_vectors():
    # RFC 8032, 7.1, tests 1 to 3
    for public, message, signature in (
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ):  # fmt: skip
        assert verdict(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))[0] is True


def case_sha512():
    # FIPS 180-4 example, and both sides of the padding's edge
    for data, begin in (
        (b"abc", "ddaf35a193617aba"),
        (b"a" * 111, "fa9121c7b32b9e01"),
        (b"a" * 112, "c01d080efd492776"),
    ):
        steps = sha512.steps(data)
        try:
            while True:
                next(steps)
        except StopIteration as end:
            assert end.value.hex()[:16] == begin


def on_trial(slot, boots, steps, running="b"):
    """What is told by a trial; steps: (seconds, has_gateway, late, crossings). Begins just below the wrap of the ticks."""
    with open("slot", "w") as f:
        f.write(running)
    with open("trial", "w") as f:
        json.dump({"slot": slot, "boots": boots, "id": "01JD9Z5T3M2K8Q4W7R6X0Y1ABC", "version": "0.2.0"}, f)
    start, told = ticks.PERIOD - 5000, []
    new = trial.Trial(running, start, lambda kind, state, update_id, version, reason: told.append((state, reason)))
    at = 0
    for seconds, has_gateway, late, crossings in steps:
        for _ in range(seconds):
            at += 1
            new.step(ticks.mask(start + at * 1000), has_gateway, late, crossings)
    with open("slot") as f:
        return told, f.read(), new, at


def case_confirmed_by_a_passage_after_a_steady_minute():
    assert on_trial("b", 1, [(300, True, 0, 0)])[0] == [], "no passage yet: on trial for as long as it takes"
    told, slot, _, _ = on_trial("b", 1, [(40, True, 0, 1)])
    assert told == [], "not a minute"
    told, slot, _, _ = on_trial("b", 1, [(50, True, 0, 0), (50, True, 1, 1)])
    assert told == [], "the loop was late: the minute begins again"
    told, slot, _, _ = on_trial("b", 1, [(50, True, 0, 0), (30, True, 0, 1)])
    assert told == [("confirmed", None)] and slot == "b"
    try:
        os.stat("trial")
        raise AssertionError("the trial is over")
    except OSError:
        pass


def case_no_gateway_goes_back_within_three_minutes():
    told, slot, new, _ = on_trial("b", 1, [(119, False, 0, 1)])
    assert slot == "b" and not new.is_rollback_wanted
    told, slot, new, _ = on_trial("b", 1, [(121, False, 0, 1)])
    assert slot == "a" and new.is_rollback_wanted and told == []
    told, slot, new, _ = on_trial("b", 3, [], running="a")
    assert told == [("rolled_back", "boots")] and not new.is_running()


def case_a_gateway_that_was_heard_once_may_be_away_later():
    assert on_trial("b", 1, [(5, True, 0, 0), (600, False, 0, 0)])[1] == "b"


def case_a_commit_that_was_cut_is_told_and_forgotten():
    told, _, new, _ = on_trial("b", 0, [], running="a")
    assert told == [("failed", "power")] and not new.is_running()


for case in [value for name, value in sorted(globals().items()) if name[:5] == "case_"]:
    case()
    print("passed", case.__name__)
