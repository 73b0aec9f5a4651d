"""Chance that is always the same: one stream per subject of a seed, and keys that come back with it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import numpy as np


def chance(seed: int, subject: str) -> np.random.Generator:
    """One stream of chance per subject, so that drawing one differently leaves the others as they were."""
    return np.random.default_rng([seed, *hashlib.sha256(subject.encode()).digest()[:8]])


def key(seed: int, subject: str, n: int, made_at: datetime) -> UUID:
    """A UUIDv7 that is always the same: made at a fixed moment, its random bits from seed and subject."""
    random = int.from_bytes(hashlib.sha256(f"{seed}/{subject}/{n}".encode()).digest()[:8]) >> 2
    millis = int(made_at.timestamp() * 1000) + n // 4096
    return UUID(int=millis << 80 | 7 << 76 | (n % 4096) << 64 | 2 << 62 | random)
