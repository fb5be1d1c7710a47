"""The errors of Undertow: one small tree, each raised with the file, feed, row, session or parameter at fault."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# A list of known names that is longer is shortened to the nearest ones and their number.
MOST_NAMES = 40
_NEAREST = 5


class UndertowError(Exception):
    """Anything that a user can mend; the command line prints it and exits with 2."""


class DataError(UndertowError):
    """Market data that cannot be used: the message names file, row or symbol, and what to do."""


class ParameterError(UndertowError, ValueError):
    """An argument or a parameter outside its rule: the message gives the rule, the value received, what to do."""


class UnknownNameError(UndertowError, KeyError):
    """A name that is not there, with the nearest that is; `where` is the file and key that name it, if any do."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.name = name
        self.known = sorted(known)
        place = f"{where}: " if where else ""
        super().__init__(f"{place}unknown {kind} `{name}`{did_you_mean(name, self.known)}; {self._known()}")

    def _known(self) -> str:
        if len(self.known) <= MOST_NAMES:
            return f"known: {', '.join(self.known) or 'none'}"
        near = difflib.get_close_matches(self.name, self.known, n=_NEAREST, cutoff=0.0)
        return f"the nearest of {len(self.known)} known: {', '.join(near)}"

    def __str__(self) -> str:
        return str(self.args[0])


class BookkeepingError(UndertowError):
    """The order kernel and vectorbt disagree about the value of the portfolio: a defect, never the user's fault."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`, did you mean `x`?` where something near is known, else nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean `{near[0]}`?" if near else ""
