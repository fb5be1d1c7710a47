"""The errors of Undertow: one small tree, and text that is safe to print.

Each is raised with the file, feed, row, session or parameter at fault.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# Longer texts are shortened in their middle: of names and values, and of whole messages.
NAME_LENGTH = 120
MESSAGE_LENGTH = 2_000
# Share of a shortened text that is its beginning; the remedy is at the end of a message.
_BEGINNING = 0.7
# A longer list of known names is shortened to the nearest ones and their number.
MAX_NAMES = 40
_NEAREST = 5
_REASON_LENGTH = 200


class UndertowError(Exception):
    """Anything that a user can fix; the command line prints it and exits with 2.

    Its message is safe to print: no control characters, no name of a megabyte.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(safe_message(message))


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
        known_names = self._known()
        super().__init__(f"{prefix}unknown {kind} `{safe_text(name)}`{did_you_mean(name, self.known)}; {known_names}")

    def _known(self) -> str:
        if len(self.known) <= MAX_NAMES:
            return f"known: {', '.join(map(safe_text, self.known)) or 'none'}"
        suggestions = difflib.get_close_matches(self.name[:NAME_LENGTH], self.known, n=_NEAREST, cutoff=0.0)
        return f"the nearest of {len(self.known)} known: {', '.join(map(safe_text, suggestions))}"

    def __str__(self) -> str:
        return str(self.args[0])


class BookkeepingError(UndertowError):
    """The order kernel and vectorbt disagree about the value of the portfolio.

    A defect, never the user's fault.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`, did you mean `x`?` where a known name is near, else an empty text."""
    matches = difflib.get_close_matches(name[:NAME_LENGTH], list(known), n=1, cutoff=0.5)
    return f", did you mean `{safe_text(matches[0])}`?" if matches else ""


def safe_text(value: object, limit: int = NAME_LENGTH) -> str:
    r"""`value` as one line of printable text, at most about `limit` characters long.

    Control characters, line ends, invisible and bidirectional marks, blanks other than a space, and bytes that are not
    text come out as escapes such as `\x1b`; a longer text loses its middle and says how much.

    >>> safe_text("AAA\x1b[31m\u200b")
    'AAA\\x1b[31m\\u200b'
    >>> len(safe_text("A" * 1_000_000)) < 200
    True
    """
    return _printable(_shortened(str(value), limit), "", 2 * limit)


def safe_message(message: object) -> str:
    """The text of an error, safe to print; its line ends stay."""
    return _printable(_shortened(str(message), MESSAGE_LENGTH), "\n", 2 * MESSAGE_LENGTH)


def _printable(text: str, kept: str, limit: int) -> str:
    if text.isprintable():
        return text
    pieces = (char if char.isprintable() or char in kept else _escape(char) for char in text)
    return _shortened("".join(pieces), limit)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = int(limit * _BEGINNING)
    tail = limit - head
    return f"{text[:head]} ... ({len(text) - limit:,} characters left out) ... {text[-tail:]}"


@contextmanager
def file_boundary(name: object, remedy: str = "supply the file again") -> Iterator[None]:
    """Turn every failure inside the block into a `DataError` with file and remedy.

    Errors of Undertow pass unchanged: they name the file already.

    >>> with file_boundary("crypto/BTC.csv"):
    ...     int("x" * 3)
    Traceback (most recent call last):
    ...
    undertow.market.errors.DataError: crypto/BTC.csv: cannot be read: invalid literal ...; supply the file again

    Args:
        name: the file, for the message.
        remedy: what to do about it, for the message.
    """
    try:
        yield
    except UndertowError:
        raise
    except Exception as error:
        raise DataError(f"{safe_text(name)}: cannot be read: {reason_of(error)}; {remedy}") from error


def reason_of(error: BaseException) -> str:
    """The first line of an error in plain words, safe to print."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return "a whole number has thousands of digits"
    if isinstance(error, OSError) and error.strerror:
        return safe_text(error.strerror.lower(), _REASON_LENGTH)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return safe_text(lines[0].rstrip(".;"), _REASON_LENGTH)
