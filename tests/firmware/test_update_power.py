"""An update whose supply is cut at every flash operation, on the interpreter's own LittleFS2 with torn pages and erases."""

import pytest

from tools.bench import lane_update


@pytest.mark.requirement("X-33")
def test_no_power_cut_of_an_update_leaves_a_board_without_firmware():
    found = lane_update.small_power_cuts()
    assert found["update_bricks"] == 0, found
    assert found["update_power_cuts"] >= 200, found
    assert found["old_after_cut"] and found["new_after_cut"], "cuts on both sides of the one write that decides"


@pytest.mark.requirement("X-33")
def test_a_whole_image_survives_cuts_too():
    found = lane_update.power_cuts(every=70, double=4, boards=("sim",), processes=2)
    assert found["update_bricks"] == 0, found
    assert found["update_power_cuts"] >= 40, found


@pytest.mark.requirement("X-33")
def test_no_power_cut_leaves_a_board_whose_code_lies_in_rom_without_firmware():
    found = lane_update.small_power_cuts(rom=True, every=6, double=8)
    assert found["update_bricks"] == 0, found
    assert found["update_power_cuts"] >= 120, found
    assert found["old_after_cut"] and found["new_after_cut"], "cuts on both sides of the one write that decides"
