"""Proofs of possession (DPoP, RFC 9449): a phone shows that it holds the key its sign-in is bound to.

Pure: nothing here asks a database. What may be shown only once is for `gisops.access.devices` to remember.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gisops.errors import InvalidInput, NotSignedIn

# The one algorithm. What a token says of itself never chooses.
ALGORITHM = "ES256"
CURVE = "P-256"
# How far a phone's clock may be off, either way.
TOLERANCE_S = 60
_MOST_CHARACTERS = 2048
_MOST_JTI = 128


class InvalidDeviceKey(InvalidInput):
    """A device's key is a public EC key on P-256, as a JWK."""

    code = "invalid_device_key"


class InvalidProof(NotSignedIn):
    """The proof of possession does not hold."""

    code = "invalid_proof"


@dataclass(frozen=True)
class Proof:
    """A proof that holds: its own name, and the second at which it is too old."""

    jti: str
    expires_s: int


def device_key(jwk: Any) -> dict[str, str]:
    """Check a phone's public key and bring it to its least form: ``{kty, crv, x, y}``. Raises InvalidDeviceKey."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    if not isinstance(jwk, dict):
        raise InvalidDeviceKey(field="device.jwk")
    if "d" in jwk:
        raise InvalidDeviceKey("This JWK holds the private key (d), which must never leave the device.", field="d")
    if (jwk.get("kty"), jwk.get("crv")) != ("EC", CURVE):
        raise InvalidDeviceKey(f"A device's key has kty EC and crv {CURVE}.", field="crv")
    x, y = jwk.get("x"), jwk.get("y")
    if not (isinstance(x, str) and isinstance(y, str)) or max(len(x), len(y)) > 64:
        raise InvalidDeviceKey("x and y are the point's coordinates in base64url.", field="x, y")
    try:
        # Made here and not at the first proof: a point that is not on the curve is found now.
        told = ECKey.import_key({"kty": "EC", "crv": CURVE, "x": x, "y": y}).as_dict(private=False)
    except (JoseError, ValueError, TypeError):
        raise InvalidDeviceKey(f"x and y are not a point on {CURVE}.", field="x, y") from None
    return {name: str(told[name]) for name in ("kty", "crv", "x", "y")}


def verify(proof: str, jwk: dict[str, str], *, method: str, address: str, now_s: float) -> Proof:
    """Check that the holder of ``jwk`` made this proof, for this method and address, just now.

    The signature is checked with the key that is known, never with the one the proof brings along; that one must be the
    same (RFC 9449, 4.3). Raises InvalidProof, saying what does not hold.
    """
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey
    from joserfc.jws import JWSRegistry

    if len(proof) > _MOST_CHARACTERS:
        raise InvalidProof("The proof is longer than any proof is.")
    try:
        token = jwt.decode(proof, ECKey.import_key({**jwk}), [ALGORITHM], JWSRegistry(algorithms=[ALGORITHM]))
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise InvalidProof(f"The proof is no JWT that the device's key signed with {ALGORITHM}.") from None
    header, claims = token.header, token.claims
    if str(header.get("typ", "")).lower() != "dpop+jwt":
        raise InvalidProof("The proof's header must say typ: dpop+jwt.")
    if "crit" in header:
        raise InvalidProof("The proof's header asks for extensions (crit), of which none is known here.")
    try:
        same = device_key(header.get("jwk")) == jwk
    except InvalidDeviceKey:
        same = False
    if not same:
        raise InvalidProof("The proof's header must hold the public key the sign-in is bound to, as jwk.")
    if claims.get("htm") != method:
        raise InvalidProof(f"The proof is for another method; htm must be {method}.")
    if not _same_address(claims.get("htu"), address):
        raise InvalidProof(f"The proof is for another address; htu must be {address}.")
    made_s, jti = claims.get("iat"), claims.get("jti")
    # Against a whole number: JSON may hold integers that no float does.
    if isinstance(made_s, bool) or not isinstance(made_s, int | float) or not abs(made_s - int(now_s)) <= TOLERANCE_S:
        raise InvalidProof(f"The proof's iat must lie within {TOLERANCE_S} s of now.", now_s=int(now_s))
    if not isinstance(jti, str) or not 8 <= len(jti) <= _MOST_JTI:
        raise InvalidProof(f"The proof's jti is a random text of 8 to {_MOST_JTI} characters.")
    return Proof(jti, int(made_s) + TOLERANCE_S + 1)


def _same_address(told: Any, address: str) -> bool:
    """Compare as RFC 9449 asks: without query and fragment, scheme and host in any case, default ports left out."""
    if not isinstance(told, str):
        return False
    try:
        return _normal(told) == _normal(address)
    except ValueError:
        return False


def _normal(address: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(address)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port, parts.path or "/"
