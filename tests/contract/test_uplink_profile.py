"""A profile is data: mistakes are named when it is loaded, and no record passes it in wrong words."""

import base64
import tomllib
from pathlib import Path
from typing import Any

import pytest
import uplink_golden as golden
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.uplink.mapping import PhotoFolder, RecordRefused, decode_answer, encode, read_wire_time, wire_time
from gateway.adapters.uplink.profile import BUILT_IN, AnswerField, ProfileError, load_profile

TEXT = (BUILT_IN / "yunnan-v1.toml").read_text(encoding="utf-8")
PROFILE = load_profile(BUILT_IN / "yunnan-v1.toml")
PASSAGE = PROFILE.ops["inOutRecord"]
FULL_SET = ("vehicle_type", "vin", "register_date", "vehicle_model", "engine_model", "engine_maker", "engine_no",
            "fuel_type", "emission_stage", "network_status", "use_nature", "fleet_name")  # fmt: skip
ALWAYS = ("record_no", "rev", "visit_id", "passage_state", "entrance_code", "barrier_code", "pass_time_ms", "plate_no",
          "plate_colour", "control_result", "violates_policy", "barrier_action", "record_source")  # fmt: skip


def record(case: str = "entry", **changes: Any) -> dict[str, Any]:
    base = golden.golden_input(case)["record"]
    return {**base, "upload_at_ms": golden.NOW_MS, "is_backfill": False, **changes}


