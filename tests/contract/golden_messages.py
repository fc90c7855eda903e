"""Runs golden files of the lane contract; the same script for CPython and MicroPython. Prints one line per difference.

Usage: PYTHONPATH (or MICROPYPATH) = firmware; golden_messages.py FILE...   Exit status 1 when anything differs.
"""

import json
import sys

from lane import contract


def run(path):
    """Differences found in one golden file, as text."""
    with open(path, encoding="utf-8") as f:
        golden = json.load(f)
    name = golden["message"]
    differences = []
    checked = 0
    for case in golden["cases"]:
        raw = contract.encode(name, case["value"])
        if raw != case["bytes"].encode():
            differences.append(case["name"] + ": encoded as " + raw.decode())
        if contract.decode(name, case["bytes"].encode()) != case["value"]:
            differences.append(case["name"] + ": decoded to something else")
        checked += 1
    for case in golden["invalid"]:
        try:
            contract.decode(name, case["raw"].encode())
            differences.append(case["name"] + ": not refused")
        except contract.ContractError as e:
            if e.reason != case["reason"] or e.where != case["where"]:
                differences.append(case["name"] + ": " + e.reason + " at " + e.where)
        checked += 1
    return checked, differences


failed = False
for path in sys.argv[1:]:
    checked, differences = run(path)
    print(path, checked, "checked")
    for difference in differences:
        failed = True
        print(path, difference)
sys.exit(1 if failed else 0)
