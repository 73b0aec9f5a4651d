"""Certificates for HTTPS: one of our own making for a trial in the local network, or files that somebody names.

Browsers give a page the position, and let it work offline, over HTTPS only. For a trial this machine therefore signs a
certificate for its own names and addresses with a root of its own, which a phone can be told to trust once; the
certificate is renewed under the same root. The root can vouch for web sites only, and only at the names (with those
below them) and the addresses that its first certificate was for: a phone that trusts it trusts nobody's bank, mail or
program by it, even if its key is lost. It is not tied to this machine, though: whoever has the key can stand in for
whatever answers at these names and addresses, in another network too. So it is to be removed after the trial.
"""

from __future__ import annotations

import fcntl
import ipaddress
import logging
import os
import re
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gisops.errors import NotReady
from gisops.settings import Settings

log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ROOT_DAYS = 1825
# Apple's phones take no more than 825 days, not even under a root of one's own.
LEAF_DAYS = 365
# A certificate is renewed, and a root that could not outlive it replaced, when no more is left.
RENEW_DAYS = 30
# Kinds of names that constraints do not mention stay free. A host that can never be (RFC 2606), both permitted and
# excluded, leaves none of a kind: an empty subtree to exclude, which should be all of it, is none of it to OpenSSL.
_NONE = (x509.RFC822Name("nobody.invalid"), x509.UniformResourceIdentifier("nobody.invalid"))
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
# A device's flags in /proc/net/if_inet6.
_TEMPORARY = 0x01
_LOCAL_4 = re.compile(r"\|-- ([\d.]+)\n\s+/32 host LOCAL")


@dataclass(frozen=True)
class Held:
    """A certificate that can be served with: its files, what it is for and until when.

    ``root`` is the file of the root that signed it where we made it, with that one's fingerprint; ``new_root`` says
    that it took the place of another just now, so that whoever trusted that one has to be told.
    """

    certificate: Path
    key: Path
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    fingerprint: str
    root: Path | None = None
    root_fingerprint: str = ""
    new_root: bool = False


def asked_for(settings: Settings) -> bool:
    """Whether the server is to speak HTTPS itself."""
    return settings.tls or settings.tls_certificate is not None


def made_here(settings: Settings) -> bool:
    """Whether the certificate is of our own making, for a trial."""
    return settings.tls and settings.tls_certificate is None


def ready(settings: Settings) -> Held:
    """The certificate to serve with: the named files, else our own, made or renewed if need be. Raises ``NotReady``."""
    if settings.tls_certificate is not None and settings.tls_key is not None:
        return read(settings.tls_certificate.expanduser(), settings.tls_key.expanduser())
    return ensure(settings.home, settings.tls_names or ())


def files(settings: Settings) -> tuple[Path, Path]:
    """Where the certificate and its key lie, whether they are there or not."""
    if settings.tls_certificate is not None and settings.tls_key is not None:
        return settings.tls_certificate.expanduser(), settings.tls_key.expanduser()
    folder = settings.home / "tls"
    return folder / "server.crt", folder / "server.key"


def root_file(settings: Settings) -> Path:
    """Where the root lies, if the certificate is of our own making."""
    return settings.home / "tls" / "root.crt"


