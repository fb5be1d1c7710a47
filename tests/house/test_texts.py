"""What no text of the project holds: machine paths, package hosts, versions that are not exact, unclear phrases."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from measure import FLOORS

from support.paths import PROJECT

# Built from pieces, so that this file does not find itself.
MACHINE = re.compile("|".join(("/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/", "/wo" + "rk/", r"\b[A-Z]:\\\\Us" + "ers")))
HOSTS = re.compile(
    "|".join(("py" + r"pi\.", "python" + "hosted", "anaconda" + r"\.", "--index" + "-url")), re.IGNORECASE
)
# Phrases that a reader has to read twice, each with a plainer one.
UNCLEAR = {
    "of one's " + "own": "user-defined",
    "put together " + "from parts": "rule-based",
    "told " + "from luck": "distinguished from chance",
    "told " + "apart": "distinguished",
    "slip of " + "the pen": "typo",
    "what is " + "none": "not a …",
    "comes to " + "nothing": "is worth nothing",
    "is " + "told": "is reported",
    "are " + "told": "are reported",
}
TEXT = {".py", ".toml", ".txt", ".md", ".css", ".html", ".csv", ".cfg", ".yml", ".yaml", "", ".json", ".cff"}


def committed_texts() -> list[Path]:
    folders = [*FLOORS, "src", "tests", "docs", "benchmarks", "examples", ".ci"]
    files = [file for name in folders for file in (PROJECT / name).rglob("*") if "__pycache__" not in file.parts]
    files += PROJECT.glob("*")
    return [
        file
        for file in files
        if file.is_file() and not file.is_symlink() and file.suffix in TEXT and file.name != ".git"
    ]


def lines_that(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{file.relative_to(PROJECT)}:{number}: {line.strip()[:80]}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_machine_path_and_no_package_host_in_the_texts() -> None:
    files = committed_texts()
    assert len(files) > 50
    assert not lines_that(MACHINE, files)
    assert not lines_that(HOSTS, files)


def test_no_unclear_phrase_in_code_pages_and_documents() -> None:
    files = [file for file in committed_texts() if "tests" not in file.relative_to(PROJECT).parts]
    assert not lines_that(re.compile("|".join(UNCLEAR), re.IGNORECASE), files)


def test_constraints_are_exact_versions_of_every_requirement() -> None:
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!+-]+", pin) for pin in pins)
    pinned = {distribution(pin) for pin in pins}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["dev"], "vectorbt-rust"]
    assert {distribution(requirement) for requirement in required} <= pinned
    assert "undertow" not in pinned


def distribution(requirement: str) -> str:
    return re.split(r"[\[=<>!~; ]", requirement)[0].lower().replace("_", "-")


def test_changelog_describes_the_first_version_in_a_short_list() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^##+ (.*)$", text, flags=re.MULTILINE) == [
        "[0.1.0] - unreleased",
        "Changed results",
        "Added",
        "Fixed",
        "The first version",
    ]
    assert len(text.partition("### The first version")[2].strip().splitlines()) <= 40
    # A change has one line.
    changes = text.partition("### Changed results")[2].partition("### The first version")[0]
    assert all(line.startswith(("- ", "#")) and len(line) <= 150 for line in changes.splitlines() if line)
