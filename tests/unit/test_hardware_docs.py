"""hardware/: what is committed is what the script makes; boards, roles, faults and checks are all there; texts do not touch."""

import csv
import io
import math
import re
import tomllib
import xml.etree.ElementTree as ET

import pytest

from firmware.boards.drivers import fit
from firmware.lane.config import KEYS
from firmware.lane.contract import FAULTS, OUTPUTS, PRESENCE
from firmware.lane.contract import ROLES as INPUT_ROLES
from gateway.domain import commissioning
from tools.flash import image
from tools.hardware import data, interpreters, plan, power, tables
from tools.hardware.__main__ import HARDWARE, drawings, files
from tools.hardware.sheet import PRIMARY, Sheet
from tools.simulator import site_files


@pytest.fixture(scope="module")
def sheets() -> dict[str, Sheet]:
    return drawings()


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return files()


def test_the_committed_files_are_what_the_script_makes(made):
    stale = [p for p, text in made.items() if not (HARDWARE / p).is_file() or (HARDWARE / p).read_text("utf-8") != text]
    assert not stale, f"run python -m tools.hardware: {stale}"


def test_no_file_is_left_that_the_script_no_longer_makes(made):
    there = {str(p.relative_to(HARDWARE)) for p in HARDWARE.rglob("*") if p.is_file()}
    assert there == set(made) | {"README.md"}


def test_no_text_of_a_drawing_touches_another_text_or_a_line(sheets):
    for name, sheet in sheets.items():
        assert sheet.overlaps() == [], name


def test_a_text_on_a_wire_or_on_another_text_is_told():
    sheet = Sheet("图", "sheet", 20, 4)
    sheet.text(1, 1, "beam")
    assert sheet.overlaps() == []
    sheet.wire((0, 0.5), (3, 1.5))
    sheet.text(1.2, 1.05, "edge")
    found = " ".join(sheet.overlaps())
    assert "'beam' on a line" in found and "'beam' on 'edge'" in found


def test_every_drawing_is_xml_and_every_sheet_says_where_the_primary_protection_is(made):
    for path, text in made.items():
        if path.endswith(".svg"):
            ET.fromstring(text)
            assert PRIMARY[0] in text
        elif path.endswith(".md"):
            assert PRIMARY[0] in text and PRIMARY[1] in text, path
    assert "第一道" in (HARDWARE / "README.md").read_text("utf-8")
    assert "primary protection" in made["commissioning.html"]


@pytest.mark.parametrize("name", data.BOARDS)
def test_a_board_page_and_its_drawings_hold_every_role_of_the_board_file(name, made):
    table = data.board(name)
    page = made[f"boards/{name}.md"]
    for role, place in {**table.INPUTS, **table.OUTPUTS}.items():
        label, is_nc = fit.split(place)
        row = next(line for line in page.splitlines() if line.startswith("|") and f"`{role}`" in line)
        assert f"**{label}**" in row and fit.path(table, label) in row
        if role in table.INPUTS:
            assert ("常闭 NC" if is_nc else "常开 NO") in row
    for label in table.FREE:
        assert label in page
    for drawing, roles in (("inputs", table.INPUTS), ("outputs", table.OUTPUTS)):
        svg = made[f"drawings/{drawing}-{name}.svg"]
        for role, place in roles.items():
            assert re.search(rf">{fit.split(place)[0]}(：NO)?<", svg), (drawing, role)
            assert f"{role}" in svg


@pytest.mark.parametrize("name", data.BOARDS)
def test_roles_without_a_terminal_are_named_and_the_rest_fits(name, made):
    table = data.board(name)
    missing = [r for r in (*INPUT_ROLES, *OUTPUTS) if r not in table.INPUTS and r not in table.OUTPUTS]
    line = next(li for li in made[f"boards/{name}.md"].splitlines() if "no terminal for" in li)
    assert set(re.findall(r"`(\w+)`", line)) == set(missing)
    fit.fit(table, [r for r in INPUT_ROLES if r not in missing], [r for r in OUTPUTS if r not in missing], {})


def test_every_role_of_the_contract_has_a_device_and_every_cable_exists():
    assert set(data.ROLES["inputs"]) == set(INPUT_ROLES)
    assert set(data.ROLES["outputs"]) == set(OUTPUTS)
    assert {device["cable"] for device in data.ROLES["inputs"].values()} <= set(data.CABLES)
    marks = [fact["mark"] for fact in data.ROLES["outputs"].values()]
    assert len(set(marks)) == len(marks)


def test_presence_sensors_are_closed_at_rest_so_that_a_cut_wire_reads_as_somebody():
    for name in data.BOARDS:
        for role, _label, is_nc in data.inputs(data.board(name)):
            if role in PRESENCE or role in ("button_stop", "fire"):
                assert is_nc, (name, role)