def read(certificate: Path, key: Path, now: datetime | None = None) -> Held:
    """A certificate and its key out of PEM files. Raises ``NotReady`` with the file and what is wrong with it."""
    try:
        text = certificate.read_bytes()
        found = x509.load_pem_x509_certificates(text)[0]
    except OSError as error:
        raise _unusable(certificate, f"cannot be read ({error.strerror})", "GISOPS_TLS_CERTIFICATE") from error
    except (ValueError, IndexError) as error:
        raise _unusable(certificate, "holds no certificate in PEM form", "GISOPS_TLS_CERTIFICATE") from error
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except OSError as error:
        raise _unusable(key, f"cannot be read ({error.strerror})", "GISOPS_TLS_KEY") from error
    except TypeError as error:
        raise _unusable(key, "is locked by a password, which nobody could type at a start", "GISOPS_TLS_KEY") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(key, "holds no private key in PEM form", "GISOPS_TLS_KEY") from error
    if stat.S_IMODE(key.stat().st_mode) & stat.S_IROTH:
        # A group may be meant (Debian's ssl-cert); all users of a machine never are.
        log.warning("%s can be read by every user of this machine (GISOPS_TLS_KEY): chmod o-rwx %s", key, key)
    if _public(private.public_key()) != _public(found.public_key()):
        raise _unusable(key, f"is not the key of {certificate}", "GISOPS_TLS_KEY")
    held = _held(found, certificate, key)
    moment = now or datetime.now(UTC)
    if not held.begins <= moment < held.ends:
        when = f"ended on {held.ends:%Y-%m-%d}" if moment >= held.ends else f"begins only on {held.begins:%Y-%m-%d}"
        raise _unusable(certificate, when, "GISOPS_TLS_CERTIFICATE")
    return held


def ensure(home: Path, further: Iterable[str] = (), now: datetime | None = None) -> Held:
    """Our own certificate for this machine's names and addresses, and ``further`` ones.

    What is there is kept as long as it holds: a certificate is made anew when it ends soon or a name or an address is
    not in it, a root only when it ends too or may not vouch for them. Raises ``NotReady``.
    """
    folder = home.expanduser() / "tls"
    moment = now or datetime.now(UTC)
    wanted = sorted({*host_names(), *map(str, local_addresses()), *(str(_address(one) or one) for one in further)})
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(folder):
            return _ensured(folder, wanted, moment)
    except OSError as error:
        do = "Set GISOPS_HOME to a folder you may write."
        raise NotReady(f"The certificate cannot be kept in {folder}: {error.strerror}.", do=do) from error


def host_names() -> list[str]:
    """What this machine is called, in its network too (multicast DNS)."""
    own = socket.gethostname()
    called = [own, f"{own}.local"] if "." not in own else [own]
    return ["localhost", *(name.lower() for name in called if _HOST.fullmatch(name) and name != "localhost")]


