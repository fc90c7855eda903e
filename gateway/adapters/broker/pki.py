"""The site's own certificate authority and the certificates it issues.

Everything is EC P-256. A board wakes up in 2000 or 2021 and Mbed TLS enforces dates, so every certificate starts at
2000-01-01; it ends on the last day that RFC 5280 section 4.1.2.5 still writes as UTCTime. Neither date depends on
this machine's clock, which may be wrong at the first start.

The name in the subject is the right: O = site (enterprise code), CN = broker, gateway, vision, a lane id or a technician. A lane
controller reads DER only, so its certificate, its key and the authority's certificate are kept in both forms.

The broker accepts, for a name, only the certificate that lies in this folder. `reissue` therefore takes a lost or
stolen key out of service: the old certificate is refused from the next check on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOT_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
BROKER = "broker"
BROKER_DNS_NAMES = ("gateway.local", "localhost")
BROKER_ADDRESSES = ("127.0.0.1",)
_AUTHORITY = "ca"
REVOKED = "revoked"  # serial numbers, hex, one a line
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_SITE = re.compile(r"[0-9A-Za-z]{1,32}")


class KeyFileError(ValueError):
    """A file of the key folder is missing, damaged or does not belong there; the text names the file and the cure."""


@dataclass(frozen=True)
class SiteKeys:
    """Where the key material of one site lies. Nothing is read here; `ensure_site_keys` has checked the files."""

    folder: Path
    site_code: str

    @property
    def ca_crt(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def ca_der(self) -> Path:
        return self.folder / "ca.der"

    def crt(self, name: str) -> Path:
        """Certificate (PEM) of broker, gateway, vision or a lane id."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Private key (PEM, PKCS #8, not encrypted)."""
        return self.folder / f"{name}.key"

    def crt_der(self, name: str) -> Path:
        return self.folder / f"{name}.crt.der"

    def key_der(self, name: str) -> Path:
        """Private key as SEC 1 ECPrivateKey (RFC 5915) in DER, as Mbed TLS reads it."""
        return self.folder / f"{name}.key.der"

    def fingerprint(self, name: str) -> str:
        """SHA-256 of the DER certificate that is good for this name now, hex. Raises KeyFileError if it is not there."""
        try:
            return hashlib.sha256(self.crt_der(name).read_bytes()).hexdigest()
        except OSError as error:
            raise KeyFileError(f"{self.crt_der(name)}: cannot be read ({error.strerror})") from error


def ensure_site_keys(
    keys_dir: Path | str,
    *,
    site_code: str,
    lanes: Sequence[str],
    roles: Sequence[str] = ("gateway", "vision"),
    broker_addresses: Sequence[str] = (),
) -> SiteKeys:
    """Make what is missing, check what is there, and return the paths.

    lanes: lane ids of the configuration; a new one later gets its files, the others stay as they are.
    broker_addresses: further IP addresses under which lanes reach the broker; used only when its certificate is made.
    The authority's private key is needed only to issue: it may be taken away once all certificates exist.
    Raises KeyFileError for a damaged or mismatching file, ValueError for a name that cannot be one.
    """
    if not _SITE.fullmatch(site_code):
        raise ValueError(f"site code {site_code!r}: 1 to 32 digits or letters are allowed")
    for name in (*lanes, *roles):
        if not _NAME.fullmatch(name):
            raise ValueError(f"certificate name {name!r}: letters, digits and '-', at most 32, are allowed")
        if name in (_AUTHORITY, BROKER):
            raise ValueError(f"certificate name {name!r} is reserved")
    keys = SiteKeys(Path(keys_dir), site_code)
    with _locked(keys.folder):
        authority = _ensure_authority(keys)
        addresses = tuple(dict.fromkeys((*BROKER_ADDRESSES, *broker_addresses)))
        for name in (BROKER, *roles, *lanes):
            _ensure_certificate(keys, name, authority, addresses if name == BROKER else None)
    return keys


def reissue(keys_dir: Path | str, *, site_code: str, name: str, broker_addresses: Sequence[str] = ()) -> SiteKeys:
    """Give a name a new key and certificate; the broker refuses the old certificate from its next check on.

    The broker itself takes a new certificate of its own at its next start.
    Raises KeyFileError if the name has no certificate yet or the authority's key is not here.
    """
    keys = SiteKeys(Path(keys_dir), site_code)
    with _locked(keys.folder):
        authority = _ensure_authority(keys)
        if not keys.crt(name).exists():
            raise KeyFileError(f"{keys.crt(name)}: there is no certificate to replace")
        addresses = tuple(dict.fromkeys((*BROKER_ADDRESSES, *broker_addresses))) if name == BROKER else None
        _note_revoked(keys, name)
        # Key first: what a power cut leaves is an error that names the file, never a new certificate for the old key.
        for path in (keys.key(name), keys.key_der(name), keys.crt_der(name), keys.crt(name)):
            path.unlink(missing_ok=True)
            _sync_folder(keys.folder)
        _ensure_certificate(keys, name, authority, addresses)
    return keys


def revoke(keys_dir: Path | str, *, site_code: str, name: str) -> None:
    """Take a name's certificate and key away: the broker lets it in no more, and ends its connection within seconds.

    Raises KeyFileError if there is none.
    """
    keys = SiteKeys(Path(keys_dir), site_code)
    with _locked(keys.folder):
        if not keys.crt(name).exists():
            raise KeyFileError(f"{keys.crt(name)}: there is no certificate to take away")
        _note_revoked(keys, name)
        for path in (keys.crt_der(name), keys.crt(name), keys.key(name), keys.key_der(name)):
            path.unlink(missing_ok=True)
        _sync_folder(keys.folder)


