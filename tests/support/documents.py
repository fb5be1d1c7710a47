"""Documents as programs: their code blocks and commands, run in order in an empty folder."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.commands import Call

# Exit codes of a command that is not an error; `today` ends with the tier.
TIERS = {0, 10, 20, 30, 40}
# Options of long commands with the values that a quick check uses.
QUICK_OPTIONS = {"--trials": "6", "--seeds": "2", "--random": "8", "--sobol": "8", "--years": "3"}
# The same for Python: trials=40 becomes trials=6.
QUICK_TRIALS = re.compile(r"\btrials=\d+")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the file that the line above says to save it as, or ""."""

    language: str
    text: str
    file: str


def blocks(document: str) -> Iterator[Block]:
    """The fenced blocks of a Markdown text in order."""
    for match in re.finditer(
        r"(?:^(?P<lead>[^\n]+)\n\n?)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", document, re.M | re.S
    ):
        lead = match["lead"] or ""
        saved = re.search(r"[Ss]aved? as `([^`]+)`", lead)
        yield Block(match["language"], match["text"], saved[1] if saved else "")


def commands(text: str) -> Iterator[list[str]]:
    """The `undertow` commands of a console block, as lists of arguments."""
    for line in text.replace("\\\n", " ").splitlines():
        argv = shlex.split(line, comments=True)
        if argv:
            assert argv[0] == "undertow", f"a console block holds commands of undertow alone: {line}"
            yield argv[1:]


class Reader:
    """Somebody who works through a document in a folder, from top to bottom.

    Args:
        folder: the current folder, empty at first.
        call: runs a command line in this process.
        quick: use few trials and sets instead of those that the document states.
        report: receives a line for each command with its seconds.
    """

    def __init__(self, folder: Path, call: Call, *, quick: bool, report: Callable[[str], None]) -> None:
        self.folder, self.call, self.quick, self.report = folder, call, quick, report
        self.names: dict[str, Any] = {"__name__": "document"}
        self.count = 0

    def read(self, document: Path) -> dict[str, Any]:
        """Run every block of a document and return the names that its Python code defined."""
        for block in blocks(document.read_text(encoding="utf-8")):
            if block.file:
                (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "python":
                self._python(block.text, document)
            elif block.language == "console":
                for argv in commands(block.text):
                    self._command(argv)
        return self.names

    def _python(self, text: str, document: Path) -> None:
        code = QUICK_TRIALS.sub("trials=6", text) if self.quick else text
        started = time.perf_counter()
        # The future statements of this file are not inherited.
        exec(compile(code, str(document), "exec", dont_inherit=True), self.names)
        self.count += 1
        self.report(f"{time.perf_counter() - started:7.1f} s  python block of {document.name}")

    def _command(self, argv: list[str]) -> None:
        target = None
        if ">" in argv:
            argv, target = argv[: argv.index(">")], argv[argv.index(">") + 1]
        quick = list(argv)
        for option, value in QUICK_OPTIONS.items() if self.quick else ():
            if option in quick:
                quick[quick.index(option) + 1] = value
        started = time.perf_counter()
        outcome = self.call(*quick)
        allowed = TIERS if argv[0] == "today" else {0}
        assert outcome.code in allowed, f"undertow {shlex.join(argv)}\n{outcome.err}"
        if target is not None:
            (self.folder / target).write_text(outcome.out, encoding="utf-8")
        self.count += 1
        self.report(f"{time.perf_counter() - started:7.1f} s  undertow {shlex.join(argv)}")
