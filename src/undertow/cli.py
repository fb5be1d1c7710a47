"""The command line. Heavy modules are imported inside the commands, so that `--help` is instant."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from undertow.market import Market

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
market_app = typer.Typer(help="Check or make a market folder.")
app.add_typer(market_app, name="market")


class Fill(StrEnum):
    """When orders are filled."""

    open = "open"
    close = "close"


class Listing(StrEnum):
    """What can be listed."""

    strategies = "strategies"
    signals = "signals"
    universes = "universes"


MarketOption = Annotated[
    Path | None, typer.Option("--market", help="Market folder. Without it: the built-in simulated market.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the simulated market.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("undertow"))
        raise typer.Exit


@app.callback()
def undertow(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """When Bitcoin is being force-sold, should growth-stock holders raise cash? Test the rule before you trust it."""


@app.command()
def demo(
    seed: SeedOption = 7,
    years: Annotated[float, typer.Option(help="Years to simulate.")] = 6.0,
    out: Annotated[Path, typer.Option(help="Folder for the flagship's run and the comparison.")] = Path("results/demo"),
) -> None:
    """Run the flagship against its baselines on a simulated market, where the truth is known."""
    from undertow.demo import run_demo

    run_demo(seed=seed, years=years, out=out)


@app.command()
def backtest(
    strategy: Annotated[str, typer.Option(help="Name (see `undertow list strategies`) or module:Class.")],
    market: MarketOption = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="parameter=value; repeat for several.")] = None,
    universe: Annotated[str, typer.Option(help="Universe of the market.")] = "growth",
    start: Annotated[str | None, typer.Option(help="First session, YYYY-MM-DD.")] = None,
    end: Annotated[str | None, typer.Option(help="Last session, YYYY-MM-DD.")] = None,
    fill: Annotated[Fill, typer.Option(help="Decide before the open or before the close.")] = Fill.open,
    fee_bps: Annotated[float, typer.Option(help="Fee, basis points of an order's value.")] = 5.0,
    slippage_bps: Annotated[float, typer.Option(help="Slippage, basis points of the price.")] = 5.0,
    haircut_bps: Annotated[float, typer.Option(help="Taken off the last close of a name that ended.")] = 0.0,
    weighting: Annotated[str, typer.Option(help="equal or inverse-volatility.")] = "equal",
    rebalance: Annotated[str, typer.Option(help="daily, weekly, monthly, quarterly or never.")] = "monthly",
    capital: Annotated[float, typer.Option(help="Starting capital, USD.")] = 1_000_000.0,
    out: Annotated[Path | None, typer.Option(help="Save the run, with its tearsheet, into this folder.")] = None,
    seed: SeedOption = 7,
    as_json: JsonOption = False,
) -> None:
    """Backtest one strategy over one universe."""
    from undertow.backtests import Costs
    from undertow.backtests import backtest as run_backtest
    from undertow.backtests.store import check_replaceable, plain

    if out is not None:
        check_replaceable(out)
    rule = _strategy(strategy, set_ or [])
    costs = Costs(fee_bps, slippage_bps, haircut_bps)
    with _busy("loading the market"):
        world = _market(market, seed)
    with _busy("running the backtest"):
        run = run_backtest(
            rule,
            world,
            universe=universe,
            start=start,
            end=end,
            fill=fill.value,
            costs=costs,
            weighting=weighting,
            rebalance=rebalance,
            capital=capital,
        )
    if out is not None:
        with _busy("writing the tearsheet"):
            run.save(out)
    if as_json:
        print(json.dumps(plain(run.summary()), indent=2))
        return
    from undertow.console import show_run

    show_run(run)
    if out is not None:
        typer.echo(f"tearsheet: {out / 'tearsheet.html'}")


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two or more run folders.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("results/compare.html"),
) -> None:
    """Lay saved runs side by side on their common sessions."""
    from undertow.backtests import load_run
    from undertow.console import show_comparison
    from undertow.tearsheets import comparison_table, write_comparison

    if out.suffix != ".html":
        from undertow.market.errors import ParameterError

        raise ParameterError(f"`out` must end in .html, got {str(out)!r}")
    with _busy("reading the runs"):
        loaded = [load_run(folder) for folder in runs]
        labels = [folder.resolve().name for folder in runs]
        out.parent.mkdir(parents=True, exist_ok=True)
        write_comparison(loaded, out, labels=labels)
    show_comparison(comparison_table(loaded, labels))
    typer.echo(f"comparison: {out}")


@app.command("list")
def list_(
    what: Annotated[Listing, typer.Argument(help="What to list.")], market: MarketOption = None, seed: SeedOption = 7
) -> None:
    """List strategies, signals, or the universes of a market."""
    from undertow import console

    if what is Listing.universes:
        with _busy("loading the market"):
            world = _market(market, seed)
        console.show_universes(world)
    elif what is Listing.signals:
        console.show_signals()
    else:
        console.show_strategies()


@market_app.command()
def check(folder: Annotated[Path, typer.Argument(help="Market folder.")], as_json: JsonOption = False) -> None:
    """Check a market folder and print what it covers; exit code 2 where it cannot be used."""
    from undertow.market import load_market
    from undertow.market.coverage import coverage, render

    with _busy("reading the market"):
        report = coverage(load_market(folder))
    if as_json:
        print(json.dumps(report.as_dict(), indent=2))
        return
    from undertow.console import show

    show(render(report))


@market_app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="New folder for the market.")],
    seed: SeedOption = 7,
    years: Annotated[float, typer.Option(help="Years to simulate.")] = 6.0,
    effect: Annotated[float, typer.Option(help="Strength of the forced equity selling; 0 is the null world.")] = 1.0,
    lag_hours: Annotated[float, typer.Option(help="Mean hours from a cascade to the equity selling.")] = 36.0,
) -> None:
    """Write a simulated market, whose truth is known, as a market folder."""
    from undertow.market import simulate_market, write_market

    with _busy("simulating"):
        written = write_market(simulate_market(seed=seed, years=years, effect=effect, lag_hours=lag_hours), out)
    typer.echo(f"market: {written}")


def main() -> NoReturn:
    """Run the command line: 0 where all went well, 2 with a named error on standard error where not."""
    words = sys.argv[1:]
    if words in ([], ["market"]):
        words = [*words, "--help"]
    try:
        code = app(words, standalone_mode=False)
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _message(error: Exception) -> str | None:
    """What to tell the user about an error that is theirs to mend; None for a defect of ours."""
    from undertow.market.errors import UndertowError, did_you_mean

    if isinstance(error, UndertowError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'file'}: {error.strerror or error}"
    # typer carries its own copy of click, whose exceptions have no public home: they are told by what they can do.
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        return f"no such option `{option}`{did_you_mean(option, error.possibilities or ())}"
    if hasattr(error, "format_message"):
        return str(error.format_message())
    return None


def _market(folder: Path | None, seed: int) -> Market:
    from undertow.market import load_market, simulate_market

    return simulate_market(seed=seed) if folder is None else load_market(folder)


def _strategy(name: str, settings: list[str]) -> Any:
    from undertow.market.errors import ParameterError
    from undertow.signals.registry import STRATEGIES, load

    given = {}
    for setting in settings:
        parameter, equals, value = setting.partition("=")
        if not equals or not parameter.strip():
            raise ParameterError(f"`--set` must be parameter=value, got {setting!r}")
        if parameter.strip() in given:
            raise ParameterError(f"`--set` gives `{parameter.strip()}` twice")
        given[parameter.strip()] = value.strip()
    return load(STRATEGIES, name).create(given)


def _busy(what: str) -> Any:
    from undertow.console import busy

    return busy(what)
