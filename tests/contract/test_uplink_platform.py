"""The reference regulator on its own: refuses what is wrong, never breaks, remembers once. No client of ours in between."""

import base64
import io
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uplink_golden as golden
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.adapters.uplink.signing import RawNumber, canonical_text, sign, verify
from tools.regulator.faults import Faults
from tools.regulator.platform import Platform, Settings
from tools.regulator.rsa2 import make_keys
from tools.regulator.rules import CHINA
from tools.regulator.storage import Storage

CODE = "5303020007"


def jpeg(width_px: int, height_px: int) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width_px, height_px), (90, 110, 90)).save(buffer, "JPEG", quality=40)
    return base64.b64encode(buffer.getvalue()).decode()


HEAD, SMALL = jpeg(1280, 720), jpeg(640, 360)


class Bench:
    """A platform in this process; requests are written by hand and signed with the gateway's implementation."""

    def __init__(self, folder: Path) -> None:
        self.storage, self.faults = Storage(folder), Faults()
        self.platform = Platform(
            self.storage,
            self.faults,
            settings=Settings(enterprise_codes=frozenset({CODE}), app_id="yn-gate-0007"),
            enterprise_key=golden.ENTERPRISE_KEY.public_key(),
            platform_key=golden.PLATFORM_KEY,
        )
        self.number = 0
        self.token = ""
        self.token = json.loads(self.ask("getToken", {"appId": "yn-gate-0007", "nonce": "n"})["data"])["token"]

    def ask(self, op: str, data: Any, *, token: str | None = None, req_id: str = "", **envelope: Any) -> dict[str, Any]:
        """The parsed answer, its signature checked."""
        self.number += 1
        request = {
            "enterpriseCode": CODE,
            "reqId": req_id or f"{self.number:026d}",
            "timestamp": datetime.now(CHINA).strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            "signType": "RSA2",
            "data": data if isinstance(data, str) else json.dumps(data, ensure_ascii=False),
            **envelope,
        }
        request.setdefault("sign", sign(canonical_text(request, leave_out=["sign"]), golden.ENTERPRISE_KEY))
        body = json.dumps(request, ensure_ascii=False).encode("utf-8")
        raw = self.platform.answer(op, body, self.token if token is None else token)
        answer = json.loads(raw, parse_int=RawNumber)
        text = canonical_text(answer, leave_out=["sign", "signType"])
        verify(text, answer["sign"], golden.PLATFORM_KEY.public_key())
        return json.loads(raw)

    def know_site(self) -> None:
        place = {"longitude": "103.805000", "latitude": "25.495000"}
        enterprise = {"rev": 1, "enterpriseName": "示例", "uscc": "91530300MA6EXAMP18", "industryType": "02",
                      "performanceGrade": "B", "divisionCode": "530302", "address": "示例路1号", **place,
                      "principal": "王", "principalPhone": "1", "operatorUnit": "运维", "operatorHead": "赵",
                      "operatorPhone": "1", "entranceCount": 1, "barrierCount": 1}  # fmt: skip
        barrier = {"rev": 1, "entranceCode": "1", "barrierCode": "01", "barrierName": "东门", "barrierAddress": "东门",
                   "direction": "1", **place}  # fmt: skip
        assert self.ask("enterprise", enterprise)["code"] == 200
        assert json.loads(self.ask("barrierInfo", {"list": [barrier]})["data"])["results"][0]["code"] == 200

    def result(self, record: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = self.ask("inOutRecord", {"list": [record]}, **more)
        assert answer["code"] == 200, answer
        return json.loads(answer["data"])["results"][0]


def item(**changes: Any) -> dict[str, Any]:
    envelope = json.loads((golden.FOLDER / "entry.request.json").read_bytes())
    (record,) = json.loads(envelope["data"])["list"]
    record.pop("cameraCode")
    record = {**record, "headPhoto": HEAD, "bodyPhoto": HEAD, **changes}
    return {key: value for key, value in record.items() if value is not None}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.know_site()
    yield bench
    bench.storage.close()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"enterpriseCode": "5303020008"}, 40301), ({"signType": "RSA"}, 40001), ({"version": "9"}, 40001),
        ({"timestamp": "now"}, 40001), ({"sign": "AAAA"}, 40104), ({"sign": "!"}, 40104), ({"data": "{"}, 40001),
        ({"data": "[]"}, 40001), ({"reqId": "short"}, 40001),
        ({"timestamp": (datetime.now(CHINA) - timedelta(seconds=330)).strftime("%Y-%m-%d %H:%M:%S")}, 40004),
        ({"timestamp": (datetime.now(CHINA) + timedelta(seconds=600)).strftime("%Y-%m-%d %H:%M:%S")}, 40004),
    ],
)  # fmt: skip
def test_a_wrong_envelope_has_its_code(bench: Bench, changes: dict[str, Any], code: int) -> None:
    assert bench.ask("heartBeat", changes.pop("data", {"status": 1}), **changes)["code"] == code


