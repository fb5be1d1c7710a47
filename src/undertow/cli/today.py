"""`undertow today`: the checklist of a rule at one instant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertow.cli.option_groups import RuleOptions
from undertow.cli.options import (
    UNIVERSE,
    FillOption,
    HtmlOption,
    JsonOption,
    LotsOption,
    MarketOption,
    SeedOption,
    TaxRateOption,
    UniverseOption,
)
from undertow.cli.output import print_json
from undertow.cli.progress import busy
from undertow.cli.resolve import check_targets, resolve_account, resolve_market, resolve_rule

if TYPE_CHECKING:
    from undertow.backtests import Today
    from undertow.backtests.checklist import HeldPlan

DEFAULT_STRATEGY = "risk-tiers"
_COLOURS = {"ok": "green", "watch": "yellow", "alarm": "red", "unknown": "magenta"}


def today_command(
    rule: RuleOptions,
    market: MarketOption = None,
    asof: Annotated[
        str | None,
        typer.Option(help="Instant with a zone, 2024-08-04T15:00Z, or now; default: the market's last."),
    ] = None,
    universe: UniverseOption = None,
    holdings: Annotated[
        Path | None,
        typer.Option(
            "--holdings", metavar="FILE", help="What you hold: CSV of symbol, shares and perhaps cost, acquired."
        ),
    ] = None,
    fractional: Annotated[bool, typer.Option("--fractional", help="Orders of --holdings in parts of shares.")] = False,
    fill: FillOption = None,
    tax_rate: TaxRateOption = None,
    lots: LotsOption = None,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    as_json: JsonOption = False,
) -> None:
    """The risk-off checklist of a rule-based strategy at one instant.

    Tier, action, what to sell, and why; of risk-tiers without --strategy or --rule. Exit code 0 calm, 10 watch, 20
    reduce, 30 cash, 40 unknown, 2 error.
    """
    with busy("starting"):
        from undertow.backtests import today as run_today
        from undertow.market import read_holdings
        from undertow.tearsheets import write_today

        check_targets(html=html)
        chosen = resolve_rule(rule, DEFAULT_STRATEGY)
        settings = chosen.with_settings({"universe": universe, "fill": fill, "tax_rate": tax_rate, "lots": lots})
        account = resolve_account(settings)
        # A file that cannot be read is reported before the market is.
        portfolio = None if holdings is None else read_holdings(holdings)
    with busy("loading the market"):
        data = resolve_market(market, seed)
        chosen.check(data, settings)
    with busy("reading the signals"):
        universe = settings.get("universe", UNIVERSE)
        checklist = run_today(
            chosen.strategy,
            data,
            asof=asof,
            universe=universe,
            holdings=portfolio,
            fractional=fractional,
            account=account,
        )
    if html is not None:
        write_today(checklist, html)
    if as_json:
        print_json(checklist.as_dict())
    else:
        _show(checklist)
        if html is not None:
            typer.echo(f"checklist: {html}")
    raise typer.Exit(checklist.exit_code)


def _show(checklist: Today) -> None:
    from undertow.cli.console import show
    from undertow.tearsheets.checklist import (
        execution_text,
        headline,
        order_lines,
        similar_states_sentence,
        state_sentences,
    )

    show(_steps(checklist))
    for number, step in enumerate(checklist.steps, start=1):
        show(f"{number}. {step.name}: {step.conclusion}")
    for sentence in state_sentences(checklist):
        show(sentence)
    show(_lines(checklist))
    if checklist.hidden:
        show(f"{checklist.hidden} more conditions, less alarming, are not shown")
    label = f", {checklist.label}" if checklist.label else ""
    score = "score unknown" if checklist.score != checklist.score else f"score {checklist.score:.3f}"
    show(f"{headline(checklist)} ({score}{label})")
    if checklist.blocked:
        show(checklist.blocked)
    orders = order_lines(checklist) if checklist.held is None else ()
    for note in (*checklist.notes, *orders, execution_text(checklist)):
        show(note)
    if checklist.exit_conditions:
        conditions = "; ".join(checklist.exit_conditions)
        show(f"{'waits for' if checklist.tier_held == 'calm' else 'stocks come back'}: {conditions}")
    for change in checklist.changes:
        show(change)
    show(similar_states_sentence(checklist.similar))
    if checklist.held is not None:
        _show_held(checklist.held)


def _show_held(held: HeldPlan) -> None:
    from rich.table import Table

    from undertow.cli.console import show
    from undertow.tearsheets.checklist import HELD_COLUMNS, held_rows, held_sentences

    table = Table(title="what is really held, at the last known prices", title_justify="left")
    for name in HELD_COLUMNS:
        table.add_column(name, justify="left" if name in ("name", "order") else "right")
    for row in held_rows(held):
        table.add_row(*row)
    show(table)
    for sentence in held_sentences(held):
        show(sentence)


def _steps(checklist: Today) -> object:
    from rich.table import Table
    from rich.text import Text

    from undertow.tearsheets.checklist import STEP_COLUMNS, step_rows

    table = Table(title=f"as of {checklist.asof}, for {checklist.session}", title_justify="left")
    for name in STEP_COLUMNS:
        table.add_column(name, justify="left" if name in ("check", "state", "levels") else "right")
    # The last step has no checks of its own: those of the rule follow.
    for number, step in enumerate(checklist.steps[:-1], start=1):
        table.add_row(Text(f"{number}. {step.name}", style="bold"), end_section=False)
        for name, state, *others in step_rows(step.lines):
            table.add_row(f"  {name}", Text(state, style=_COLOURS[state]), *others)
    return table


def _lines(checklist: Today) -> object:
    from rich.table import Table
    from rich.text import Text

    from undertow.tearsheets.checklist import check_value, contribution_text, current_value, data_age, levels_text

    table = Table(title=f"what {checklist.strategy} acts on", title_justify="left")
    for name in ("check", "state", "value", "now", "levels", "age", "adds"):
        table.add_column(name, justify="left" if name in ("check", "state", "levels") else "right")
    for line in checklist.lines:
        table.add_row(
            line.name,
            Text(line.state, style=_COLOURS[line.state]),
            check_value(line),
            current_value(line),
            levels_text(line),
            data_age(line),
            contribution_text(line),
        )
    return table