def test_every_fault_code_of_the_contract_has_a_row(made):
    for code in FAULTS:
        assert f"code `{code}`" in made["failures.md"]
    rows = tomllib.loads((HARDWARE.parent / "tools/hardware/failures.toml").read_text("utf-8"))["rows"]
    assert all(len(row[key]) == 2 and all(row[key]) for row in rows for key in ("seen", "means", "do"))


def test_the_blank_sheet_asks_for_all_twelve_checks_and_each_reading(made):
    sheet, steps = made["commissioning.html"], data.toml("howto.toml")
    assert set(steps) == {check.id for check in commissioning.CHECKS} and len(steps) == 12
    for check in commissioning.CHECKS:
        assert check.zh in sheet and check.en in sheet and steps[check.id]["zh"] in made["commissioning.md"]
    for limit in ("400", "150", "25"):
        row = next(line for line in sheet.splitlines() if f"≤ {limit}.0" in line or f"≤ {limit})" in line)
        part = next(p for p in row.split("<br>") if f"≤ {limit}" in p)
        assert part.count('class="line"') == 3
    assert "未做" not in sheet


def test_the_plan_uses_the_distances_of_the_simulator_and_the_gap_of_the_firmware(made):
    assert plan.beam_to_exit_end_mm() == 5700 and plan.gap_m() == 5.7
    assert f"{plan.beam_to_exit_end_mm()} mm" in made["placement.md"] and "5.7 m" in made["placement.md"]
    low, high = data.PLACES["camera_aim_m"]
    assert low <= plan.head_aim_m() <= high
    assert "beam_to_exit_end_mm" in KEYS and site_files.LOOPS_M is plan.LOOPS_M


def test_every_loop_has_the_inductance_that_is_wanted_and_neighbours_differ_in_turns():
    low, high = data.PLACES["loops"]["wanted_uh"]
    rows = plan.loop_rows()
    assert all(low <= float(row["uh"]) <= high for row in rows)
    turns = [row["turns"] for row in rows]
    assert turns[0] != turns[1] != turns[2]


def test_the_battery_carries_every_board_for_half_an_hour_and_a_heavier_load_needs_a_larger_one():
    for name in data.BOARDS:
        assert power.lasts_min(power.battery_ah(), name) >= data.UPS["least_minutes"]
        assert power.lasts_min(power.battery_ah(), name) >= data.UPS["minutes"]
    watts = power.load_w("kc868_a16")
    by_hand = watts * 1.0 / 24 / 0.9 / 0.5 / 0.8
    assert math.isclose(power.needed_ah(60, "kc868_a16"), by_hand, rel_tol=1e-9)


def test_the_bill_of_materials_is_the_same_as_csv_and_table_and_counts_by_board():
    rows = list(csv.DictReader(io.StringIO(tables.bill_csv())))
    assert {row["id"] for row in rows} == {part["id"] for part in data.PARTS}
    by_id = {row["id"]: row for row in rows}
    assert by_id["io_module"]["kc868_a16"] == "0" and by_id["io_module"]["ws_s3_eth_8di_8ro"] == "1"
    needs_module = [name for name in data.BOARDS if data.board(name).RS485["module"]]
    assert [name for name in data.BOARDS if by_id["io_module"][name] == "1"] == needs_module


@pytest.mark.parametrize("name", interpreters.ROWS)
def test_a_partition_table_fills_the_flash_and_holds_what_the_board_s_file_says(name):
    rows = {label: (at, size) for label, _kind, _sub, at, size in interpreters.ROWS[name]}
    end = 0x9000
    for at, size in rows.values():
        assert at == end and at % 4096 == size % 4096 == 0, name
        end = at + size
    assert end == interpreters.TOLD[name]["flash"]
    assert rows["factory"][0] % 0x10000 == 0, "an application starts at 64 KiB"
    flash = data.board(name).FLASH
    assert rows["journal"][1] == flash["journal_sectors"] * 4096 and flash["journal"] == "journal"
    assert rows["vfs"][1] == flash["file_system_bytes"]
    assert ("romfs" in rows) == (data.board(name).CODE == "rom")


def test_the_rp2040_divides_what_micropython_leaves_for_files():
    sizes = [int(line.split("(")[1].split(" *")[0]) for line in interpreters.TOLD["w5500_evb_pico"]["defines"]]
    assert sum(sizes) == 1408 and sizes[1] * 1024 == data.board("w5500_evb_pico").FLASH["file_system_bytes"]


@pytest.mark.parametrize(("name", "rom_bytes"), [("kc868_a16", 0x40000), ("w5500_evb_pico", 256 * 1024)])
def test_two_images_and_two_offline_lists_fit_the_files_and_one_image_the_rom(name, rom_bytes):
    content = image.build(name)
    size = sum(len(data) for _, data in content.files)
    assert size < 0.8 * rom_bytes, "room to grow"
    lists = 2 * 20_000 * 8
    journal = 0 if data.board(name).FLASH["journal"] else data.board(name).FLASH["journal_sectors"] * 4096
    assert 2 * size + lists + journal < 0.85 * data.board(name).FLASH["file_system_bytes"]
