"""What the client makes of every kind of answer: believed or not, which receipt, and what reaches a log."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import uplink_golden as golden

from gateway.services.ports import OutboxRow, Receipt
from tools.regulator.rsa2 import sign_answer

OK_TOKEN = golden.signed_answer({"token": "tk_secret_1", "expiresIn": 7200})
OK_RECORD = golden.signed_answer(golden.golden_input("entry")["answer"])


class MovedClock:
    def __init__(self) -> None:
        self.mono = 0.0

    def wall_ms(self) -> int:
        return golden.NOW_MS

    def mono_s(self) -> float:
        return self.mono


class Bench:
    """A client at a platform whose answers are typed in by hand."""

    def __init__(self) -> None:
        self.listener, self.clock = golden.Listener(), MovedClock()
        self.listener.answers["getToken"] = OK_TOKEN
        self.client = golden.client_for(self.listener, clock=self.clock)

    def send(self, *answers: bytes | tuple[int, bytes], **changes: Any) -> Receipt:
        """Send the golden entry; the platform gives answers one after the other, the last one for ever."""
        left = list(answers)

        def tell() -> tuple[int, bytes]:
            answer = left.pop(0) if len(left) > 1 else left[0]
            return answer if isinstance(answer, tuple) else (200, answer)

        self.listener.answers["inOutRecord"] = tell
        given = golden.golden_input("entry")
        row = OutboxRow(
            1, "inOutRecord", "k", 1, golden.REQ_ID, {**given["record"], **changes}, 0, 1, golden.NOW_MS, False
        )
        return self.client.send(row)

    def paths(self) -> list[str]:
        return [post.path.rsplit("/", 1)[1] for post in self.listener.posts]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.client.close()
    bench.listener.close()


def item(code: int, message: str = "", **more: Any) -> bytes:
    number = golden.golden_input("entry")["record"]["record_no"]
    return golden.signed_answer({"results": [{"recordNo": number, "code": code, "msg": message, **more}]})


def resigned(**changes: Any) -> bytes:
    """A good answer with changed envelope keys (None = left out), properly signed."""
    envelope = {**json.loads(OK_RECORD), **changes}
    envelope = {key: value for key, value in envelope.items() if value is not None and key != "sign"}
    return json.dumps({**envelope, "sign": sign_answer(envelope, golden.PLATFORM_KEY)}, ensure_ascii=False).encode()


@pytest.mark.requirement("X-28")
@pytest.mark.parametrize("how", ["envelope", "item"])
@pytest.mark.parametrize(
    ("code", "outcome", "condition"),
    [(40001, "parked", None), (40002, "parked", None), (40003, "parked", None), (40401, "parked", None),
     (40901, "parked", None), (41301, "parked", None), (42201, "parked", None), (49999, "parked", None),
     (40004, "retry", "clock"), (40103, "retry", "credential"), (40104, "retry", "credential"),
     (40301, "retry", "credential"), (42401, "retry", None), (42901, "retry", "throttled"), (50001, "retry", None),
     (50301, "retry", None), (59999, "retry", None), (12345, "retry", None)],
)  # fmt: skip
def test_http_200_with_a_business_error_is_never_accepted(
    bench: Bench, code: int, outcome: str, condition: str | None, how: str
) -> None:
    answer = item(code, "because") if how == "item" else golden.signed_answer(None, code=code, message="because")
    receipt = bench.send(answer)
    assert (receipt.outcome, receipt.code, receipt.message) == (outcome, code, "because")
    assert receipt.data.get("condition") == condition


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((503, b"maintenance"), "HTTP status 503"),
        ((404, OK_RECORD), "HTTP status 404"),
        ((302, OK_RECORD), "HTTP status 302"),
        (b"", "not JSON"),
        (b"<html>ok</html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[200]", "not a JSON object"),
        (resigned(code=None), "no code"),
        (resigned(code="fine"), "no code"),
        (resigned(reqId="01JD9Z8Q0V6T4N2M8K7H5F3C1B"), "another request"),
        (OK_RECORD.replace(b'"msg": "ok"', b'"msg": "OK"'), "signature of the answer: does not belong"),
        (json.dumps({k: v for k, v in json.loads(OK_RECORD).items() if k != "sign"}).encode(), "not signed"),
        (resigned(data="[1]"), "data of the answer is not a JSON object"),
        (resigned(data="{"), "data of the answer is not JSON"),
        (golden.signed_answer({"results": []}), "without a result for recordNo"),
        (golden.signed_answer({"results": [{"recordNo": "other", "code": 200}]}), "without a result for recordNo"),
        (golden.signed_answer({"results": 5}), "without a result for recordNo"),
        (golden.signed_answer(None), "without a result for recordNo"),
        (item(True), "without a result for recordNo"),  # type: ignore[arg-type]
        (b'{"code":200,"pad":"' + b"x" * (8 * 1024 * 1024 + 1) + b'"}', "answer over 8388608 bytes"),
    ],
)
def test_an_answer_that_cannot_be_believed_is_a_transport_failure(
    bench: Bench, answer: bytes | tuple[int, bytes], reason: str
) -> None:
    receipt = bench.send(answer)
    assert (receipt.outcome, receipt.code, receipt.data["condition"]) == ("retry", 0, "offline")
    assert reason in receipt.message


def test_unknown_keys_of_an_answer_are_ignored(bench: Bench) -> None:
    assert bench.send(resigned(novelty="1", data=json.loads(OK_RECORD)["data"])).outcome == "accepted"


@pytest.mark.requirement("S0-98")
@pytest.mark.parametrize("code", [40101, 40102])
def test_an_ended_token_is_renewed_once_and_the_same_request_repeated(bench: Bench, code: int) -> None:
    assert bench.send(OK_RECORD).outcome == "accepted"
    bench.clock.mono = 11
    bench.listener.posts.clear()
    assert bench.send(golden.signed_answer(None, code=code), OK_RECORD).outcome == "accepted"
    assert bench.paths() == ["inOutRecord", "getToken", "inOutRecord"]
    first, _, second = (json.loads(post.body) for post in bench.listener.posts)
    assert first["reqId"] == second["reqId"] and first["data"] == second["data"]


def test_a_token_refused_right_after_its_renewal_is_a_credential_trouble(bench: Bench) -> None:
    assert bench.send(OK_RECORD).outcome == "accepted"
    bench.clock.mono = 11
    bench.listener.posts.clear()
    receipt = bench.send(golden.signed_answer(None, code=40101, message="token unknown"))
    assert (receipt.outcome, receipt.code, receipt.data["condition"]) == ("retry", 40101, "credential")
    assert bench.paths() == ["inOutRecord", "getToken", "inOutRecord"]


def test_a_token_that_may_not_be_renewed_yet_makes_the_row_wait(bench: Bench) -> None:
    receipt = bench.send(golden.signed_answer(None, code=40102))
    assert receipt.outcome == "retry" and receipt.data["condition"] == "throttled"
    assert receipt.retry_after_s == 10
    assert bench.paths() == ["getToken", "inOutRecord"]


def test_a_refused_signature_is_tried_once_more(bench: Bench) -> None:
    assert bench.send(golden.signed_answer(None, code=40104), OK_RECORD).outcome == "accepted"
    assert bench.paths() == ["getToken", "inOutRecord", "inOutRecord"]
    bench.listener.posts.clear()
    receipt = bench.send(golden.signed_answer(None, code=40104))
    assert receipt.data["condition"] == "credential" and receipt.retry_after_s == 600
    assert bench.paths() == ["inOutRecord", "inOutRecord"]


def test_the_platform_says_how_long_to_wait(bench: Bench) -> None:
    assert bench.send(item(42901, retryAfter=7)).retry_after_s == 7
    assert bench.send(golden.signed_answer({"retryAfter": 9}, code=42901)).retry_after_s == 9
    assert bench.send(item(42901, retryAfter=-1)).retry_after_s is None


@pytest.mark.requirement("S0-98")
def test_our_wrong_clock_is_a_condition_and_the_servers_time_is_told(bench: Bench) -> None:
    receipt = bench.send(golden.signed_answer(None, code=40004))
    assert receipt.data == {"condition": "clock", "server_time_ms": golden.NOW_MS + 1000}


@pytest.mark.parametrize(("code", "condition"), [(40103, "credential"), (40301, "credential"), (40004, "clock")])
def test_no_token_for_a_reason_is_that_reasons_condition(bench: Bench, code: int, condition: str) -> None:
    bench.listener.answers["getToken"] = golden.signed_answer(None, code=code, message="no")
    receipt = bench.send(OK_RECORD)
    assert (receipt.outcome, receipt.code, receipt.data["condition"]) == ("retry", code, condition)
    assert bench.paths() == ["getToken"]


def test_no_token_because_nobody_answers_is_offline(bench: Bench) -> None:
    bench.listener.answers["getToken"] = lambda: (503, b"")
    receipt = bench.send(OK_RECORD)
    assert (receipt.outcome, receipt.code, receipt.data["condition"]) == ("retry", 0, "offline")


def test_a_record_the_profile_cannot_say_is_parked_without_a_request(bench: Bench) -> None:
    receipt = bench.send(OK_RECORD, vin=None)
    assert (receipt.outcome, receipt.code) == ("parked", 40002) and "vin (vin): required" in receipt.message
    receipt = bench.send(OK_RECORD, fuel_type="X")
    assert (receipt.outcome, receipt.code) == ("parked", 40003) and "fuelType (fuel_type)" in receipt.message
    assert bench.paths() == []


def test_an_operation_that_the_profile_lacks_is_parked(bench: Bench) -> None:
    row = OutboxRow(1, "telex", "k", 1, golden.REQ_ID, {}, 0, 1, golden.NOW_MS, False)
    assert bench.client.send(row).outcome == "parked"


def test_a_dead_address_is_offline_and_raises_nothing() -> None:
    row = OutboxRow(1, "inOutRecord", "k", 1, golden.REQ_ID, golden.golden_input("entry")["record"], 0, 1, 1, False)
    receipt = golden.offline_client().send(row)
    assert receipt.outcome == "retry" and receipt.data["condition"] == "offline"
    assert golden.offline_client().heartbeat({}).data["condition"] == "offline"


def test_the_address_may_be_given_with_or_without_the_profiles_path(bench: Bench) -> None:
    bench.listener.answers["heartBeat"] = golden.signed_answer(golden.golden_input("heartBeat")["answer"])
    for suffix in ("", "/", "/access/api/dataReceive", "/access/api/dataReceive/"):
        client = golden.client_for(bench.listener, suffix=suffix)
        assert client.heartbeat({"status": "1"}).outcome == "accepted"
        client.close()
    assert {post.path.rsplit("/", 1)[0] for post in bench.listener.posts} == {"/access/api/dataReceive"}


def test_a_heartbeat_that_cannot_be_said_is_parked_with_the_reason(bench: Bench) -> None:
    receipt = bench.client.heartbeat({"status": "fine"})
    assert receipt.outcome == "parked" and "status (status): 'fine'" in receipt.message


def test_https_is_spoken_and_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    certificate = golden.self_signed_certificate(tmp_path)
    listener = golden.Listener(tls_files=certificate)
    for other in ("getToken", "heartBeat"):
        listener.answers[other] = golden.signed_answer(golden.golden_input(other)["answer"])
    trusting = golden.client_for(listener, ca_file=str(certificate[0]))
    assert trusting.heartbeat({}).outcome == "accepted"
    doubting = golden.client_for(listener).heartbeat({})
    assert doubting.outcome == "retry" and "TLS failed" in doubting.message
    listener.close()


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_attempt(bench: Bench) -> None:
    assert bench.send(OK_RECORD).outcome == "accepted"
    bench.listener.cut_next()
    bench.listener.posts.clear()
    assert bench.send(OK_RECORD).outcome == "accepted"
    first, second = (post.body for post in bench.listener.posts)
    assert first == second


def test_no_secret_reaches_a_log(bench: Bench) -> None:
    with structlog.testing.capture_logs() as logs:
        bench.send(OK_RECORD)
        bench.send(golden.signed_answer(None, code=40003, message="no"))
        bench.send((503, b""))
    assert len(logs) == 4
    body = bench.listener.posts[-1].body
    photo = json.loads(json.loads(body)["data"])["list"][0]["headPhoto"]
    text = str(logs)
    for secret in ("tk_secret_1", json.loads(body)["sign"][:40], photo[:40], "孙示例"):
        assert secret not in text
