"""Signing in through an identity provider (OpenID Connect, authorization code with PKCE).

Where a provider is set, it is asked for its description, its keys and its tokens, and those are the only requests this
server ever makes to anybody. All go to the issuer of the settings and to the addresses it names.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gisops.errors import NotAllowed, NotReady, NotSignedIn

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

# What a provider may sign its tokens with. Never `none`, never a shared secret: what the token says does not choose.
ALGORITHMS = ("RS256", "PS256", "ES256")
KEPT_S = 3600.0
# Unknown keys make us ask again, but not at the pace of whoever makes them up.
ASK_AGAIN_S = 30.0
PATIENCE_S = 10.0
FLOW_S = 600
_LEEWAY_S = 60
_MOST_BYTES = 1_000_000


class OidcFailed(NotSignedIn):
    """The identity provider's answer does not sign anybody in; begin again at /api/session/oidc."""

    code = "oidc_failed"


class OidcUnavailable(NotReady):
    """The identity provider cannot be reached, or does not describe itself as it should."""

    code = "oidc_unavailable"


class NoAccount(NotAllowed):
    """The identity provider knows you, but no account here is linked to you; its administrator can link one."""

    code = "no_account"


@dataclass(frozen=True)
class Flow:
    """A sign-in that was begun: what only this browser knows of it until it comes back."""

    state: str
    nonce: str
    verifier: str

    def sealed(self) -> str:
        """As a cookie's value. It is the browser's own, so nothing in it is hidden from it."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()


def flow_of(sealed: str) -> Flow | None:
    """Read what `Flow.sealed` wrote; ``None`` for anything else."""
    try:
        told = json.loads(base64.urlsafe_b64decode(sealed.encode()))
        flow = Flow(told["state"], told["nonce"], told["verifier"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return flow if all(isinstance(told[name], str) and told[name] for name in asdict(flow)) else None


class Provider:
    """The identity provider of the settings; its description and keys are kept for an hour."""

    def __init__(self, issuer: str, client_id: str, client_secret: str | None) -> None:
        self.issuer = issuer
        self._client_id, self._client_secret = client_id, client_secret
        self._described: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, Any] | None = None

    async def begin(self, return_to: str) -> tuple[str, Flow]:
        """Where to send the browser, and what it must bring back. Raises OidcUnavailable."""
        described = await self._describe()
        flow = Flow(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
        async with self._client(described, return_to) as client:
            address, _ = client.create_authorization_url(
                described["authorization_endpoint"], state=flow.state, nonce=flow.nonce, code_verifier=flow.verifier
            )
        return str(address), flow

    async def finish(self, return_to: str, flow: Flow, *, code: str, state: str, issuer: str | None) -> str:
        """The subject of whoever came back with ``code``. Raises OidcFailed, OidcUnavailable."""
        from authlib.integrations.base_client import OAuthError
        from httpx import HTTPError

        if not secrets.compare_digest(state.encode(), flow.state.encode()):
            raise OidcFailed("This answer does not belong to the sign-in that was begun here.")
        if issuer is not None and issuer != self.issuer:
            raise OidcFailed("This answer comes from another identity provider (RFC 9207).")
        described = await self._describe()
        try:
            async with self._client(described, return_to) as client:
                given = await client.fetch_token(described["token_endpoint"], code=code, code_verifier=flow.verifier)
        except OAuthError as refused:
            raise OidcFailed("The identity provider did not take the code.", provider=str(refused.error)) from None
        except (HTTPError, ValueError) as error:
            raise OidcUnavailable(f"The identity provider did not answer ({type(error).__name__}).") from None
        token = given.get("id_token")
        if not isinstance(token, str):
            raise OidcFailed("The identity provider answered without an id_token.")
        return await self._subject(token, flow.nonce)

    async def _subject(self, token: str, nonce: str) -> str:
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError, MissingKeyError
        from joserfc.jws import JWSRegistry

        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        wanted = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        for fresh in (False, True):
            keys = await self._key_set(fresh=fresh)
            try:
                read = jwt.decode(token, keys, list(ALGORITHMS), registry)
                wanted.validate(read.claims)
                break
            except (InvalidKeyIdError, MissingKeyError):
                if fresh:
                    raise OidcFailed("The id_token is signed with a key that the provider does not list.") from None
            except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
                raise OidcFailed(f"The id_token does not hold ({type(error).__name__}).") from None
        claims = read.claims
        if not isinstance(claims.get("nonce"), str) or not secrets.compare_digest(
            claims["nonce"].encode(), nonce.encode()
        ):
            raise OidcFailed("The id_token was made for another sign-in (nonce).")
        audience = claims["aud"]
        for_several = isinstance(audience, list) and len(audience) > 1
        if (for_several or "azp" in claims) and claims.get("azp") != self._client_id:
            raise OidcFailed("The id_token was made for another application (azp).")
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise OidcFailed("The id_token names nobody (sub).")
        return subject

    async def _describe(self) -> dict[str, Any]:
        if self._described is not None and time.monotonic() - self._described[0] < KEPT_S:
            return self._described[1]
        told = await self._read(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if told.get("issuer") != self.issuer:
            raise OidcUnavailable("The identity provider calls itself by another name than GISOPS_OIDC_ISSUER.")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            parts = urlsplit(str(told.get(name, "")))
            if not parts.hostname or parts.scheme not in ("https", urlsplit(self.issuer).scheme):
                raise OidcUnavailable(f"The identity provider's {name} is no address of the issuer's kind.")
        self._described = (time.monotonic(), told)
        return told

    async def _key_set(self, *, fresh: bool) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        least = ASK_AGAIN_S if fresh else KEPT_S
        if self._keys is None or time.monotonic() - self._keys[0] >= least:
            told = await self._read(str((await self._describe())["jwks_uri"]))
            try:
                # A shared secret among the keys would be no key of a provider's.
                public = [key for key in told["keys"] if key.get("kty") in ("RSA", "EC")]
                self._keys = (time.monotonic(), KeySet.import_key_set({"keys": public}))
            except (JoseError, ValueError, TypeError, KeyError, AttributeError):
                raise OidcUnavailable("The identity provider's keys cannot be read.") from None
        return self._keys[1]

    async def _read(self, address: str) -> dict[str, Any]:
        from httpx import AsyncClient, HTTPError

        try:
            async with AsyncClient(timeout=PATIENCE_S, follow_redirects=False) as client:
                answer = await client.get(address, headers={"Accept": "application/json"})
            answer.raise_for_status()
            told = answer.json() if len(answer.content) <= _MOST_BYTES else None
        except (HTTPError, ValueError, RecursionError) as error:
            raise OidcUnavailable(f"The identity provider did not answer ({type(error).__name__}).") from None
        if not isinstance(told, dict):
            raise OidcUnavailable("The identity provider did not answer with a JSON object.")
        return told

    def _client(self, described: dict[str, Any], return_to: str) -> AsyncOAuth2Client:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        methods = described.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        by = next((one for one in ("client_secret_basic", "client_secret_post") if one in methods), methods[0])
        return AsyncOAuth2Client(
            self._client_id,
            self._client_secret,
            token_endpoint_auth_method=by if self._client_secret else "none",
            scope="openid",
            redirect_uri=return_to,
            code_challenge_method="S256",
            timeout=PATIENCE_S,
            follow_redirects=False,
        )
