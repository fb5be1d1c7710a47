"""Text from files and names is safe to print, in every error."""

from __future__ import annotations

import pytest

from undertow.market import DataError, ParameterError, UnknownNameError, did_you_mean, file_boundary, safe_text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("BTC", "BTC"),
        ("Ünïcode ✓", "Ünïcode ✓"),
        ("red\x1b[31m", "red\\x1b[31m"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("A\u00a0B", "A\\xa0B"),  # a blank that is no space
        ("A\u200bB", "A\\u200bB"),  # without any width
        ("evil\u202egpj", "evil\\u202egpj"),  # what follows is printed backwards
        ("\udc80", "\\udc80"),  # a byte of a file name that is no text
        ("\x9b31m", "\\x9b31m"),  # the one-byte escape of terminals
    ],
)
def test_what_is_not_printable_is_escaped(raw: str, shown: str) -> None:
    assert safe_text(raw) == shown
    assert safe_text(raw).isprintable()


def test_a_long_name_loses_its_middle() -> None:
    text = safe_text("a" + "\x1b" * 1_000_000 + "z")
    assert text.startswith("a\\x1b")
    assert text.endswith("z")
    assert len(text) < 500
    assert safe_text("n" * 120) == "n" * 120
    assert "(880 characters left out)" in safe_text("n" * 1_000)


@pytest.mark.parametrize("kind", [DataError, ParameterError])
def test_errors_are_safe_and_keep_their_remedy(kind: type[Exception]) -> None:
    message = str(kind("f\x1b[2J.csv: " + "x" * 10**6 + "; supply the file again"))
    assert message.startswith("f\\x1b[2J.csv: ")
    assert message.endswith("; supply the file again")
    assert len(message) < 5_000


def test_an_unknown_name_of_a_megabyte() -> None:
    known = [f"name-{number}" for number in range(500)]
    message = str(UnknownNameError("universe", "name-1" * 200_000, known))
    assert len(message) < 1_000
    assert "the nearest of 500 known" in message
    assert did_you_mean("growth\x00", ["growth"]) == ", did you mean `growth`?"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deeply"),
        (MemoryError(), "it does not fit into memory"),
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OverflowError("int too large\nmore"), "int too large"),
        (KeyError(), "KeyError"),
        (ValueError("Exceeds the limit (4300 digits) for integer string conversion"), "a whole number has thousands"),
    ],
)
def test_every_failure_inside_the_boundary_names_the_file(failure: Exception, reason: str) -> None:
    with pytest.raises(DataError) as refusal, file_boundary("a/b.csv", "fix it"):
        raise failure
    assert str(refusal.value).startswith(f"a/b.csv: cannot be read: {reason}")
    assert str(refusal.value).endswith("; fix it")
    assert refusal.value.__cause__ is failure


def test_errors_of_undertow_pass_the_boundary() -> None:
    with pytest.raises(ParameterError, match="as it was"), file_boundary("a/b.csv"):
        raise ParameterError("as it was")
    with pytest.raises(KeyboardInterrupt), file_boundary("a/b.csv"):
        raise KeyboardInterrupt
