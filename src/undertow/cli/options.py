"""Options that commands share, and their checks that need no market."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

# Universe where neither the command line nor a rule file names one; a test compares it with that of `backtest`.
UNIVERSE = "growth"
# Earlier names of options, still accepted.
OLD_NAMES = {"fix": "set", "proof": "gate"}

_STRATEGY = typer.Option("--strategy", help="Name (see `undertow list strategies`), or module:Class.")


def one_of(name: str, choices: tuple[str, ...]) -> Callable[[str | None], str | None]:
    """Make a check, raising `ParameterError`, that a value is a choice or None."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in choices:
            from undertow.market import ParameterError, did_you_mean

            suggestion = did_you_mean(value, choices)
            raise ParameterError(f"`{name}` must be one of {', '.join(choices)}; got {value!r}{suggestion}")
        return value

    return check


def calendar_day(name: str) -> Callable[[str | None], str | None]:
    """Make a check, raising `ParameterError`, that a value is a date or None."""

    def check(value: str | None) -> str | None:
        try:
            return None if value is None else date.fromisoformat(value).isoformat()
        except ValueError:
            from undertow.market import ParameterError

            raise ParameterError(f"`{name}` must be a date such as 2018-01-02, got {value!r}") from None

    return check


def file_ending(name: str, *suffixes: str) -> Callable[[Path | None], Path | None]:
    """Make a check, raising `ParameterError`, of the suffix of a file."""

    def check(path: Path | None) -> Path | None:
        if path is not None and (path.suffix not in suffixes or path.is_dir()):
            from undertow.market import ParameterError

            raise ParameterError(f"`{name}` must be a file that ends in {' or '.join(suffixes)}, got {str(path)!r}")
        return path

    return check


_HTML, _TABLES = (".html",), (".csv", ".parquet")

MarketOption = Annotated[
    Path | None, typer.Option("--market", help="Market folder. Without it: the built-in simulated market.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the simulated market and of every random draw.")]
YearsOption = Annotated[float, typer.Option("--years", help="Years to simulate.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

TrustOption = Annotated[bool, typer.Option("--trust", help="Import the code that a rule file names as module:name.")]
StrategyOption = Annotated[str, _STRATEGY]
OptionalStrategyOption = Annotated[str | None, _STRATEGY]
RuleOption = Annotated[
    str | None, typer.Option("--rule", help="Rule file (.toml, .json) or preset, instead of --strategy.")
]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="parameter=value; repeat for several.")]

UniverseOption = Annotated[
    str | None, typer.Option("--universe", help="Universe of the market, or a screen.", show_default=UNIVERSE)
]
StartOption = Annotated[
    str | None, typer.Option("--start", help="First session, YYYY-MM-DD.", callback=calendar_day("start"))
]
EndOption = Annotated[str | None, typer.Option("--end", help="Last session, YYYY-MM-DD.", callback=calendar_day("end"))]
FillOption = Annotated[
    str | None, typer.Option("--fill", help="Decide and fill before the open or the close.", show_default="open")
]
TaxRateOption = Annotated[
    float | None,
    typer.Option("--tax-rate", help="Tax on realised gains, decimal; reported, never deducted.", show_default="0.2"),
]
LotsOption = Annotated[
    str | None, typer.Option("--lots", help="Lots that a sale sells: hifo or fifo.", show_default="hifo")
]
LedgerOption = Annotated[
    Path | None, typer.Option("--ledger", help="Folder of the trial ledger.", show_default="results/ledger")
]

OutOption = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write the results into this folder.")]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write the page, .html.", callback=file_ending("html", *_HTML)),
]
CsvOption = Annotated[
    Path | None,
    typer.Option(
        "--csv", metavar="FILE", help="Write the table, .csv or .parquet.", callback=file_ending("csv", *_TABLES)
    ),
]
# `--out` once named the page of `compare` and `signals`, and the table of `sweep`.
OldHtmlOption = Annotated[Path | None, typer.Option("--out", hidden=True, callback=file_ending("out", *_HTML))]
OldCsvOption = Annotated[Path | None, typer.Option("--out", hidden=True, callback=file_ending("out", *_TABLES))]


def one_file(option: str, path: Path | None, out: Path | None) -> Path | None:
    """The file of an option, or of `--out`, its earlier name.

    Raises `ParameterError` where both are stated.
    """
    if path is not None and out is not None:
        from undertow.market import ParameterError

        raise ParameterError(f"`--{option}` and `--out` name the same file; leave out `--out`")
    return out if path is None else path


def required_page(html: Path | None, out: Path | None) -> Path:
    """The page to write; raises `ParameterError` where none is stated."""
    page = one_file("html", html, out)
    if page is None:
        from undertow.market import ParameterError

        raise ParameterError("`--html` is missing; name the page to write, such as --html page.html")
    return page