def local_addresses() -> list[Address]:
    """Addresses of this machine, the one that others most likely reach first, loopback last."""
    found: set[Address] = set()
    # As files: a service that may open internet sockets only cannot ask netlink.
    for address in _LOCAL_4.findall(_text("/proc/net/fib_trie")):
        found.add(ipaddress.ip_address(address))
    for line in _text("/proc/net/if_inet6").splitlines():
        address6, _, _, _, flags, *_ = line.split()
        # A temporary one is for going out by, and another one every day: each would take a new root.
        if not int(flags, 16) & _TEMPORARY:
            found.add(ipaddress.IPv6Address(bytes.fromhex(address6)))
    found |= {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    # One that holds within a link only needs that link's name beside it, which no browser takes.
    plain = [one for one in found if not (one.version == 6 and one.is_link_local)]
    first = _outward()
    return sorted(plain, key=lambda one: (one.is_loopback, str(one) != first, one.version, int(one)))


def _outward() -> str:
    """The address with which this machine goes to others; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.connect(("198.51.100.1", 9))
            return str(asked.getsockname()[0])
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text("ascii")
    except OSError:
        return ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that start at once make one certificate."""
    handle = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _ensured(folder: Path, wanted: list[str], now: datetime) -> Held:
    pairs = {name: (folder / f"{name}.crt", folder / f"{name}.key") for name in ("root", "server")}
    root, root_key = _kept(*pairs["root"])
    soon = now + timedelta(days=RENEW_DAYS)
    before = pairs["root"][0].exists()
    fit = root is not None and root.not_valid_after_utc > soon and _vouches(root, wanted)
    if not fit or root is None or root_key is None:
        root, root_key = _make_root(wanted, now)
        _keep(*pairs["root"], root, root_key)
    leaf, leaf_key = _kept(*pairs["server"])
    if (
        leaf is None
        or leaf_key is None
        or not set(wanted) <= set(_names(leaf))
        or leaf.not_valid_after_utc <= soon
        or not _signed_by(leaf, root)
    ):
        leaf, leaf_key = _make_leaf(wanted, root, root_key, now)
        _keep(*pairs["server"], leaf, leaf_key)
    held = _held(leaf, *pairs["server"])
    return replace(held, root=pairs["root"][0], root_fingerprint=_print(root), new_root=before and not fit)


def _kept(certificate: Path, key: Path) -> tuple[x509.Certificate | None, ec.EllipticCurvePrivateKey | None]:
    """What lies there and belongs together; what does not is as if it were not there."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None, None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or _public(private.public_key()) != _public(
        found.public_key()
    ):
        return None, None
    return found, private


def _keep(certificate: Path, key: Path, made: x509.Certificate, private: ec.EllipticCurvePrivateKey) -> None:
    """The key first: a certificate without its key is made anew, and is never served."""
    plain = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, plain)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM))


def _write(file: Path, content: bytes) -> None:
    half = file.with_name(f"{file.name}.new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
    half.replace(file)


def _make_root(wanted: list[str], now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    private = ec.generate_private_key(ec.SECP256R1())
    called = _called(f"gisops trial {socket.gethostname()} {now:%Y-%m-%d}")
    hosts = [x509.DNSName(one) for one in wanted if _address(one) is None]
    addresses = [x509.IPAddress(ipaddress.ip_network(one)) for one in wanted if _address(one) is not None]
    constraints = x509.NameConstraints([*hosts, *addresses, *_NONE], _NONE)
    built = (
        _begun(called, called, private.public_key(), now, ROOT_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(constraints, critical=True)
        # Of a root that signs for web sites, verifiers take no certificate for mail, programs or users.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    return built.sign(private, hashes.SHA256()), private


def _make_leaf(
    wanted: list[str], root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    private = ec.generate_private_key(ec.SECP256R1())
    addresses = [found for found in map(_address, wanted) if found is not None]
    hosts = [one for one in wanted if _address(one) is None]
    names = x509.SubjectAlternativeName([*map(x509.DNSName, hosts), *map(x509.IPAddress, addresses)])
    built = (
        _begun(_called("gisops trial"), root.subject, private.public_key(), now, LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    return built.sign(root_key, hashes.SHA256()), private


def _begun(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    # From a day ago on: phones' clocks are not all right.
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _called(name: str) -> x509.Name:
    # 64 is all that a common name may have.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _vouches(root: x509.Certificate, wanted: list[str]) -> bool:
    """Whether a root may sign for all these names and addresses, and is otherwise as narrow as one made today."""
    try:
        told = root.extensions.get_extension_for_class(x509.NameConstraints).value
        purposes = list(root.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return False
    permitted, hosts, addresses = told.permitted_subtrees or [], set[str](), set[str]()
    for one in permitted:
        if isinstance(one, x509.DNSName):
            hosts.add(one.value)
        elif isinstance(one, x509.IPAddress) and isinstance(one.value, Network) and one.value.num_addresses == 1:
            addresses.add(str(one.value.network_address))
        elif one not in _NONE:
            return False
    return (
        purposes == [ExtendedKeyUsageOID.SERVER_AUTH]
        and set(_NONE) <= set(permitted)
        and set(_NONE) <= set(told.excluded_subtrees or [])
        and all(name in (hosts if _address(name) is None else addresses) for name in wanted)
    )


def _signed_by(leaf: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(root)
    except Exception:  # whatever is wrong with it, it is made anew
        return False
    return True


def _held(found: x509.Certificate, certificate: Path, key: Path) -> Held:
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    return Held(certificate, key, tuple(_names(found)), begins, ends, _print(found))


def _names(found: x509.Certificate) -> list[str]:
    try:
        told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = told.get_values_for_type(x509.IPAddress)
    return [*told.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _print(found: x509.Certificate) -> str:
    """The SHA-256 by which people compare certificates, as phones show it."""
    return found.fingerprint(hashes.SHA256()).hex(" ").upper()


def _address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _unusable(file: Path, why: str, setting: str) -> NotReady:
    return NotReady(f"{file} {why}.", do=f"Set {setting}, or leave it and use --tls for a trial.", file=str(file))
