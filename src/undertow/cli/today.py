"""`undertow today`: what a rule says now."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertow.cli.options import FILLS, JsonOption, MarketOption, SeedOption, one_of
from undertow.cli.resolve import busy, resolve_market, resolve_rule

if TYPE_CHECKING:
    from undertow.backtests.checklist.today import Today

_COLOURS = {"ok": "green", "watch": "yellow", "alarm": "red", "unknown": "magenta"}


def today(
    market: MarketOption = None,
    asof: Annotated[
        str | None,
        typer.Option(help="Instant with a zone, 2024-08-04T15:00Z, or now; default: the market's last."),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="A strategy put together from parts.", show_default="risk-tiers")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Rule file (.toml, .json) or preset, instead of --strategy.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="parameter=value; repeat for several.")] = None,
    universe: Annotated[str | None, typer.Option(help="Universe of the market.", show_default="growth")] = None,
    fill: Annotated[
        str | None,
        typer.Option(
            help="Decide and fill before the open or the close.", callback=one_of("fill", FILLS), show_default="open"
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the checklist as a page, .html.")] = None,
    seed: SeedOption = 7,
    as_json: JsonOption = False,
) -> None:
    """The risk-off checklist at one instant: tier, action, what to sell, and why.

    Exit code 0 calm, 10 watch, 20 reduce, 30 cash, 2 error.
    """
    from undertow.market.errors import ParameterError

    if html is not None and (html.suffix != ".html" or html.is_dir()):
        raise ParameterError(f"`html` must be a file that ends in .html, got {str(html)!r}")
    with busy("starting"):
        from undertow.backtests.checklist.today import today as ask
        from undertow.backtests.costs import Costs
        from undertow.backtests.folders import check_writable
        from undertow.tearsheets.checklist.page import write_today

        if html is not None:
            check_writable(html, "html")
        chosen = resolve_rule("risk-tiers" if strategy is None and rule is None else strategy, rule, set_ or [])
        settings = chosen.with_settings({"universe": universe, "fill": fill})
    with busy("loading the market"):
        world = resolve_market(market, seed)
        chosen.check(world, settings)
    with busy("reading the signals"):
        account = {name: settings[name] for name in ("universe", "fill", "weighting", "rebalance") if name in settings}
        costs = Costs(**{name: settings[name] for name in Costs.__dataclass_fields__ if name in settings})
        found = ask(chosen.strategy, world, asof=asof, costs=costs, **account)
    if html is not None:
        write_today(found, html)
    if as_json:
        from undertow.backtests.folders import json_ready

        print(json.dumps(json_ready(found.as_dict()), indent=2, allow_nan=False))
    else:
        _show(found)
        if html is not None:
            typer.echo(f"checklist: {html}")
    raise typer.Exit(found.exit_code)


def _show(found: Today) -> None:
    from rich.table import Table
    from rich.text import Text

    from undertow.cli.console import show
    from undertow.tearsheets.checklist.page import (
        age_words,
        execution_words,
        headline,
        level_words,
        now_words,
        order_words,
        similar_words,
        value_words,
    )

    table = Table(title=f"as of {found.asof}, for {found.session}", title_justify="left")
    for name in ("check", "state", "value", "now", "levels", "age", "adds"):
        table.add_column(name, justify="left" if name in ("check", "state", "levels") else "right")
    for line in found.lines:
        state = Text(line.state, style=_COLOURS[line.state])
        adds = f"{line.contribution:.3f}"
        table.add_row(line.name, state, value_words(line), now_words(line), level_words(line), age_words(line), adds)
    show(table)
    if found.hidden:
        show(f"{found.hidden} more conditions, less alarming, are not shown")
    why = f", {found.label}" if found.label else ""
    score = "score unknown" if math.isnan(found.score) else f"score {found.score:.3f}"
    show(f"{headline(found)} ({score}{why})")
    for remark in (*found.notes, *order_words(found), execution_words(found)):
        show(remark)
    if found.exit_conditions:
        show(
            f"stocks come back: {'; '.join(found.exit_conditions)}"
            if found.tier != "calm"
            else "; ".join(found.exit_conditions)
        )
    for change in found.changes:
        show(change)
    show(similar_words(found.similar))
