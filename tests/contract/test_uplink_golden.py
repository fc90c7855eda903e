"""Wire bytes of the profile, byte for byte, and three implementations that agree on their signatures."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import uplink_golden as golden
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.uplink.signing import canonical_text, parse_public_key, verify
from tools.regulator.rsa2 import is_signed_by, read_public_key, signed_bytes

# The two examples of the interface document, without photographs: an oracle that no code of ours wrote.
ENTRY = """{"recordNo":"530302000710120261122081503120001","rev":1,"visitId":"V20261122-000087","passageState":"1",
"entranceCode":"1","barrierCode":"01","cameraCode":"C01-H","passTime":"2026-11-22 08:15:03","uploadTime":"2026-11-22 08:15:06",
"plateNo":"云DA1234","plateColor":"1","vehicleType":"Q11","vin":"LZZ5ELSD0NA000123","registerDate":"2022-05-18",
"vehicleModel":"EX4250-示例","engineModel":"EXD13","engineMaker":"示例发动机厂","engineNo":"EX22050018","fuelType":"B",
"emissionStage":"6","networkStatus":"1","useNature":"F","fleetName":"曲靖示例运输有限公司","driverName":"孙示例","driverPhone":"13800000010",
"goodsName":"炼焦煤","quantity":"31.46","controlResult":"0","violatesPolicy":"0","violationReason":"","barrierAction":"2",
"strategyId":"YN-2026-0112","strategyVersion":4,"responseLevel":"2","isBackfill":"0","recordSource":"auto"}"""
EXIT = """{"recordNo":"530302000710320261122100244870001","rev":1,"visitId":"V20261122-000087","platformVisitId":"P88120031",
"passageState":"2","entranceCode":"1","barrierCode":"03","passTime":"2026-11-22 10:02:44","uploadTime":"2026-11-22 13:40:10",
"plateNo":"云DA1234","plateColor":"1","goodsName":"空车","quantity":"0","controlResult":"0","violatesPolicy":"0","barrierAction":"2",
"isBackfill":"1","recordSource":"auto"}"""


@pytest.fixture
def listener() -> Any:
    listener = golden.Listener()
    yield listener
    listener.close()


@pytest.mark.requirement("S0-97")
@pytest.mark.parametrize("case", golden.CASES)
def test_the_client_sends_the_golden_bytes(case: str, listener: golden.Listener) -> None:
    post, receipt = golden.exchange(case, listener)
    assert post.body == (golden.FOLDER / f"{case}.request.json").read_bytes()
    assert golden.signed_text(post.body).encode("utf-8") == (golden.FOLDER / f"{case}.signed.txt").read_bytes()
    assert post.path == f"/access/api/dataReceive/{golden.golden_input(case)['op']}"
    assert post.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert post.headers.get("token") == (None if case == "getToken" else "tk_5e0c7c1f9a")
    assert receipt.outcome == "accepted"


@pytest.mark.parametrize("case", golden.CASES)
def test_the_golden_answer_is_what_the_client_reads(case: str, listener: golden.Listener) -> None:
    _, receipt = golden.exchange(case, listener)
    expected = golden.signed_answer(golden.golden_input(case)["answer"])
    assert expected == (golden.FOLDER / f"{case}.answer.json").read_bytes()
    if case == "entry":
        assert receipt.data["platform_visit_id"] == "P88120031" and receipt.data["dup"] is False
    if case == "exit":
        assert receipt.data["dup"] is True
    if case == "heartBeat":
        assert receipt.data["server_time_ms"] == golden.NOW_MS
        assert receipt.data["strategy_version"] == 4 and receipt.data["next_interval_s"] == 60


@pytest.mark.requirement("S0-97")
@pytest.mark.parametrize("case", golden.CASES)
def test_three_implementations_accept_each_golden_signature(case: str, tmp_path: Path) -> None:
    body = (golden.FOLDER / f"{case}.request.json").read_bytes()
    public_path = golden.FOLDER / "throwaway-enterprise.pub"
    envelope = json.loads(body)
    verify(golden.signed_text(body), envelope["sign"], parse_public_key(public_path.read_bytes(), name="golden"))
    assert is_signed_by(envelope, read_public_key(public_path))
    assert signed_bytes(envelope, {"sign"}) == golden.signed_text(body).encode("utf-8")
    (tmp_path / "sign").write_bytes(golden.signature_of(body))
    command = ["openssl", "dgst", "-sha256", "-verify", str(public_path), "-signature", str(tmp_path / "sign")]
    signed = (golden.FOLDER / f"{case}.signed.txt").read_bytes()
    done = subprocess.run(command, input=signed, capture_output=True, check=False)
    assert done.returncode == 0 and b"Verified OK" in done.stdout
    assert subprocess.run(command, input=signed + b" ", capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(("case", "example"), [("entry", ENTRY), ("exit", EXIT)])
def test_golden_records_are_the_interface_documents_examples(case: str, example: str) -> None:
    data = json.loads(json.loads((golden.FOLDER / f"{case}.request.json").read_bytes())["data"])
    (item,) = data["list"]
    assert item.pop("headPhoto") and item.pop("bodyPhoto")
    assert list(item.items()) == list(json.loads(example).items())


def test_golden_shows_refused_unread_and_new_energy_as_the_code_tables_say() -> None:
    items = {}
    for case in ("refused", "unread_hold", "new_energy"):
        envelope = json.loads((golden.FOLDER / f"{case}.request.json").read_bytes())
        (items[case],) = json.loads(envelope["data"])["list"]
    assert (items["refused"]["controlResult"], items["refused"]["barrierAction"]) == ("1", "0")
    assert items["refused"]["networkStatus"] == "0"  # does not apply is sent as not networked
    unread = items["unread_hold"]
    assert (unread["plateNo"], unread["plateColor"], unread["controlResult"]) == ("未识别", "5", "3")
    assert unread["photoMissing"] == "1" and "bodyPhoto" not in unread and "vin" not in unread
    new_energy = items["new_energy"]
    assert (new_energy["plateColor"], new_energy["fuelType"], new_energy["emissionStage"]) == ("6", "C", "D")


OFFLINE = golden.offline_client()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
RARE = st.sampled_from(
    ["𠮷㐂", "🚚💨煤", "ＡＢ１２", "a+b&c=d/\\\"'", "\u202e逆", "\u0000\n\t", "﷽", "e\u0301", "=&sign=x", "龘靐"]
)


@pytest.mark.requirement("S0-97")
@given(goods=TEXT | RARE, reason=TEXT | RARE, fleet=TEXT | RARE)
@settings(max_examples=60, deadline=None)
def test_any_text_survives_signing_and_both_verifiers_read_the_same(goods: str, reason: str, fleet: str) -> None:
    record = {
        **golden.golden_input("entry")["record"],
        "goods_name": goods,
        "violation_reason": reason,
        "fleet_name": fleet,
        "upload_at_ms": golden.NOW_MS,
        "is_backfill": False,
    }
    client, key = OFFLINE, read_public_key(golden.FOLDER / "throwaway-enterprise.pub")
    op = client.profile.ops["inOutRecord"]
    body = client.request_bytes(op, client.business_text(op, [record]), golden.REQ_ID)
    envelope = json.loads(body.decode("utf-8"))
    assert is_signed_by(envelope, key)
    (item,) = json.loads(envelope["data"])["list"]
    assert (item["goodsName"], item["violationReason"], item["fleetName"]) == (goods, reason, fleet)
    again = json.loads(json.dumps(envelope, ensure_ascii=True))  # another writer's escapes on the way
    assert canonical_text(again, leave_out=["sign"]) == golden.signed_text(body)


def test_the_same_record_gives_the_same_business_text_on_every_call() -> None:
    client = golden.offline_client()
    op = client.profile.ops["inOutRecord"]
    record = {**golden.golden_input("entry")["record"], "upload_at_ms": golden.NOW_MS, "is_backfill": True}
    assert len({client.business_text(op, [dict(reversed(record.items()))]) for _ in range(3)}) == 1
