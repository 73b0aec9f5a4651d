"""The certificate that is made here: what it is for, when it is made anew, what its root may vouch for; and others'."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from pydantic import ValidationError

from gisops import certificates
from gisops.errors import NotReady
from gisops.settings import Settings

LAN = "192.168.7.5"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses this machine is made to have."""
    told = [LAN, "127.0.0.1", "::1"]
    monkeypatch.setattr(certificates, "local_addresses", lambda: [ipaddress.ip_address(one) for one in told])
    monkeypatch.setattr(certificates, "host_names", lambda: ["localhost", "desk-1", "desk-1.local"])
    return told


def _loaded(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_this_machines_addresses_are_found() -> None:
    found = certificates.local_addresses()
    assert found[-2:] == [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    assert "localhost" in certificates.host_names()


def test_it_is_for_all_names_and_addresses_and_only_its_user_may_read_it(here: list[str], tmp_path: Path) -> None:
    held = certificates.ensure(tmp_path, ["gis.local", "10.1.2.3"])
    assert set(held.names) == {"localhost", "desk-1", "desk-1.local", "gis.local", "10.1.2.3", *here}
    leaf = _loaded(held.certificate)
    told = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address(LAN) in told.get_values_for_type(x509.IPAddress)
    assert held.ends - held.begins <= timedelta(days=825)
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    for file in (tmp_path / "tls").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert held.fingerprint == leaf.fingerprint(hashes.SHA256()).hex(" ").upper()
    assert held.root is not None
    assert held.root_fingerprint == _loaded(held.root).fingerprint(hashes.SHA256()).hex(" ").upper()
    # what a web process does with it
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(held.certificate, held.key)


def test_it_stays_while_it_holds_and_is_renewed_under_the_same_root(here: list[str], tmp_path: Path) -> None:
    first = certificates.ensure(tmp_path)
    assert certificates.ensure(tmp_path) == first
    # an address that is gone for a while is no reason
    here.remove(LAN)
    assert certificates.ensure(tmp_path) == first
    late = datetime.now(UTC) + timedelta(days=certificates.LEAF_DAYS - certificates.RENEW_DAYS + 1)
    renewed = certificates.ensure(tmp_path, now=late)
    assert renewed.ends > first.ends
    assert renewed.fingerprint != first.fingerprint
    assert (renewed.root_fingerprint, renewed.new_root) == (first.root_fingerprint, False)


def test_a_root_is_replaced_only_where_it_ends_or_may_not_vouch(here: list[str], tmp_path: Path) -> None:
    first = certificates.ensure(tmp_path)
    assert not first.new_root
    here.append("192.168.7.6")
    beyond = certificates.ensure(tmp_path)
    assert beyond.new_root
    assert beyond.root_fingerprint != first.root_fingerprint
    assert "192.168.7.6" in beyond.names
    assert not certificates.ensure(tmp_path).new_root
    named = certificates.ensure(tmp_path, ["10.8.0.7", "FD00:0::7"])
    assert named.new_root
    # an address that was named before the machine had it takes no other
    here += ["10.8.0.7", "fd00::7"]
    assert certificates.ensure(tmp_path) == certificates.ensure(tmp_path, ["FD00:0::7"])
    assert certificates.ensure(tmp_path).root_fingerprint == named.root_fingerprint
    ended = certificates.ensure(tmp_path, now=datetime.now(UTC) + timedelta(days=certificates.ROOT_DAYS))
    assert ended.new_root


@pytest.mark.parametrize("spoilt", ["root.crt", "root.key", "server.crt", "server.key"])
def test_a_file_that_is_spoilt_is_made_anew(spoilt: str, here: list[str], tmp_path: Path) -> None:
    certificates.ensure(tmp_path)
    (tmp_path / "tls" / spoilt).write_text("-----BEGIN NOTHING-----\n")
    held = certificates.ensure(tmp_path)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(held.certificate, held.key)
    assert held.root is not None
    _loaded(held.certificate).verify_directly_issued_by(_loaded(held.root))
    assert held.new_root == spoilt.startswith("root")


def _wider(root: x509.Certificate, key: ec.EllipticCurvePrivateKey, leave_out: type, *more: str) -> bytes:
    """The root as it is, but for one extension that is left out or, if networks are told, permits these too."""
    built = x509.CertificateBuilder(
        root.issuer,
        root.subject,
        key.public_key(),
        root.serial_number,
        root.not_valid_before_utc,
        root.not_valid_after_utc,
    )
    for each in root.extensions:
        value = each.value
        if isinstance(value, leave_out):
            if not more:
                continue
            assert isinstance(value, x509.NameConstraints)
            networks = [x509.IPAddress(ipaddress.ip_network(one)) for one in more]
            value = x509.NameConstraints([*(value.permitted_subtrees or []), *networks], value.excluded_subtrees)
        built = built.add_extension(value, critical=each.critical)
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("wider", "more"),
    [(x509.ExtendedKeyUsage, ()), (x509.NameConstraints, ()), (x509.NameConstraints, ("192.168.0.0/16",))],
)
def test_a_root_that_may_do_more_than_one_made_today_is_replaced(
    wider: type, more: tuple[str, ...], here: list[str], tmp_path: Path
) -> None:
    held = certificates.ensure(tmp_path)
    assert held.root is not None
    held.root.write_bytes(_wider(_loaded(held.root), _root_key(tmp_path), wider, *more))
    replaced = certificates.ensure(tmp_path)
    assert replaced.new_root
    assert replaced.root_fingerprint != held.root_fingerprint
    assert not certificates.ensure(tmp_path).new_root


def _root_key(home: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key((home / "tls" / "root.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def test_a_temporary_address_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "fd00000000000000000000000000000{} 04 40 00 {} eth0\n"
    monkeypatch.setattr(
        certificates, "_text", lambda path: lines.format(2, "82") + lines.format(3, "01") if "inet6" in path else ""
    )
    found = list(map(str, certificates.local_addresses()))
    assert "fd00::2" in found
    assert "fd00::3" not in found


OPENSSL = shutil.which("openssl")


@pytest.mark.skipif(OPENSSL is None, reason="no openssl on this machine")
@pytest.mark.parametrize(
    ("purpose", "usage", "name", "taken"),
    [
        ("sslserver", ExtendedKeyUsageOID.SERVER_AUTH, x509.DNSName("desk-1.local"), True),
        ("sslserver", ExtendedKeyUsageOID.SERVER_AUTH, x509.IPAddress(ipaddress.ip_address(LAN)), True),
        ("sslserver", ExtendedKeyUsageOID.SERVER_AUTH, x509.DNSName("bank.example"), False),
        ("sslserver", ExtendedKeyUsageOID.SERVER_AUTH, x509.IPAddress(ipaddress.ip_address("192.168.1.1")), False),
        ("sslserver", ExtendedKeyUsageOID.SERVER_AUTH, x509.UniformResourceIdentifier("https://bank.example/"), False),
        ("sslclient", ExtendedKeyUsageOID.CLIENT_AUTH, x509.DNSName("desk-1.local"), False),
        ("smimesign", ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.DNSName("desk-1.local"), False),
        ("smimesign", ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.RFC822Name("a@bank.example"), False),
        ("any", ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.RFC822Name("a@bank.example"), False),
        ("any", ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.RFC822Name("a@nobody.invalid"), False),
        ("any", ExtendedKeyUsageOID.SERVER_AUTH, x509.UniformResourceIdentifier("https://nobody.invalid/"), False),
    ],
)
def test_by_the_roots_key_nothing_else_is_signed_that_openssl_takes(
    purpose: str, usage: x509.ObjectIdentifier, name: x509.GeneralName, taken: bool, here: list[str], tmp_path: Path
) -> None:
    held = certificates.ensure(tmp_path)
    assert held.root is not None
    root, key, leaf_key = _loaded(held.root), _root_key(tmp_path), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "whoever has the key")])
    made = (
        certificates._begun(subject, root.subject, leaf_key.public_key(), datetime.now(UTC), 30)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "made.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    assert OPENSSL is not None
    told = [OPENSSL, "verify", "-purpose", purpose, "-CAfile", str(held.root), str(tmp_path / "made.pem")]
    said = subprocess.run(told, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode == 0) == taken, said.stdout + said.stderr
    assert taken or "error" in said.stderr


def test_whoever_has_the_roots_key_can_vouch_for_no_other_site(here: list[str], tmp_path: Path) -> None:
    held = certificates.ensure(tmp_path)
    assert held.root is not None
    root, key = _loaded(held.root), _root_key(tmp_path)
    verifier = PolicyBuilder().store(Store([root]))

    def trusted(name: str) -> bool:
        made, _ = certificates._make_leaf([name], root, key, datetime.now(UTC))
        address = certificates._address(name)
        subject = x509.DNSName(name) if address is None else x509.IPAddress(address)
        try:
            verifier.build_server_verifier(subject).verify(made, [])
        except VerificationError:
            return False
        return True

    assert [trusted(name) for name in ("desk-1.local", LAN, "127.0.0.1")] == [True] * 3
    others = ("bank.example", "desk-2.local", "203.0.113.9", "10.9.9.9", "192.168.1.1", "192.168.7.6")
    assert [trusted(name) for name in others] == [False] * len(others)


def test_files_of_ones_own_are_read_or_refused_with_a_reason(here: list[str], tmp_path: Path) -> None:
    made = certificates.ensure(tmp_path / "one")
    held = certificates.read(made.certificate, made.key)
    assert (held.names, held.root) == (made.names, None)
    other = certificates.ensure(tmp_path / "other")
    locked = tmp_path / "locked.key"
    key = serialization.load_pem_private_key(made.key.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
    )
    (tmp_path / "empty").touch()
    after = made.ends + timedelta(days=1)
    for certificate, private, now, why in (
        (tmp_path / "none", made.key, None, "cannot be read (No such file or directory)"),
        (tmp_path / "empty", made.key, None, "holds no certificate"),
        (made.certificate, tmp_path / "none", None, "cannot be read"),
        (made.certificate, tmp_path / "empty", None, "holds no private key"),
        (made.certificate, locked, None, "is locked by a password"),
        (made.certificate, other.key, None, "is not the key of"),
        (made.certificate, made.key, after, "ended on"),
        (made.certificate, made.key, made.begins - timedelta(days=1), "begins only on"),
    ):
        with pytest.raises(NotReady, match=why.replace("(", r"\(").replace(")", r"\)")) as refused:
            certificates.read(certificate, private, now)
        assert "GISOPS_TLS_" in refused.value.facts["do"]


def test_a_key_that_every_user_may_read_is_warned_of(
    here: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = certificates.ensure(tmp_path)
    made.key.chmod(0o640)
    certificates.read(made.certificate, made.key)
    assert not caplog.records
    made.key.chmod(0o644)
    certificates.read(made.certificate, made.key)
    assert f"{made.key} can be read by every user" in caplog.text


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(NotReady, match="cannot be kept"):
        certificates.ensure(tmp_path / "home")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"tls_certificate": "/a"}, "go together"),
        ({"tls": True, "public_url": "http://gis.example"}, "says http"),
        ({"tls_names": "gis.local,not a name"}, "neither a host's name nor an address"),
        *(({"tls_names": f"gis.local,{one}"}, "others' end with") for one in ("com", "local", "CN", "gov.cn", "co.uk")),
    ],
)
def test_settings_that_do_not_fit_are_refused(told: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings(_env_file=None, **told)  # type: ignore[arg-type]


def test_names_are_written_with_commas() -> None:
    settings = Settings(_env_file=None, tls_names="GIS.local, 10.0.0.7,")  # type: ignore[arg-type]
    assert settings.tls_names == ("gis.local", "10.0.0.7")


@pytest.mark.parametrize("told", ["desk-1", "localhost", "gis.gov.cn", "example.com", "fd00::7"])
def test_a_name_of_one_word_is_taken_if_it_is_this_machines(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Desk-1")
    assert Settings(_env_file=None, tls_names=told).tls_names == (told,)  # type: ignore[arg-type]