@pytest.mark.requirement("S0-97")
def test_one_changed_byte_of_the_data_is_a_wrong_signature(bench: Bench) -> None:
    text = '{"status":1}'
    good = {"enterpriseCode": CODE, "reqId": "9" * 26, "version": "1.0", "signType": "RSA2", "data": text}
    good["timestamp"] = datetime.now(CHINA).strftime("%Y-%m-%d %H:%M:%S")
    signature = sign(canonical_text(good, leave_out=[]), golden.ENTERPRISE_KEY)
    for data, code in ((text, 200), (text.replace("1", "0"), 40104), (text + " ", 40104)):
        body = json.dumps({**good, "data": data, "sign": signature, "memo": "", "extra": None}).encode()
        assert json.loads(bench.platform.answer("heartBeat", body, bench.token))["code"] == code


@pytest.mark.requirement("S0-98")
def test_tokens_are_needed_and_end(bench: Bench) -> None:
    assert bench.ask("heartBeat", {"status": 1}, token="tk_guess")["code"] == 40101
    assert bench.ask("heartBeat", {"status": 1}, token="")["code"] == 40101
    bench.platform.expire_tokens()
    assert bench.ask("heartBeat", {"status": 1})["code"] == 40102
    assert bench.ask("getToken", {"appId": "other", "nonce": "n"})["code"] == 40103
    assert bench.ask("telex", {})["code"] == 40401


def test_a_passage_is_stored_once_with_its_photographs(bench: Bench) -> None:
    first = bench.result(item())
    assert (first["code"], first["dup"], first["platformVisitId"]) == (200, False, "P00000001")
    again = bench.result(item(uploadTime="2026-11-22 09:00:00", isBackfill="1"))
    assert (again["code"], again["dup"]) == (200, True)
    assert bench.result(item(goodsName="焦炭"))["code"] == 40901
    assert bench.result(item(goodsName="焦炭", rev=2))["dup"] is False
    assert bench.result(item())["dup"] is True  # an older rev that comes late changes nothing
    (row,) = bench.storage.rows("select * from passage")
    assert row["rev"] == 2 and row["times_received"] == 4 and json.loads(row["content"])["goodsName"] == "焦炭"
    assert "headPhoto" not in row["content"]
    assert [p["width_px"] for p in bench.storage.rows("select * from photo")] == [1280] * 4
    leaving = bench.result(item(recordNo="530302000710120261122100244870001", passageState="2"))
    assert leaving["platformVisitId"] == "P00000001"


