"""`undertow replay`: every rule on every dated episode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertow.cli.options import (
    UNIVERSE,
    FillOption,
    HtmlOption,
    JsonOption,
    MarketOption,
    SeedOption,
    TrustOption,
    UniverseOption,
)
from undertow.cli.output import print_json
from undertow.cli.progress import busy
from undertow.cli.resolve import (
    check_targets,
    read_trusted,
    resolve_account,
    resolve_market,
    resolve_strategy,
)

if TYPE_CHECKING:
    from undertow.backtests.replay import Replay
    from undertow.strategies import Strategy


def replay_command(
    strategy: Annotated[
        list[str] | None, typer.Option("--strategy", help="Name; repeat for several. Without: every named strategy.")
    ] = None,
    rule: Annotated[list[str] | None, typer.Option("--rule", help="Rule file or preset; repeat for several.")] = None,
    trust: TrustOption = False,
    market: MarketOption = None,
    universe: UniverseOption = None,
    fill: FillOption = None,
    catalogue: Annotated[
        Path | None, typer.Option("--episodes", metavar="FILE", help="Further episodes and halts, .toml.")
    ] = None,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    as_json: JsonOption = False,
) -> None:
    """Replay rules on dated episodes: what they saw, when they acted, what it cost."""
    with busy("starting"):
        from undertow.backtests.replay import read_catalogue, replay
        from undertow.tearsheets import write_replay

        check_targets(html=html)
        rules, facts = _rules(strategy, rule, trust), read_catalogue(catalogue)
        account = resolve_account({} if fill is None else {"fill": fill})
    with busy("loading the market"):
        data = resolve_market(market, seed)
    with busy("replaying the episodes"):
        result = replay(rules, data, universe=universe or UNIVERSE, account=account, facts=facts)
    if html is not None:
        write_replay(result, html)
    if as_json:
        print_json(result.as_dict())
        return
    _show(result)
    if html is not None:
        typer.echo(f"page: {html}")


def _rules(names: Sequence[str] | None, files: Sequence[str] | None, trust: bool) -> dict[str, Strategy]:
    """The rules by name; every registered strategy where none is named."""
    from undertow.signals.base import STRATEGIES, registered

    if not names and not files:
        names = list(registered(STRATEGIES))
    rules = {name: resolve_strategy(name, []) for name in names or ()}
    return rules | {path: read_trusted(path, trust).strategy for path in files or ()}


# Episodes side by side in one table: with the names of the rules they fit into 80 columns.
_EPISODES = 5


def _show(result: Replay) -> None:
    from rich.table import Table

    from undertow.cli.console import show

    wide = result.table()
    for start in range(0, wide.shape[1], _EPISODES):
        block = wide.iloc[:, start : start + _EPISODES]
        table = Table("avoided less missed", title_justify="left")
        for key in block.columns:
            table.add_column(str(key), justify="right", no_wrap=True)
        for name in block.index:
            table.add_row(str(name), *(f"{value:+.1%}" for value in block.loc[name]))
        show(table)
    counts = result.rows["state"].value_counts()
    show(f"rows: {len(result.rows)} ({', '.join(f'{state} {number}' for state, number in counts.items())})")
    show("Return of the rule less that of the basket held, close before to last close, after costs; --json has all.")
    show("The episodes were chosen afterwards: this shows behaviour, not that a rule is worth having.")
    for key, reason in {**result.skipped, **result.refused}.items():
        show(f"not replayed: {key}: {reason}")
