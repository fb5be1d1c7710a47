"""The errors of Undertow: one small tree.

Each is raised with the file, feed, row, session or parameter at fault.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# A longer list of known names is shortened to the nearest ones and their number.
MAX_NAMES = 40
_NEAREST = 5


class UndertowError(Exception):
    """Anything that a user can fix; the command line prints it and exits with 2."""


class DataError(UndertowError):
    """Market data that cannot be used.

    The message names file, row or symbol, and what to do.
    """


class ParameterError(UndertowError, ValueError):
    """An argument or a parameter outside its rule.

    The message gives the rule, the value received, what to do.
    """


class UnknownNameError(UndertowError, KeyError):
    """A name that does not exist, with the nearest that does.

    Args:
        kind: what is named, such as "universe".
        name: the unknown name.
        known: the names that exist.
        where: the file and key that contain the name, if any.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.name = name
        self.known = sorted(known)
        prefix = f"{where}: " if where else ""
        super().__init__(f"{prefix}unknown {kind} `{name}`{did_you_mean(name, self.known)}; {self._known()}")

    def _known(self) -> str:
        if len(self.known) <= MAX_NAMES:
            return f"known: {', '.join(self.known) or 'none'}"
        suggestions = difflib.get_close_matches(self.name, self.known, n=_NEAREST, cutoff=0.0)
        return f"the nearest of {len(self.known)} known: {', '.join(suggestions)}"

    def __str__(self) -> str:
        return str(self.args[0])


class BookkeepingError(UndertowError):
    """The order kernel and vectorbt disagree about the value of the portfolio.

    A defect, never the user's fault.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`, did you mean `x`?` where a known name is near, else an empty text."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean `{matches[0]}`?" if matches else ""
