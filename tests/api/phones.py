"""A phone as a test sees it: a key of its own, and proofs made with it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

REFRESH = "/api/session/refresh"


@dataclass
class Phone:
    """A client with a key; ``tokens`` is what it was last given."""

    client: httpx2.Client
    address: str
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def jwk(self) -> dict[str, Any]:
        return {**self.key.as_dict(private=False)}

    def sign_in(self, login: str, password: str) -> httpx2.Response:
        body = {"login": login, "password": password, "device": {"jwk": self.jwk}}
        answer = self.client.post("/api/session", json=body)
        self.tokens = answer.json()
        return answer

    def proof(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A proof for a refresh just now, with changes; ``...`` leaves a claim out."""
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk} | (header or {})
        head = {name: value for name, value in head.items() if value is not ...}
        told = {"htm": "POST", "htu": self.address + REFRESH, "iat": int(time.time()), "jti": str(uuid4())} | claims
        told = {name: value for name, value in told.items() if value is not ...}
        return jwt.encode(head, told, key or self.key, [head["alg"]])

    def refresh(self, proof: str | None = None, token: str | None = None) -> httpx2.Response:
        """Ask for the next tokens; kept where they came."""
        answer = self.client.post(
            REFRESH,
            json={"refresh_token": token or self.tokens["refresh_token"]},
            headers={"DPoP": proof or self.proof()},
        )
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def me(self, token: str | None = None) -> int:
        """The status of asking who one is."""
        bearer = {"Authorization": f"Bearer {token or self.tokens['token']}"}
        return self.client.get("/api/me", headers=bearer).status_code
