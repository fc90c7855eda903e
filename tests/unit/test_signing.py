"""RSA2: the published pitfalls, each by name, and the interface's test vector."""

import base64
import json
import locale
from pathlib import Path
from urllib.parse import quote, unquote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.adapters.uplink.signing import (
    KeyRefused,
    RawNumber,
    SignatureRefused,
    canonical_text,
    load_private_key,
    load_public_key,
    parse_private_key,
    parse_public_key,
    sign,
    verify,
)

VECTOR_TEXT = (
    'data={"status":1,"sendTime":"2026-11-22 12:00:00","bufferedCount":0,"note":"正常/ok a+b&c=d"}'
    "&enterpriseCode=5303020007&reqId=01JD9Z8Q0V6T4N2M8K7H5F3C1A&signType=RSA2"
    "&timestamp=2026-11-22 12:00:01&version=1.0"
)
VECTOR_SIGN = (
    "OtVui8z5dXByVuEmLnTNLhflrXRYjC3r7Qjz3hvHbnGEJkpERFC36tucCX4KKEvdR9JCC1u9DZahpjRB1JkVAorIVJvnL0dzKeU6nl/Ls1bR5E0h"
    "jS2iCqiA5MjMzA4lSQQuycdRxjZRh1EStrxszmX+R4KHM0WcmDV+Fs9fxCcNK11Ao/KKkGoi911GhKFWjNIZ3wfyKgOLQB7xS8b1ClsPcneMBU+C"
    "BqD8GWuiSSnthCz1mlM9s2CD+Fb5yDbgG7YvoE/+fMUjihWfHC9ZXLuWBiopX9liGay5VwRa+bjoVX+cRmlYiLmWUjFt+x8JVgbsjfqdLrxb75tV"
    "34770w=="
)
VECTOR_KEY = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuzSh4s0zHSNF4l2qyzGX
8pPlQJN972W7Sghi4tdRBz/7OGQLonccM9mhZg5puQyY2qS/nE/eazmytqTt9qbV
E3G4rxcuyJpAFqNcN4hS542A95yJHK0fbGXqnqAKYDBVJsLJZyYbDaGo9X6QDA/O
5ctOkCCcGIdcNlrXdCSc1b7GAakIM/hqazvuZj2RPEQuDebWqAYr8d4pteJ6/wqg
AkCqLa6VffjP31mgdfcgv5IQOYNjF/Qd5LGgwvo72jnYga464IzByVelWIxrMtIY
kknoVPxSPr3tqSv4TItqHgPEcxS4ZG4FYqQIALQ9R8i3yQPiEzyVMgLg0s5ZmRiZ
mwIDAQAB
-----END PUBLIC KEY-----
"""
VECTOR_REQUEST = {
    "enterpriseCode": "5303020007",
    "reqId": "01JD9Z8Q0V6T4N2M8K7H5F3C1A",
    "timestamp": "2026-11-22 12:00:01",
    "version": "1.0",
    "signType": "RSA2",
    "data": '{"status":1,"sendTime":"2026-11-22 12:00:00","bufferedCount":0,"note":"正常/ok a+b&c=d"}',
    "memo": "",
    "extra": None,
    "sign": VECTOR_SIGN,
}
PLAIN, PKCS1, PKCS8 = (
    serialization.NoEncryption(),
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.PrivateFormat.PKCS8,
)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.requirement("S0-97")
def test_the_interfaces_test_vector_has_this_text_and_this_signature() -> None:
    text = canonical_text(VECTOR_REQUEST, leave_out=["sign"])
    assert text == VECTOR_TEXT
    assert len(text.encode("utf-8")) == 210
    verify(text, VECTOR_SIGN, parse_public_key(VECTOR_KEY, name="vector"))


def test_one_changed_character_breaks_the_vectors_signature() -> None:
    with pytest.raises(SignatureRefused, match="does not belong"):
        verify(VECTOR_TEXT.replace("正常", "正當"), VECTOR_SIGN, parse_public_key(VECTOR_KEY, name="vector"))


@pytest.mark.requirement("S0-97")
def test_a_plus_turned_into_a_space_by_form_decoding_is_named() -> None:
    damaged = unquote_plus(VECTOR_SIGN)
    assert " " in damaged
    with pytest.raises(SignatureRefused, match=r"'\+' was decoded as form data"):
        verify(VECTOR_TEXT, damaged, parse_public_key(VECTOR_KEY, name="vector"))


@pytest.mark.requirement("S0-97")
def test_slashes_escaped_by_the_senders_json_writer_do_not_change_what_is_signed() -> None:
    plain = json.dumps(VECTOR_REQUEST, ensure_ascii=False)
    escaped = plain.replace("/", "\\/")
    assert escaped != plain
    assert canonical_text(json.loads(escaped), leave_out=["sign"]) == VECTOR_TEXT


@pytest.mark.requirement("S0-97")
def test_keys_without_a_value_are_not_signed() -> None:
    full = {"a": "1", "empty": "", "none": None, "zero": "0"}
    assert canonical_text(full, leave_out=[]) == "a=1&zero=0"


@pytest.mark.requirement("S0-97")
@pytest.mark.parametrize("layout", ["pkcs8", "pkcs1"])
@pytest.mark.parametrize("dress", ["pem", "bare", "bare with line breaks", "pem with byte order mark", "pem in CRLF"])
def test_private_keys_are_read_in_every_common_layout(key: rsa.RSAPrivateKey, layout: str, dress: str) -> None:
    form = PKCS8 if layout == "pkcs8" else PKCS1
    pem = key.private_bytes(PEM, form, PLAIN)
    bare = base64.b64encode(key.private_bytes(DER, form, PLAIN))
    text = {
        "pem": pem,
        "bare": bare,
        "bare with line breaks": b"\n".join(bare[i : i + 64] for i in range(0, len(bare), 64)) + b"\n",
        "pem with byte order mark": b"\xef\xbb\xbf" + pem,
        "pem in CRLF": pem.replace(b"\n", b"\r\n"),
    }[dress]
    assert parse_private_key(text, name="k").private_numbers() == key.private_numbers()


@pytest.mark.parametrize("dress", ["spki pem", "spki bare", "pkcs1 pem", "pkcs1 bare"])
def test_public_keys_are_read_in_every_common_layout(key: rsa.RSAPrivateKey, dress: str) -> None:
    layout, _, armour = dress.partition(" ")
    form = serialization.PublicFormat.SubjectPublicKeyInfo if layout == "spki" else serialization.PublicFormat.PKCS1
    public = key.public_key()
    text = public.public_bytes(PEM, form) if armour == "pem" else base64.b64encode(public.public_bytes(DER, form))
    assert parse_public_key(text, name="k").public_numbers() == public.public_numbers()


@pytest.mark.requirement("S0-97")
def test_own_public_key_in_the_platforms_place_is_refused(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    path = tmp_path / "platform.pub"
    path.write_bytes(key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(KeyRefused, match="enterprise's own public key"):
        load_public_key(path, own=key)


@pytest.mark.requirement("S0-97")
def test_the_raw_value_is_signed_and_not_its_url_encoding(key: rsa.RSAPrivateKey) -> None:
    text = canonical_text({"note": "a+b&c=d 正常/"}, leave_out=[])
    assert text == "note=a+b&c=d 正常/"
    encoded = f"note={quote('a+b&c=d 正常/')}"
    with pytest.raises(SignatureRefused):
        verify(text, sign(encoded, key), key.public_key())


@pytest.mark.requirement("S0-97")
def test_a_signature_of_251_bytes_is_called_damaged(key: rsa.RSAPrivateKey) -> None:
    short = base64.b64encode(base64.b64decode(sign("a=1", key))[:251]).decode()
    with pytest.raises(SignatureRefused, match="251 bytes instead of 256"):
        verify("a=1", short, key.public_key())


@pytest.mark.requirement("S0-97")
def test_line_breaks_inside_the_base64_are_refused_and_never_written(key: rsa.RSAPrivateKey) -> None:
    signature = sign("a=1", key)
    assert "\n" not in signature and len(signature) == 344 and signature.endswith("==")
    with pytest.raises(SignatureRefused, match="line break"):
        verify("a=1", signature[:76] + "\n" + signature[76:], key.public_key())


def test_url_safe_base64_is_refused() -> None:
    url_safe = VECTOR_SIGN.replace("+", "-").replace("/", "_")
    with pytest.raises(SignatureRefused, match="URL-safe"):
        verify(VECTOR_TEXT, url_safe, parse_public_key(VECTOR_KEY, name="vector"))


@pytest.mark.requirement("S0-97")
def test_text_in_gbk_or_with_a_byte_order_mark_has_another_signature(key: rsa.RSAPrivateKey) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    for raw in ("名=正常".encode("gbk"), "名=正常".encode("utf-8-sig")):
        signature = base64.b64encode(key.sign(raw, padding.PKCS1v15(), hashes.SHA256())).decode()
        with pytest.raises(SignatureRefused):
            verify("名=正常", signature, key.public_key())


@pytest.mark.requirement("S0-97")
def test_escaped_and_raw_chinese_inside_data_are_two_texts_and_both_verify(key: rsa.RSAPrivateKey) -> None:
    raw, escaped = '{"n":"正常"}', '{"n":"\\u6b63\\u5e38"}'
    for data in (raw, escaped):
        received = json.loads(json.dumps({"data": data}))
        verify(canonical_text(received, leave_out=[]), sign(f"data={data}", key), key.public_key())
    assert sign(f"data={raw}", key) != sign(f"data={escaped}", key)


@pytest.mark.requirement("S0-97")
def test_keys_are_sorted_by_ascii_code_whatever_order_or_locale() -> None:
    mixed = {"b": "1", "B": "2", "a_b": "3", "aB": "4", "a1": "5", "A": "6"}
    expected = "A=6&B=2&a1=5&aB=4&a_b=3&b=1"
    assert canonical_text(mixed, leave_out=[]) == expected
    assert canonical_text(dict(reversed(mixed.items())), leave_out=[]) == expected
    before = locale.setlocale(locale.LC_COLLATE)
    try:
        locale.setlocale(locale.LC_COLLATE, "C.UTF-8")
        assert canonical_text(mixed, leave_out=[]) == expected
    finally:
        locale.setlocale(locale.LC_COLLATE, before)


def test_numbers_of_an_answer_are_signed_as_they_stood_in_the_body() -> None:
    body = '{"code":200,"rate":1.50,"big":12345678901234567890}'
    parsed = json.loads(body, parse_int=RawNumber, parse_float=RawNumber)
    assert canonical_text(parsed, leave_out=[]) == "big=12345678901234567890&code=200&rate=1.50"


def test_a_nested_value_cannot_be_signed() -> None:
    with pytest.raises(SignatureRefused, match="data: a dict"):
        canonical_text({"data": {"a": 1}}, leave_out=[])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_private_key_that_others_may_read_is_refused(key: rsa.RSAPrivateKey, tmp_path: Path, mode: int) -> None:
    path = tmp_path / "enterprise.key"
    path.write_bytes(key.private_bytes(PEM, PKCS8, PLAIN))
    path.chmod(mode)
    with pytest.raises(KeyRefused, match=r"lets others read the private key, allowed: 0600 or 0400"):
        load_private_key(path)
    path.chmod(0o600)
    assert load_private_key(path).private_numbers() == key.private_numbers()


def test_keys_that_cannot_be_used_are_refused_with_the_reason(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    encrypted = key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"x"))
    cases = {
        "1024 bits": small.private_bytes(PEM, PKCS8, PLAIN),
        "is not RSA": curve.private_bytes(PEM, PKCS8, PLAIN),
        "encrypted with a password": encrypted,
        "not an unencrypted": base64.b64encode(b"no key at all"),
        "neither PEM nor base64": b"\x00\xff\xfe",
    }
    for reason, text in cases.items():
        with pytest.raises(KeyRefused, match=reason):
            parse_private_key(text, name="enterprise.key")
    with pytest.raises(KeyRefused, match="No such file"):
        load_private_key(tmp_path / "absent.key")


def test_refusals_never_show_the_key(key: rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(PEM, PKCS8, PLAIN)
    with pytest.raises(KeyRefused) as refusal:
        parse_public_key(pem, name="platform.pub")
    assert pem.splitlines()[1].decode() not in str(refusal.value)
