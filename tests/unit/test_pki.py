"""The key folder: made once, kept, and honest about damage."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from gateway.adapters.broker import pki

SITE = "5303020007"
LANES = ["g1-b01", "g1-b02"]


@pytest.fixture
def keys(tmp_path: Path) -> pki.SiteKeys:
    return pki.ensure_site_keys(tmp_path / "keys", site_code=SITE, lanes=LANES)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_first_start_makes_every_file_readable_by_its_owner_only(keys: pki.SiteKeys) -> None:
    names = [pki.BROKER, "gateway", "vision", *LANES]
    expected = {"ca.crt", "ca.key", "ca.der", ".lock"}
    expected |= {f"{name}.{kind}" for name in names for kind in ("crt", "key", "crt.der", "key.der")}
    assert set(contents(keys.folder)) == expected
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    for path in keys.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_second_start_changes_nothing(keys: pki.SiteKeys) -> None:
    before = contents(keys.folder)
    pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=LANES)
    assert contents(keys.folder) == before


def test_a_new_lane_adds_only_its_own_files(keys: pki.SiteKeys) -> None:
    before = contents(keys.folder)
    pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=[*LANES, "g2-b01"])
    after = contents(keys.folder)
    assert set(after) - set(before) == {f"g2-b01.{kind}" for kind in ("crt", "key", "crt.der", "key.der")}
    assert {name: after[name] for name in before} == before


@pytest.mark.requirement("X-39")
def test_subjects_and_dates_are_what_a_board_without_a_clock_can_check(keys: pki.SiteKeys) -> None:
    authority = x509.load_pem_x509_certificate(keys.ca_crt.read_bytes())
    for name in (pki.BROKER, "gateway", "vision", *LANES):
        certificate = x509.load_der_x509_certificate(keys.crt_der(name).read_bytes())
        certificate.verify_directly_issued_by(authority)
        subject = certificate.subject
        assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
        assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == SITE
        assert (certificate.not_valid_before_utc.year, certificate.not_valid_after_utc.year) == (2000, 2049)
    broker = x509.load_der_x509_certificate(keys.crt_der(pki.BROKER).read_bytes())
    names = broker.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert isinstance(names, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["gateway.local", "localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


@pytest.mark.requirement("X-39")
@pytest.mark.parametrize("at", ["2000-01-02", "2031-11-24", "2049-12-30"])
def test_every_certificate_is_good_in_the_year_a_board_wakes_up_in_and_for_decades(keys: pki.SiteKeys, at: str) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    pki.reissue(keys.folder, site_code=SITE, name="g1-b02")  # renewal does not depend on the day it is made on
    at_s = str(int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()))
    for name, purpose in (
        ("broker", "sslserver"),
        ("gateway", "sslclient"),
        ("g1-b01", "sslclient"),
        ("g1-b02", "sslclient"),
    ):
        command = [openssl, "verify", "-x509_strict", "-attime", at_s, "-purpose", purpose, "-CAfile", keys.ca_crt]
        done = subprocess.run([*command, keys.crt(name)], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stdout + done.stderr
        wrong = [*command[:-3], "sslserver" if purpose == "sslclient" else "sslclient", *command[-2:]]
        assert subprocess.run([*wrong, keys.crt(name)], capture_output=True, timeout=20).returncode != 0


def test_the_boards_interpreter_loads_the_der_files(keys: pki.SiteKeys) -> None:
    interpreter = Path(sys.executable).with_name("micropython")
    if not interpreter.exists():
        pytest.skip("the MicroPython interpreter has no wheel for this machine")
    script = (
        "import ssl\n"
        "read = lambda name: open(name, 'rb').read()\n"
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
        "context.load_verify_locations(cadata=read('ca.der'))\n"
        "context.load_cert_chain(read('g1-b01.crt.der'), read('g1-b01.key.der'))\n"
        "print('loaded')\n"
    )
    done = subprocess.run([interpreter, "-c", script], cwd=keys.folder, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, "loaded\n"), done.stderr


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "broker.crt", "gateway.key", "g1-b01.crt", "g1-b01.key.der"])
def test_a_damaged_file_is_named(keys: pki.SiteKeys, name: str) -> None:
    path = keys.folder / name
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(pki.KeyFileError, match=rf"/{name}: "):
        pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=LANES)


def test_a_key_of_another_certificate_is_named(keys: pki.SiteKeys) -> None:
    shutil.copy(keys.key("g1-b02"), keys.key("g1-b01"))
    with pytest.raises(pki.KeyFileError, match=r"g1-b01\.key: does not belong to g1-b01\.crt"):
        pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=LANES)


def test_a_certificate_under_another_lanes_name_is_refused(keys: pki.SiteKeys) -> None:
    for suffix in ("crt", "key"):
        shutil.copy(keys.folder / f"g1-b02.{suffix}", keys.folder / f"g1-b01.{suffix}")
    with pytest.raises(pki.KeyFileError, match="made out to 'g1-b02', not to 'g1-b01'"):
        pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=LANES)


def test_a_certificate_of_another_authority_is_refused(keys: pki.SiteKeys, tmp_path: Path) -> None:
    foreign = pki.ensure_site_keys(tmp_path / "foreign", site_code=SITE, lanes=LANES)
    for suffix in ("crt", "key", "crt.der", "key.der"):
        shutil.copy(foreign.folder / f"g1-b01.{suffix}", keys.folder / f"g1-b01.{suffix}")
    with pytest.raises(pki.KeyFileError, match=r"g1-b01\.crt: was not issued by ca\.crt"):
        pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=LANES)


def test_keys_of_another_site_are_refused(keys: pki.SiteKeys) -> None:
    with pytest.raises(pki.KeyFileError, match="belongs to site '5303020007', the configuration says '5303020008'"):
        pki.ensure_site_keys(keys.folder, site_code="5303020008", lanes=LANES)


def test_a_lost_private_key_is_never_replaced_in_silence(keys: pki.SiteKeys) -> None:
    keys.key("gateway").unlink()
    with pytest.raises(pki.KeyFileError, match=r"gateway\.key: missing"):
        pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=LANES)


def test_the_authoritys_key_may_be_taken_away_until_something_must_be_issued(keys: pki.SiteKeys) -> None:
    (keys.folder / "ca.key").unlink()
    pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=LANES)
    with pytest.raises(pki.KeyFileError, match=r"ca\.key: missing; it is needed to issue g2-b01\.crt"):
        pki.ensure_site_keys(keys.folder, site_code=SITE, lanes=["g2-b01"])


@pytest.mark.parametrize("step", range(1, 12))
def test_a_start_cut_short_after_any_file_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    real, written = pki._write, 0

    def cut(path: Path, content: bytes) -> None:
        nonlocal written
        written += 1
        if written == step:
            path.with_name(f".{path.name}.partial").write_bytes(content[:10])
            raise OSError("power cut")
        real(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(pki, "_write", cut)
        with pytest.raises(OSError, match="power cut"):
            pki.ensure_site_keys(tmp_path, site_code=SITE, lanes=LANES)
    keys = pki.ensure_site_keys(tmp_path, site_code=SITE, lanes=LANES)
    assert keys.key_der("g1-b02").exists()


def test_reissue_changes_key_and_certificate_of_one_name(keys: pki.SiteKeys) -> None:
    before, old = contents(keys.folder), keys.fingerprint("g1-b01")
    pki.reissue(keys.folder, site_code=SITE, name="g1-b01")
    after = contents(keys.folder)
    assert keys.fingerprint("g1-b01") != old
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"g1-b01.{kind}" for kind in ("crt", "key", "crt.der", "key.der")}


@pytest.mark.parametrize("name", ["ca", "broker", "-x", "../x", "a/b", "", "+", "x" * 33])
def test_a_name_that_cannot_be_a_file_and_a_topic_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="certificate name"):
        pki.ensure_site_keys(tmp_path / "keys", site_code=SITE, lanes=[name])
    assert not (tmp_path / "keys").exists()


def test_two_processes_at_once_make_one_set(tmp_path: Path) -> None:
    script = (
        "import sys; from gateway.adapters.broker import pki\n"
        f"print(pki.ensure_site_keys(sys.argv[1], site_code={SITE!r}, lanes={LANES!r}).fingerprint('gateway'))"
    )
    root = Path(pki.__file__).parents[3]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "keys")],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        for _ in range(2)
    ]
    prints = {process.communicate(timeout=30)[0] for process in started}
    assert len(prints) == 1
    assert all(process.returncode == 0 for process in started)
