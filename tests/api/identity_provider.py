"""A small identity provider that keeps to the standard, and one at a time does not: run by the tests of OIDC.

It checks what a real one checks (client, redirect address, code once, PKCE), and takes ``sabotage`` from a test: the
name of what is wrong with its next id_token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT, SECRET = "gisops-tests", "a secret of the tests"


class Provider:
    """What the provider knows: its key, its codes, who is signed in there, and what it is to do wrong."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.codes: dict[str, dict[str, str]] = {}
        self.subject = "sample-subject"
        self.sabotage: str | None = None
        self.return_to: str | None = None
        self.asked: list[str] = []
        self.issuer = ""

    def description(self) -> dict[str, Any]:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }
        if self.sabotage == "another issuer":
            told["issuer"] = "https://elsewhere.example"
        if self.sabotage == "an endpoint of another kind":
            told["token_endpoint"] = "file:///etc/passwd"
        return told

    def code_for(self, asked: dict[str, str]) -> str:
        """Sign the person in, as by a click on the provider's page."""
        assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (CLIENT, "code", "S256")
        assert "openid" in asked["scope"].split()
        assert self.return_to is None or asked["redirect_uri"] == self.return_to
        code = secrets.token_urlsafe(24)
        self.codes[code] = asked
        return code

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        kind, _, told = authorization.partition(" ")
        if kind != "Basic" or base64.b64decode(told).decode() not in (
            f"{CLIENT}:{SECRET}",
            f"{CLIENT}:{SECRET.replace(' ', '+')}",
        ):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"] or form["grant_type"] != "authorization_code":
            return 400, {"error": "invalid_grant"}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if challenge.decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        answer = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 60}
        if self.sabotage == "no id_token":
            return 200, answer
        return 200, answer | {"id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer, "aud": CLIENT, "sub": self.subject, "nonce": nonce, "iat": now, "exp": now + 60,
        }  # fmt: skip
        wrong: dict[str, dict[str, Any]] = {
            "expired": {"iat": now - 7200, "exp": now - 3600},
            "from the future": {"iat": now + 3600, "exp": now + 7200},
            "for somebody else": {"aud": "another-client"},
            "for several, us not named": {"aud": [CLIENT, "another-client"]},
            "for us, by another": {"azp": "another-client"},
            "by another": {"iss": "https://elsewhere.example"},
            "of another sign-in": {"nonce": "another"},
            "of no sign-in": {"nonce": None},
            "of several sign-ins": {"nonce": [nonce]},
            "of nobody": {"sub": ""},
            "of a number": {"sub": 7},
            "of somebody with a long name": {"sub": "x" * 256},
            "without an end": {"exp": None},
        }
        claims |= wrong.get(self.sabotage or "", {})
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.sabotage == "unsigned":
            head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
            body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
            return f"{head}.{body}."
        if self.sabotage == "signed by our shared secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET * 3), ["HS256"])
        if self.sabotage == "signed by its public key as a secret":
            return jwt.encode(
                {"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(json.dumps(self.keys())), ["HS256"]
            )
        if self.sabotage == "signed by an unknown key":
            other = RSAKey.generate_key(2048)
            return jwt.encode({"alg": "RS256", "kid": "two"}, claims, other, ["RS256"])
        if self.sabotage == "signed by another key of the same name":
            other = RSAKey.generate_key(2048)
            return jwt.encode({"alg": "RS256", "kid": "one"}, claims, other, ["RS256"])
        if self.sabotage == "signed by a key it brings along":
            own = ECKey.generate_key("P-256")
            return jwt.encode({"alg": "ES256", "jwk": own.as_dict(private=False)}, claims, own, ["ES256"])
        if self.sabotage == "garbage":
            return "a.b.c"
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key, ["RS256"])

    def keys(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        self.provider.asked.append(where.path)
        if where.path == "/.well-known/openid-configuration":
            absent = self.provider.sabotage == "no description"
            self._say(404 if absent else 200, {} if absent else self.provider.description())
        elif where.path == "/keys":
            self._say(200, self.provider.keys())
        elif where.path == "/authorize":
            asked = dict(parse_qsl(where.query))
            back = {"code": self.provider.code_for(asked), "state": asked["state"], "iss": self.provider.issuer}
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(back)}")
            self.end_headers()
        else:
            self._say(404, {})

    def do_POST(self) -> None:
        self.provider.asked.append(self.path)
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._say(*self.provider.token(form, self.headers.get("Authorization", "")))

    def _say(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[Provider]:
    """A provider on a free port of this machine."""
    provider = Provider()
    handler = type("Handler", (_Handler,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
