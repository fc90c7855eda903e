"""The offline policy: class and age of the outage, identities, the serial reader's lines. Both interpreters."""

import sys

from lane import config, contract, reader
from lane.offline import OfflinePolicy

BASE = {
    "site": "5303020007",
    "lane": "g1-b01",
    "board": "sim",
    "broker_host": "127.0.0.1",
    "sntp_host": "127.0.0.1",
    "lane_class": "III",
    "means": ["drive_force", "beam"],
}
MINUTE = 60000


class List:
    """A list in memory."""

    def __init__(self, **plates):
        self.version = 7
        self._found = {contract.identity_hash(True, plate): word for plate, word in plates.items()}
        self._found[contract.identity_hash(False, "E2003412")] = "light"

    def look_up(self, key):
        return self._found.get(key)


def policy(age_min=0, **settings):
    plates = {"云D88888": "heavy", "云DF12345": "clean", "云C56789": "refused", "云A1": "light"}
    return OfflinePolicy(config.check(dict(BASE, **settings)), List(**plates), age_min)


def seen(plate=None, tag=None, confidence=950, source="camera"):
    message = {"source": source, "confidence": confidence, "at": None}
    message["plate" if plate else "tag"] = plate or tag
    return message


def decided(p, minutes, *identities):
    p.forget(0, 0)
    for identity in identities:
        p.identify(identity, 0)
    data = p.decide(minutes * MINUTE)
    event = {"boot": "00010000", "seq": 1, "ms": 1, "at": None, "sync": False, "kind": "offline.decision"}
    contract.encode("event", dict(event, **{"pass": None, "data": data}))
    return data["decision"], data["class"]


def case_the_matrix_of_class_and_age():
    p = policy(
        offline_heavy="allow:60 guard:120 hold",
        offline_light="guard",
        offline_clean="allow",
        offline_unlisted="hold:10 guard",
        offline_unknown="allow:5 hold",
    )
    wanted = (
        ("云D88888", ((0, "raise"), (59, "raise"), (60, "guard"), (119, "guard"), (120, "hold"), (99999, "hold"))),
        ("云A1", ((0, "guard"), (99999, "guard"))),
        ("云DF12345", ((0, "raise"), (99999, "raise"))),
        ("京B2", ((0, "hold"), (10, "guard"))),
        (None, ((0, "raise"), (4, "raise"), (5, "hold"))),
        ("云C56789", ((0, "refuse"), (99999, "refuse"))),
        ("云A0001警", ((0, "raise"), (99999, "raise"))),
    )
    for plate, rows in wanted:
        for minutes, decision in rows:
            got = decided(p, minutes, *([seen(plate)] if plate else []))
            assert got[0] == decision, (plate, minutes, got)


def case_plates_are_compared_in_normal_form():
    p = policy()
    assert decided(p, 0, seen("云d·88888")) == ("raise", "heavy")
    assert decided(p, 0, seen(tag="E2003412", source="tag")) == ("raise", "light")
    assert decided(p, 0, seen(tag="云D88888", source="tag")) == ("hold", "unlisted"), "a tag is no plate"


def case_weak_or_contradicting_names_let_nobody_in():
    p = policy()
    assert decided(p, 0, seen("云D88888", confidence=849)) == ("hold", "unknown")
    assert decided(p, 0, seen("云D88888"), seen("云A1")) == ("hold", "unknown")
    assert decided(p, 0, seen("云D88888"), seen("云D88888")) == ("raise", "heavy")
    assert decided(p, 0, seen("云D88888"), seen("云C56789")) == ("refuse", "refused"), "a refused name refuses"


def case_names_of_a_vehicle_that_has_gone_are_forgotten():
    p = policy()
    p.identify(seen("云D88888"), 1000)
    p.forget(5000, 10000)
    assert len(p.names()) == 1, "named a little before the loop saw it"
    p.forget(12000, 10000)
    assert p.names() == []


def case_the_age_of_an_outage_outlives_resets():
    p = policy(age_min=0)
    assert p.age_min(30 * MINUTE) == 30, "never heard in this boot"
    assert p.age_to_save(14 * MINUTE) is None and p.age_to_save(15 * MINUTE) == 15
    assert p.age_to_save(16 * MINUTE) is None
    p = policy(age_min=15)
    assert p.age_min(3 * MINUTE) == 18 and p.age_to_save(15 * MINUTE) == 30
    p.heard(20 * MINUTE)
    assert p.age_min(20 * MINUTE) == 0 and p.age_to_save(20 * MINUTE) == 0
    assert p.age_min(25 * MINUTE) == 5


def case_bad_steps_are_refused_by_name():
    for bad in ("", "allow:10", "open", "allow:5 hold:5 guard", "allow:x hold", "allow hold", "allow:0 hold", 3):
        try:
            config.check(dict(BASE, offline_heavy=bad))
        except contract.ContractError as e:
            assert e.where == "offline_heavy", e.where
        else:
            raise AssertionError(bad)


def case_a_reader_s_lines():
    r = reader.LineReader()
    good = reader.line("P", "云D88888", 930) + reader.line("T", "E2003412", 1000)
    found = []
    for byte in good:
        found += r.feed(bytes((byte,)))
    assert found == [
        seen("云D88888", confidence=930, source="reader"),
        seen(tag="E2003412", confidence=1000, source="tag"),
    ]
    for message in found:
        contract.encode("identity", message)
    assert r.refused == 0
    line = bytearray(reader.line("P", "云D88888", 930))
    for i in range(len(line) - 1):
        bent = bytearray(line)
        bent[i] ^= 4
        assert r.feed(bent) == [], i
    assert r.feed(b"x" * 5000 + b"\n") == [] and r.feed(b"\xff\xfe$*\n\n\r\n") == []
    for text in ("P,,900", "P," + "x" * 17 + ",900", "T,ab,1001", "Q,ab,5", "P,ab", "P,ab,5,6", "P,ab,-1"):
        body = text.encode()
        check = 0
        for byte in body:
            check ^= byte
        assert r.feed(b"$" + body + b"*" + b"%02X\n" % check) == [], text
    assert r.feed(good)[0]["plate"] == "云D88888", "it goes on"


CASES = [value for name, value in sorted(globals().items()) if name[:5] == "case_"]

for case in CASES:
    case()
    print("passed", case.__name__)
sys.exit(0)
