"""Standard streams that accept any text, whatever their encoding, or closed."""

from __future__ import annotations

import codecs
import io
import sys

# Signs in the package's texts that a stream of another encoding than UTF-8 may not have.
_PLAIN = {
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{BULLET}": "*",
    "\N{NO-BREAK SPACE}": " ",
}
# Python's own error handlers, on the two streams and in a locale without signs.
_DEFAULTS = ("strict", "backslashreplace", "surrogateescape")


def _replace_signs(error: UnicodeError) -> tuple[bytes, int]:
    """Bytes for signs that a stream cannot write: a minus stays one, nothing is lost."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return b"".join(map(_plain_sign, error.object[error.start : error.end])), error.end


def _plain_sign(sign: str) -> bytes:
    # A byte of a file's name that was no text goes out as it came in.
    if "\udc80" <= sign <= "\udcff":
        return sign.encode("utf-8", "surrogateescape")
    return _PLAIN.get(sign, "").encode("ascii") or sign.encode("ascii", "backslashreplace")


def printable(text: str) -> str:
    r"""The text with escapes such as `\x1b` for what a terminal would obey or hide.

    Texts come from the files of other people; line ends and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else _escape(char) for char in text)


def _escape(char: str) -> str:
    # A byte of a file's name that was no text is left to the stream.
    return char if "\udc80" <= char <= "\udcff" else char.encode("unicode_escape", "surrogatepass").decode("ascii")


def open_streams() -> None:
    """Let closed streams swallow their text, and replace signs they cannot write."""
    codecs.register_error("undertow.plain", _replace_signs)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        # A handler that the user has chosen stays.
        elif isinstance(stream, io.TextIOWrapper) and stream.errors in _DEFAULTS:
            stream.reconfigure(errors="undertow.plain")
