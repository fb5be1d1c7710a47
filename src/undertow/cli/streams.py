"""Standard streams that take whatever is told: closed ones, and ones of another encoding than UTF-8."""

from __future__ import annotations

import codecs
import io
import sys

# Signs of ours that a stream of another encoding than UTF-8 may not know.
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
# What Python does by itself, on the two streams and in a locale without signs.
_DEFAULTS = ("strict", "backslashreplace", "surrogateescape")


def _plainly(error: UnicodeError) -> tuple[bytes, int]:
    """What a stream that cannot write a sign writes instead: a minus must stay one, and nothing is lost."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return b"".join(map(_plain_sign, error.object[error.start : error.end])), error.end


def _plain_sign(sign: str) -> bytes:
    # A byte of a file's name that was no text goes out as it came in.
    if "\udc80" <= sign <= "\udcff":
        return bytes([ord(sign) - 0xDC00])
    return _PLAIN.get(sign, "").encode("ascii") or sign.encode("ascii", "backslashreplace")


def open_streams() -> None:
    """Standard streams that are closed swallow what they are told; signs that they cannot write become others."""
    codecs.register_error("undertow.plain", _plainly)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        # Another way with such signs was chosen by somebody.
        elif isinstance(stream, io.TextIOWrapper) and stream.errors in _DEFAULTS:
            stream.reconfigure(errors="undertow.plain")