def photos(max_bytes: int = 1 << 20) -> PhotoFolder:
    return PhotoFolder(golden.FOLDER, max_bytes=max_bytes)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('kind = "rsa2-token"', 'kind = "double-md5"', r"auth.kind = 'double-md5', allowed: rsa2-token"),
        ('data_as = "string"', 'data_as = "object"', r"sign.data_as = 'object', allowed: string"),
        ("connect_timeout_s = 5", "connect_timeout_s = 500", r"transport.connect_timeout_s = 500, allowed: a number from"),
        ('token_at = "header:token"', 'token_at = "cookie"', r"auth.token_at = 'cookie', allowed: header:NAME"),
        ('40901 = "park"', '40901 = "drop"', r"envelope.actions.40901 = 'drop', allowed: park \| retry"),
        ("heartbeat_s = 60", "heartbeat_s = 60\nheartbeat = 5", r"schedule.heartbeat = 5, allowed: nothing here"),
        ('codes = "plate_colour"', 'codes = "plate_color"', r"vehicleInfo.fields\[2\].codes = 'plate_color', allowed: .*plate_colour"),
        ('from = "rev", type = "integer"', 'from = "rev", type = "int"', r"type = 'int', allowed: text \| texts \| integer"),
        ('checks = ["unread_plate"]', 'checks = ["luck"]', r"checks = \['luck'\], allowed: a list of unread_plate"),
        ('id = "yunnan-v1"', "", r"meta.id is missing"),
        ("responses_signed = true", 'responses_signed = "yes"', r"sign.responses_signed = 'yes', allowed: true \| false"),
        ('pattern = "[0-9]{6}"', 'pattern = "[0-9"', r"pattern = '\[0-9', allowed: a regular expression"),
        ('required = "always", max = 46', 'required = "perhaps", max = 46', r"required = 'perhaps', allowed: always"),
        ('ops = ["getToken"', 'ops = ["telex"', r"capabilities.ops = .*telex.*, allowed: a list of getToken"),
        ("without = []", 'without = ["dailyReport"]', r"capabilities.without = \['dailyReport'\], allowed: what is not in capabilities.ops"),
        ('"alarmReport", "dailyReport", ', "", r"capabilities.without = \[\], allowed: also alarmReport, dailyReport, or in capabilities.ops"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_profile_is_named_with_key_value_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert old in TEXT
    path = tmp_path / "broken.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError, match=complaint) as refusal:
        load_profile(path)
    assert str(refusal.value).startswith("broken.toml: ")


def test_a_profile_that_is_absent_or_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="No such file"):
        load_profile(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[meta\n")
    with pytest.raises(ProfileError, match=r"bad\.toml"):
        load_profile(tmp_path / "bad.toml")


def test_another_province_is_data(tmp_path: Path) -> None:
    other = TEXT.replace('"plateNo"', '"carPlate"').replace("ok_codes = [200]", "ok_codes = [10000]")
    other = other.replace('token_at = "header:token"', 'token_at = "header:Authorization:Bearer"')
    other = other.replace('[codes.plate_colour]\n0 = "0"', '[codes.plate_colour]\n0 = "BLUE"')
    path = tmp_path / "north-v1.toml"
    path.write_text(other, encoding="utf-8")
    profile = load_profile(path)
    wire = encode(profile.ops["inOutRecord"], record(plate_no="云A12345", plate_colour="0"), photos())
    assert wire["carPlate"] == "云A12345" and "plateNo" not in wire and wire["plateColor"] == "BLUE"
    assert profile.ok_codes == (10000,) and (profile.token_header, profile.token_prefix) == ("Authorization", "Bearer ")


def test_every_field_of_every_table_of_the_profile_is_used() -> None:
    data = tomllib.loads(TEXT)
    named = {f["codes"] for op in data["ops"].values() for f in op["fields"] if "codes" in f}
    assert named == set(data["codes"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("plate_colour", "7"), ("fuel_type", "X"), ("emission_stage", "6b"), ("control_result", "5"), ("use_nature", "T"),
     ("barrier_action", "3"), ("response_level", "4"), ("record_source", "phone"), ("passage_state", "0"),
     ("network_status", 1)],
)  # fmt: skip
def test_an_unknown_code_is_an_error_and_is_never_passed_through(field: str, value: Any) -> None:
    with pytest.raises(RecordRefused, match=rf"\({field}\): {value!r}, allowed: ") as refusal:
        encode(PASSAGE, record(**{field: value}), photos())
    assert not refusal.value.is_missing


@pytest.mark.parametrize(
    ("field", "value"),
    [("goods_name", "煤" * 21), ("record_no", "1" * 47), ("entrance_code", "12"), ("barrier_code", "0001"),
     ("vin", "LZZ5ELSD0NA00012"), ("vin", "LZZ5ELSD0NAO00123"), ("vehicle_type", "重型"), ("register_date", "2022-02-30"),
     ("register_date", 20220518), ("quantity", "200.01"), ("quantity", "-1"), ("quantity", 31.46), ("quantity", "1e2"),
     ("pass_time_ms", "2026-11-22 08:15:03"), ("pass_time_ms", 0), ("rev", "1"), ("rev", True), ("violates_policy", "0"),
     ("goods_name", "\ud800"), ("plate_no", 7)],
)  # fmt: skip
def test_a_value_of_the_wrong_form_is_refused(field: str, value: Any) -> None:
    with pytest.raises(RecordRefused, match=rf"\({field}\): .*allowed: "):
        encode(PASSAGE, record(**{field: value}), photos())


@pytest.mark.parametrize("result", ["0", "2", "4"])
@pytest.mark.parametrize("field", FULL_SET)
def test_an_entry_that_passed_needs_the_full_set(field: str, result: str) -> None:
    with pytest.raises(RecordRefused, match=rf"\({field}\): required but missing") as refusal:
        encode(PASSAGE, record(control_result=result, **{field: None}), photos())
    assert refusal.value.is_missing


@pytest.mark.parametrize("result", ["1", "3"])
def test_a_refused_or_waiting_vehicle_may_be_unknown(result: str) -> None:
    unknown: dict[str, Any] = dict.fromkeys(FULL_SET)
    wire = encode(
        PASSAGE,
        record(
            control_result=result, plate_no="未识别", plate_colour="5", violation_reason="V04 缺失：全部", **unknown
        ),
        photos(),
    )
    assert wire["plateNo"] == "未识别" and "vin" not in wire


@pytest.mark.parametrize("result", ["0", "1", "2", "3", "4"])
@pytest.mark.parametrize("field", ALWAYS)
def test_ids_times_and_codes_are_needed_whatever_the_result(field: str, result: str) -> None:
    given = record(control_result=result, violation_reason="V04")
    given[field] = None
    with pytest.raises(RecordRefused, match=rf"\({field}\): required but missing"):
        encode(PASSAGE, given, photos())


def test_a_refused_vehicle_needs_a_reason() -> None:
    with pytest.raises(RecordRefused, match=r"violationReason \(violation_reason\): required"):
        encode(PASSAGE, record("refused", violation_reason=""), photos())


def test_an_unread_plate_has_colour_5() -> None:
    with pytest.raises(RecordRefused, match="'1' with 未识别, allowed: 5"):
        encode(PASSAGE, record("unread_hold", plate_colour="1"), photos())


def test_an_exit_does_not_repeat_the_vehicle() -> None:
    wire = encode(PASSAGE, record("exit"), photos())
    assert "vin" not in wire and wire["platformVisitId"] == "P88120031"


def test_photographs_are_the_files_bytes_in_base64_without_line_breaks() -> None:
    wire = encode(PASSAGE, record(), photos())
    assert base64.b64decode(wire["headPhoto"], validate=True) == (golden.FOLDER / "photos/head.jpg").read_bytes()
    assert "\n" not in wire["headPhoto"] and "photoMissing" not in wire


@pytest.mark.parametrize("path", ["", "photos/absent.jpg", None])
def test_a_missing_photograph_never_blocks_the_record(path: str | None) -> None:
    wire = encode(PASSAGE, record(body_photo=path), photos())
    assert wire["photoMissing"] == "1" and "bodyPhoto" not in wire and wire["headPhoto"]


def test_photographs_outside_the_data_directory_or_too_large_are_refused() -> None:
    with pytest.raises(RecordRefused, match="outside the data directory"):
        encode(PASSAGE, record(head_photo="../uplink_golden.py"), photos())
    with pytest.raises(RecordRefused, match=r"334 bytes, allowed: 100"):
        encode(PASSAGE, record(), photos(max_bytes=100))


@given(st.integers(min_value=1_000_000_000_000, max_value=4_000_000_000_000))
@settings(deadline=None)
def test_wire_times_are_china_time_cut_to_the_second(at_ms: int) -> None:
    assert read_wire_time(wire_time(at_ms)) == at_ms // 1000 * 1000


def test_wire_time_is_eight_hours_ahead_of_utc() -> None:
    assert wire_time(1_795_305_599_999) == "2026-11-22 07:59:59"


FIELDS = (AnswerField("n", "n", "integer"), AnswerField("t", "t_ms", "time"), AnswerField("f", "f", "flag"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [({}, {}), ({"n": "7", "f": "1", "t": "2026-11-22 12:00:01"}, {"n": 7, "f": True, "t_ms": golden.NOW_MS}),
     ({"n": "x", "t": 5, "f": False}, {"f": False}), ({"n": [1], "t": "yesterday", "other": 1}, {})],
)  # fmt: skip
def test_what_makes_no_sense_in_an_answer_is_left_out(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert decode_answer(FIELDS, answer) == expected


def test_master_data_is_said_in_the_interfaces_words() -> None:
    wire = encode(
        PROFILE.ops["barrierInfo"],
        {
            "rev": 1, "entrance_code": "1", "barrier_code": "01", "barrier_name": "东门进1道", "barrier_address": "东门",
            "direction": "1", "longitude": "103.805120", "latitude": "25.495310", "principal": "李示例",
            "principal_phone": "13800000002", "operator_unit": "示例运维有限公司", "operator_contact": "赵示例",
            "operator_phone": "13800000003",
        },
        photos(),
    )  # fmt: skip
    assert list(wire) == ["rev", "entranceCode", "barrierCode", "barrierName", "barrierAddress", "direction", "longitude",
                          "latitude", "principal", "principalPhone", "operatorUnit", "operatorContact", "operatorPhone"]  # fmt: skip
    with pytest.raises(RecordRefused, match=r"longitude \(longitude\): '103.8', allowed: the form"):
        encode(PROFILE.ops["barrierInfo"], {"rev": 1, "entrance_code": "1", "barrier_code": "01", "barrier_name": "a",
               "barrier_address": "b", "direction": "1", "longitude": "103.8"}, photos())  # fmt: skip