def test_a_request_is_answered_once_and_its_id_not_lent_to_other_data(bench: Bench) -> None:
    first = bench.ask("inOutRecord", {"list": [item()]}, req_id="A" * 26)
    again = bench.ask("inOutRecord", {"list": [item()]}, req_id="A" * 26)
    assert again["data"] == first["data"] and '"dup": false' in again["data"]
    assert bench.ask("inOutRecord", {"list": [item(rev=2)]}, req_id="A" * 26)["code"] == 40901
    assert bench.storage.rows("select count(*) n from passage")[0]["n"] == 1


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"vin": None}, 40002, "vin"), ({"visitId": ""}, 40002, "visitId"), ({"plateColor": "7"}, 40003, "plateColor"),
        ({"rev": "1"}, 40003, "rev"), ({"rev": True}, 40003, "rev"), ({"quantity": "201"}, 40003, "quantity"),
        ({"passTime": "2999-01-01 00:00:00"}, 40003, "future"), ({"passTime": "2026-02-30 00:00:00"}, 40003, "passTime"),
        ({"plateNo": "未识别"}, 40003, "plateColor"), ({"barrierCode": "09"}, 42401, "09"),
        ({"cameraCode": "C99"}, 42401, "C99"), ({"controlResult": "1", "violationReason": ""}, 40002, "violationReason"),
        ({"headPhoto": None}, 40002, "headPhoto"), ({"headPhoto": SMALL}, 42201, "640x360"),
        ({"headPhoto": HEAD[:400]}, 42201, "decoded"), ({"bodyPhoto": "***"}, 42201, "base64"),
        ({"bodyPhoto": base64.b64encode(b"\xff" * (1 << 20) + b"1").decode()}, 41301, "bytes"),
        ({"bodyPhoto": base64.b64encode(b"<svg/>").decode()}, 42201, "decoded"), ({"goodsName": "煤" * 21}, 40003, "goods"),
    ],
)  # fmt: skip
def test_an_item_that_breaks_a_rule_has_its_code_and_names_the_field(
    bench: Bench, changes: dict[str, Any], code: int, word: str
) -> None:
    refused = bench.result(item(**changes))
    assert refused["code"] == code and word in refused["msg"]
    assert bench.storage.rows("select count(*) n from passage")[0]["n"] == 0
    assert bench.storage.rows("select count(*) n from photo")[0]["n"] == 0


def test_a_missing_photograph_is_allowed_when_it_is_said(bench: Bench) -> None:
    assert bench.result(item(headPhoto=None, photoMissing="1"))["code"] == 200


def test_a_batch_with_one_bad_item_keeps_the_good_ones(bench: Bench) -> None:
    other = "530302000710120261122081503120009"
    answer = bench.ask("inOutRecord", {"list": [item(), item(recordNo=other, fuelType="X")]})
    results = {r["recordNo"]: r["code"] for r in json.loads(answer["data"])["results"]}
    assert answer["code"] == 200 and results == {item()["recordNo"]: 200, other: 40003}


def test_an_unknown_parent_is_not_remembered_as_the_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.result(item(), req_id="B" * 26)["code"] == 42401
    bench.know_site()
    assert bench.result(item(), req_id="B" * 26)["code"] == 200
    bench.storage.close()


@pytest.mark.requirement("S0-101")
def test_heartbeats_are_counted_and_answered_with_versions_and_time(bench: Bench) -> None:
    answers = [bench.ask("heartBeat", {"status": 1, "todayGenerated": 4}) for _ in range(3)]
    names = {"serverTime", "strategyVersion", "exceedVersion", "alarmVersion", "nextIntervalSec"}
    assert all(set(json.loads(answer["data"])) == names for answer in answers)
    (row,) = bench.storage.rows("select * from heartbeat")
    assert row["times_received"] == 3 and row["received_at_ms"] > (time.time() - 60) * 1000
    assert bench.ask("heartBeat", {"status": 7})["code"] == 40003


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*json.loads(json.dumps(item())), "cameraCode", "photoMissing", "unknown"])


@given(changes=st.dictionaries(NAMES, JSON, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_item_however_odd_breaks_the_platform(bench: Bench, changes: dict[str, Any]) -> None:
    result = bench.result({**item(headPhoto=None, bodyPhoto=None, photoMissing="1"), **changes})
    assert result["code"] in (200, 40002, 40003, 40901, 41301, 42201, 42401)


@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_however_odd_breaks_the_platform(bench: Bench, body: bytes) -> None:
    assert json.loads(bench.platform.answer("inOutRecord", body, "x"))["code"] == 40001


def test_key_pairs_are_written_for_the_owner_only_and_kept(tmp_path: Path) -> None:
    paths = make_keys(tmp_path / "keys")
    before = [path.read_bytes() for path in paths]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert [path.read_bytes() for path in make_keys(tmp_path / "keys")] == before
