"""A doubt about data: how grave, where, how often, first case, line of repair."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
GRAVITY: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Doubt:
    """What is probably wrong in a market that loads.

    Args:
        severity: "error" where figures would be wrong, "warning" where they may be, "note" to know.
        kind: what is wrong, in a few words.
        where: file, symbol, feed or universe.
        count: how many rows, sessions or names.
        example: the first case, with session or instant and value.
        repair: what to do.
    """

    severity: Severity
    kind: str
    where: str
    count: int
    example: str
    repair: str

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)
