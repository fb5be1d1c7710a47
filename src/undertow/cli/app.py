"""The command line. Heavy modules are imported inside the commands, so that `--help` is instant."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from undertow.cli.market import market_app
from undertow.cli.optimize import optimize
from undertow.cli.options import (
    FILLS,
    LISTINGS,
    LOTS,
    REBALANCES,
    WEIGHTINGS,
    CapitalOption,
    EndOption,
    FeeOption,
    HaircutOption,
    JsonOption,
    LedgerOption,
    MarketOption,
    SeedOption,
    SlippageOption,
    StartOption,
    one_of,
)
from undertow.cli.resolve import busy, resolve_market, resolve_rule
from undertow.cli.rule import rule
from undertow.cli.signals import signals_app
from undertow.cli.streams import open_streams
from undertow.cli.sweep import sweep
from undertow.cli.today import today
from undertow.cli.walk_forward import walk_forward

if TYPE_CHECKING:
    from undertow.backtests import Run
    from undertow.backtests.ledger.trial_count import TrialCount
    from undertow.strategies import Strategy

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.add_typer(market_app, name="market")
app.add_typer(signals_app, name="signals")
app.command()(today)
app.command()(sweep)
app.command()(rule)
app.command()(optimize)
app.command("walk-forward")(walk_forward)


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
    from undertow.cli.demo import run_demo

    run_demo(seed=seed, years=years, out=out)


@app.command()
def backtest(
    strategy: Annotated[str | None, typer.Option(help="Name (see `undertow list strategies`) or module:Class.")] = None,
    rule: Annotated[str | None, typer.Option(help="Rule file (.toml, .json) or preset, instead of --strategy.")] = None,
    market: MarketOption = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="parameter=value; repeat for several.")] = None,
    universe: Annotated[str | None, typer.Option(help="Universe of the market.", show_default="growth")] = None,
    start: StartOption = None,
    end: EndOption = None,
    fill: Annotated[
        str | None,
        typer.Option(
            help="Decide and fill before the open or the close.", callback=one_of("fill", FILLS), show_default="open"
        ),
    ] = None,
    fee_bps: FeeOption = 5.0,
    slippage_bps: SlippageOption = 5.0,
    haircut_bps: HaircutOption = 0.0,
    borrow_bps: Annotated[
        float | None,
        typer.Option(help="Cost of borrowing what is sold short, basis points a year.", show_default="50.0"),
    ] = None,
    tax_rate: Annotated[
        float | None,
        typer.Option(help="Tax on realised gains, decimal; stated, never deducted.", show_default="0.2"),
    ] = None,
    lots: Annotated[
        str | None,
        typer.Option(help="Lots that a sale sells: hifo or fifo.", callback=one_of("lots", LOTS), show_default="hifo"),
    ] = None,
    weighting: Annotated[
        str | None,
        typer.Option(
            help="equal or inverse-volatility.", callback=one_of("weighting", WEIGHTINGS), show_default="equal"
        ),
    ] = None,
    rebalance: Annotated[
        str | None,
        typer.Option(
            help="daily, weekly, monthly, quarterly or never.",
            callback=one_of("rebalance", REBALANCES),
            show_default="monthly",
        ),
    ] = None,
    capital: CapitalOption = 1_000_000.0,
    ledger: LedgerOption = None,
    out: Annotated[Path | None, typer.Option(help="Save the run, with its tearsheet, into this folder.")] = None,
    seed: SeedOption = 7,
    as_json: JsonOption = False,
) -> None:
    """Backtest one strategy over one universe."""
    with busy("starting"):
        from undertow.backtests import Costs
        from undertow.backtests import backtest as run_backtest
        from undertow.backtests.folders import check_replaceable, json_ready
        from undertow.strategies.rules.settings import COSTS

        if out is not None:
            check_replaceable(out)
        chosen = resolve_rule(strategy, rule, set_ or [])
        given = {"universe": universe, "start": start, "end": end, "fill": fill, "weighting": weighting}
        account = {"rebalance": rebalance, "borrow_bps": borrow_bps, "tax_rate": tax_rate, "lots": lots}
        settings = chosen.with_settings({**given, **account})
        stated = {name: settings.pop(name) for name in COSTS if name in settings}
        costs = Costs(fee_bps, slippage_bps, haircut_bps, **stated)
    with busy("loading the market"):
        world = resolve_market(market, seed)
        chosen.check(world, settings)
    with busy("running the backtest"):
        run = run_backtest(chosen.strategy, world, costs=costs, capital=capital, **settings)
    run = replace(run, trial_count=_counted(run, type(chosen.strategy), ledger))
    if out is not None:
        with busy("writing the tearsheet"):
            run.save(out)
    if as_json:
        print(json.dumps(json_ready(run.summary()), indent=2, allow_nan=False))
        return
    from undertow.cli.console import show_run

    show_run(run)
    if run.trial_count is not None:
        typer.echo(run.trial_count.sentence())
    if out is not None:
        typer.echo(f"tearsheet: {out / 'tearsheet.html'}")


def _counted(run: Run, kind: type[Strategy], ledger: Path | None) -> TrialCount | None:
    """Where the run stands among all trials on its market; None, and said so, where no ledger can be written."""
    from undertow.backtests.ledger.entries import enter_run
    from undertow.backtests.ledger.ledger import Ledger
    from undertow.market.errors import DataError

    try:
        return enter_run(Ledger(ledger), run, kind)
    except DataError as error:
        typer.echo(f"This trial is not counted: {error}", err=True)
        return None


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two or more run folders.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("results/compare.html"),
) -> None:
    """Lay saved runs side by side on their common sessions."""
    from undertow.cli.console import show_comparison
    from undertow.market.errors import ParameterError

    if out.suffix != ".html" or out.is_dir():
        raise ParameterError(f"`out` must be a file that ends in .html, got {str(out)!r}")
    if len(runs) < 2:
        raise ParameterError(f"`runs` must be two or more folders, got {len(runs)}")
    with busy("starting"):
        from undertow.backtests import load_run
        from undertow.backtests.folders import check_writable
        from undertow.tearsheets import comparison_table, write_comparison
        from undertow.tearsheets.comparison.page import check_page
        from undertow.tearsheets.comparison.table import side_by_side

        check_writable(out)
        check_page(out)
    with busy("reading the runs"):
        loaded = [load_run(folder) for folder in runs]
        labels = [folder.resolve().name for folder in runs]
        out.parent.mkdir(parents=True, exist_ok=True)
        write_comparison(loaded, out, labels=labels)
        shared = side_by_side(loaded, labels).sessions
    show_comparison(comparison_table(loaded, labels), str(shared[0].date()), str(shared[-1].date()))
    typer.echo(f"comparison: {out}")


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(help="What to list.", metavar=f"{{{'|'.join(LISTINGS)}}}", callback=one_of("what", LISTINGS)),
    ],
    market: MarketOption = None,
    seed: SeedOption = 7,
    universe: Annotated[
        list[str] | None, typer.Option(help="A universe or a screen to show, with `universes`; repeat for several.")
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Strategies with their rationale; signals with inputs, units, look-back, source."
        ),
    ] = False,
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
) -> None:
    """List strategies, signals, the universes of a market with their size over time, or the trials ever made on it."""
    from undertow.cli import console
    from undertow.market.errors import ParameterError

    if what not in ("universes", "trials") and (market is not None or universe):
        name = "market" if market is not None else "universe"
        whose = "universes` or `list trials" if name == "market" else "universes"
        raise ParameterError(f"`--{name}` goes with `list {whose}`; {what} are the same for every market")
    for name, given, whose in (("universe", universe, "universes"), ("ledger", ledger, "trials")):
        if given and what != whose:
            raise ParameterError(f"`--{name}` goes with `list {whose}`")
    if what == "trials":
        with busy("loading the market"):
            from undertow.backtests.ledger.ledger import Ledger

            kept, world = Ledger(ledger), resolve_market(market, seed)
            kept.check(world.fingerprint, world.name)
            made, elsewhere = kept.searches(world.fingerprint), kept.other_data(world.fingerprint, world.name)
        if as_json:
            ledgered = {"market": world.fingerprint, "searches": made, "elsewhere": elsewhere}
            print(json.dumps(ledgered, indent=2, allow_nan=False))
        else:
            console.show_trials(made, kept.path(world.fingerprint), elsewhere)
    elif what == "universes":
        with busy("loading the market"):
            from undertow.signals.decisions.sizes import sizes

            world = resolve_market(market, seed)
            found = [sizes(world, name) for name in universe or sorted(world.universes)]
        if as_json:
            print(json.dumps({"universes": [each.as_dict() for each in found]}, indent=2, allow_nan=False))
        else:
            console.show_universes(found)
    elif as_json:
        told = console.told_strategies() if what == "strategies" else console.told_signals()
        print(json.dumps({what: told}, indent=2, allow_nan=False))
    elif what == "signals" and verbose:
        console.show_definitions()
    elif what == "signals":
        console.show_signals()
    else:
        console.show_strategies(verbose)


def main() -> NoReturn:
    """Run the command line.

    Exit code 0 where all went well, 2 with a named error on standard error where not, 130 where it was interrupted, 143
    where it was asked to end, 1 where nobody read the output to its end.
    """
    open_streams()
    # What is half written is cleared away, as at an interruption.
    signal.signal(signal.SIGTERM, _end)
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # Python flushes standard output once more at exit, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    if code == 130:
        print("interrupted", file=sys.stderr)
        code += _asked_to_end
    sys.exit(code)


# What makes of 130 the 143 of a process that was asked to end.
_asked_to_end = 0


def _end(*_: object) -> NoReturn:
    global _asked_to_end
    _asked_to_end = signal.SIGTERM - signal.SIGINT
    raise KeyboardInterrupt


def _interrupted(error: BaseException | None) -> bool:
    """Whether an interruption lies beneath: compiled code wraps it in an error of its own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _run(words: list[str]) -> int:
    if words in ([], ["market"], ["signals"]):
        words = [*words, "--help"]
    try:
        code = app(words, standalone_mode=False)
    except BrokenPipeError:
        raise
    except Exception as error:
        message = _message(error)
        if message is None and _interrupted(error):
            raise KeyboardInterrupt from error
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    return code if isinstance(code, int) else 0


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