def revocation_list(keys: SiteKeys) -> bytes:
    """The CRL (PEM) of every certificate that was replaced or taken away, for a broker that cannot look into the key folder."""
    with _locked(keys.folder):
        authority = _ensure_authority(keys)
        builder = x509.CertificateRevocationListBuilder().issuer_name(authority.subject)
        builder = builder.last_update(NOT_BEFORE).next_update(NOT_AFTER)
        for serial in _revoked(keys):
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOT_BEFORE).build()
            builder = builder.add_revoked_certificate(one)
        signed = builder.sign(_read_key(keys.key(_AUTHORITY)), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def _revoked(keys: SiteKeys) -> list[int]:
    try:
        return [int(line, 16) for line in (keys.folder / REVOKED).read_text("ascii").split()]
    except FileNotFoundError:
        return []


def _note_revoked(keys: SiteKeys, name: str) -> None:
    """Before the certificate goes: its serial number is kept for ever."""
    serials = [*_revoked(keys), _read_certificate(keys.crt(name)).serial_number]
    _write(keys.folder / REVOKED, "".join(f"{serial:x}\n" for serial in dict.fromkeys(serials)).encode())


# ---------------------------------------------------------------- issuing


def _ensure_authority(keys: SiteKeys) -> x509.Certificate:
    key_path = keys.key(_AUTHORITY)
    if not keys.ca_crt.exists():
        key = _read_key(key_path) if key_path.exists() else _new_key(key_path)
        name = _subject(keys.site_code, "Lvzha site authority")
        builder = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(issues=True), critical=True)
        )
        _write(keys.ca_crt, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    certificate = _read_certificate(keys.ca_crt)
    if key_path.exists():
        _check_pair(keys.ca_crt, certificate, key_path, _read_key(key_path))
    _check_site(keys.ca_crt, certificate, keys.site_code)
    _derive(keys.ca_der, certificate.public_bytes(serialization.Encoding.DER), keys.ca_crt)
    return certificate


def _ensure_certificate(
    keys: SiteKeys, name: str, authority: x509.Certificate, addresses: Sequence[str] | None
) -> None:
    crt_path, key_path = keys.crt(name), keys.key(name)
    if not crt_path.exists():
        key = _read_key(key_path) if key_path.exists() else _new_key(key_path)
        _write(crt_path, _issue(keys, name, key, authority, addresses).public_bytes(serialization.Encoding.PEM))
    if not key_path.exists():
        raise KeyFileError(f"{key_path}: missing, but {crt_path.name} is there; restore it or remove {crt_path.name}")
    certificate, key = _read_certificate(crt_path), _read_key(key_path)
    _check_pair(crt_path, certificate, key_path, key)
    _check_site(crt_path, certificate, keys.site_code)
    common_name = _attribute(certificate, NameOID.COMMON_NAME)
    if common_name != name:
        raise KeyFileError(f"{crt_path}: is made out to {common_name!r}, not to {name!r}")
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise KeyFileError(f"{crt_path}: was not issued by {keys.ca_crt.name} of this site") from error
    _derive(keys.crt_der(name), certificate.public_bytes(serialization.Encoding.DER), crt_path)
    _derive(keys.key_der(name), _sec1(key), key_path)


def _issue(
    keys: SiteKeys,
    name: str,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    addresses: Sequence[str] | None,
) -> x509.Certificate:
    authority_key_path = keys.key(_AUTHORITY)
    if not authority_key_path.exists():
        raise KeyFileError(f"{authority_key_path}: missing; it is needed to issue {keys.crt(name).name}")
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if addresses is not None else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(_subject(keys.site_code, name), authority.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(issues=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),  # type: ignore[arg-type]
            critical=False,
        )
    )
    if addresses is not None:
        names = [x509.DNSName(dns) for dns in BROKER_DNS_NAMES] + [x509.IPAddress(ip_address(ip)) for ip in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(_read_key(authority_key_path), hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _subject(site_code: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, site_code),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        key_cert_sign=issues,
        crl_sign=issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


# ---------------------------------------------------------------- checking


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise KeyFileError(f"{path}: damaged, not a PEM certificate; restore it from a backup") from error


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path}: damaged, not a PEM private key; restore it from a backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{path}: is not an EC key")
    return key


def _check_pair(crt_path: Path, certificate: x509.Certificate, key_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    if certificate.public_key() != key.public_key():
        raise KeyFileError(f"{key_path}: does not belong to {crt_path.name}; restore the pair from one backup")


def _check_site(path: Path, certificate: x509.Certificate, site_code: str) -> None:
    organisation = _attribute(certificate, NameOID.ORGANIZATION_NAME)
    if organisation != site_code:
        raise KeyFileError(f"{path}: belongs to site {organisation!r}, the configuration says {site_code!r}")


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    values = certificate.subject.get_attributes_for_oid(oid)
    return str(values[0].value) if len(values) == 1 else ""


def _sec1(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


# ---------------------------------------------------------------- files


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key reaches the disk before its certificate, so that a certificate without a key is always an error."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem)
    return key


def _derive(path: Path, content: bytes, source: Path) -> None:
    """A DER twin is made if missing; one that says something else than its PEM is an error."""
    if not path.exists():
        _write(path, content)
    elif path.read_bytes() != content:
        raise KeyFileError(f"{path}: is not the DER form of {source.name}; remove it and it is made again")


def _write(path: Path, content: bytes) -> None:
    """Replace path in one step, readable by its owner only, on disk when this returns."""
    partial = path.with_name(f".{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Broker and gateway may both start on an empty folder: one makes the files, the other waits."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        _sync_folder(folder.parent)
    with os.fdopen(os.open(folder / ".lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
