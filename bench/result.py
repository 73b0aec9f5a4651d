"""One line of ``bench/results.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """Two things measured in one run. ``sent`` says what each of them was given and gave back."""

    name: str
    ours: float
    other: float
    unit: str
    sent: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        """Ours by the other."""
        return self.ours / self.other

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else "reported"

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.at_least is not None:
            return self.ratio >= self.at_least
        return None if self.at_most is None else self.ratio <= self.at_most

    def as_dict(self) -> dict[str, Any]:
        """As it is written down."""
        kept = {k: v for k, v in asdict(self).items() if k not in ("at_least", "at_most", "sent")}
        return {**kept, "ratio": round(self.ratio, 3), "goal": self.goal, "met": self.met, "sent": self.sent}
