"""Every rule on every dated episode: one walk of the whole span a rule, cut into episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.checks import check_run
from undertow.backtests.kernel.path import AccountPath, walk_plan
from undertow.backtests.kernel.prices import read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves
from undertow.backtests.replay.catalogue import DatedEpisode, Halt, MarketFacts, read_catalogue
from undertow.backtests.runs.backtest import acting_of, episode_clock, make_plan, session_rows
from undertow.backtests.runs.episodes import Acting, acted_before, episodes
from undertow.market import HOUR, InstantArray, Market, ParameterError
from undertow.signals.decisions import DecisionTable, shared_table
from undertow.strategies import BuyAndHold, Strategy, VolTarget, shocks_of
from undertow.strategies.reasons import reasons
from undertow.strategies.rules import RuleStrategy

REPLAY_COLUMNS = (
    "rule",
    "episode",
    "state",
    "saw",
    "tier",
    "trigger",
    "decision",
    "fill",
    "shock_hours",
    "trigger_hours",
    "least_exposure",
    "names_sold",
    "sold_usd",
    "sold",
    "return",
    "hold_return",
    "vol_target_return",
    "avoided",
    "against_vol_target",
)
# Columns of `values` for what rules are measured against.
HOLD, TARGET = "the basket held", "volatility targeting"
# What a rule was doing: it began to act within the episode, it had begun before, it never acted.
ACTED, ALREADY, NO_ACTION = "acted", "already out", "no action"


@dataclass(frozen=True, eq=False)
class Replay:
    """Rules by episode.

    Args:
        rows: one row a rule and episode; see `replay`.
        facts: the episodes that were replayed, and the halts within them.
        skipped: episodes of the catalogue that the market does not cover, with the reason.
        refused: rules that could not run, with the reason.
        values: account at each close (sessions, rules), USD, with the columns `HOLD` and `TARGET`.
    """

    rows: pd.DataFrame
    facts: MarketFacts
    skipped: dict[str, str]
    refused: dict[str, str]
    values: pd.DataFrame

    def table(self, column: str = "avoided") -> pd.DataFrame:
        """One column of `rows` as rules by episode."""
        wide = self.rows.pivot(index="rule", columns="episode", values=column)
        keys = [episode.key for episode in self.facts.episodes]
        return wide.loc[self.rows["rule"].drop_duplicates(), keys]

    def as_dict(self) -> dict[str, Any]:
        """The content of `--json`."""
        return {
            "rows": [_plain(row) for row in self.rows.to_dict("records")],
            "episodes": [_plain(vars(episode)) for episode in self.facts.episodes],
            "halts": [_plain(vars(halt)) for halt in self.facts.halts],
            "skipped": self.skipped,
            "refused": self.refused,
        }


@dataclass(frozen=True, eq=False)
class _Trace:
    """The account of one rule over the whole span, and of its basket held."""

    acting: Acting
    run: AccountPath
    hold: AccountPath
    table: pd.DataFrame


def replay(
    rules: Mapping[str, Strategy],
    market: Market,
    *,
    universe: str = "growth",
    account: Account | None = None,
    facts: MarketFacts | None = None,
) -> Replay:
    """Replay rules on dated episodes.

    A rule runs once over the whole span of the market and the episodes are cut out, so that its state at the start of
    an episode is the one that it had. `state` is "acted" where the rule began to act within the episode, "already out"
    where it acted on the first session, else "no action". `trigger` is the instant at which the rule's trigger became
    known, `shock_hours` the hours from the catalogue's shock to the fill (negative where the rule was earlier),
    `trigger_hours` those from the trigger; `saw` the label of the shock. `sold_usd` and `sold` are the stocks sold for
    the first action of the episode. Returns are from the close before the first session to the close of the last one
    and include costs; `avoided` is the rule's less that of the same basket held, `against_vol_target` less that of the
    strategy vol-target. What does not apply is NaN, NaT or "".

    Raises what `backtest` does on a bad market or universe, and `ParameterError` without a rule or a covered episode.
    A rule that cannot run on the market is in `refused`.

    Args:
        rules: strategies by name.
        market: prices and feeds.
        universe: name of a universe, or a screen.
        account: fill, costs, weighting, rebalance and capital.
        facts: catalogue; by default that of the package.
    """
    if not rules:
        raise ParameterError("`rules` is empty; name at least one strategy")
    account = account or Account()
    chosen, skipped = _covered(market, facts or read_catalogue())
    check_run(BuyAndHold(), market, universe)
    table = shared_table(market, universe, account.fill)
    rows = session_rows(market, None, None)
    baseline = _trace(VolTarget(), table, rows, account)
    target = baseline.run
    values = {HOLD: baseline.hold.values, TARGET: target.values}
    refused: dict[str, str] = {}
    records: list[tuple[Any, ...]] = []
    for name, strategy in rules.items():
        try:
            strategy.check_market(market)
            trace = _trace(strategy, table, rows, account)
        except ParameterError as error:
            refused[name] = str(error)
            continue
        values[name] = trace.run.values
        records += [(name, *_cut(episode, trace, target, table, rows)) for episode in chosen.episodes]
    frame = pd.DataFrame(records, columns=list(REPLAY_COLUMNS))
    for column in ("trigger", "decision", "fill"):
        frame[column] = pd.to_datetime(frame[column], utc=True).astype("datetime64[ns, UTC]")
    closes = pd.DataFrame(values, index=market.sessions[rows])
    return Replay(frame, chosen, skipped, refused, closes)


def _covered(market: Market, facts: MarketFacts) -> tuple[MarketFacts, dict[str, str]]:
    """The episodes that a market covers, with a session before; the others, and why."""
    sessions = market.sessions
    span = f"the market has sessions from {sessions[0].date()} to {sessions[-1].date()}"
    inside = [
        episode
        for episode in facts.episodes
        if sessions[0] < episode.first and episode.last <= sessions[-1] and _sessions_in(episode, sessions)
    ]
    skipped = {episode.key: f"no session of its dates: {span}" for episode in facts.episodes if episode not in inside}
    if not inside:
        raise ParameterError(f"no episode of the catalogue is covered: {span}; add episodes with a file of their dates")
    halts = tuple(halt for halt in facts.halts if any(_within(halt, episode) for episode in inside))
    return MarketFacts(tuple(inside), halts), skipped


def _sessions_in(episode: DatedEpisode, sessions: pd.DatetimeIndex) -> bool:
    return bool(sessions.searchsorted(episode.first) < sessions.searchsorted(episode.last, "right"))


def _within(halt: Halt, episode: DatedEpisode) -> bool:
    return bool(episode.first.date() <= halt.start.date() <= episode.last.date())


def _trace(strategy: Strategy, table: DecisionTable, rows: slice, account: Account) -> _Trace:
    plan, decision = make_plan(table, [strategy], rows, account)
    costs = account.costs
    grid = add_sleeves(read_price_grid(table, rows, costs.haircut), table, rows, decision, costs)
    run, hold = (walk_plan(grid, plan, number, costs, account.capital) for number in (0, 1))
    drivers = reasons(table, strategy.rule()).rows(rows) if isinstance(strategy, RuleStrategy) else None
    before = bool(acted_before(decision, rows.start)[0])
    acting = acting_of(shocks_of(strategy, table)[rows], plan.decision, drivers, before)
    return _Trace(acting, run, hold, episodes(acting, episode_clock(table, rows, hold), run, hold))


def _cut(
    episode: DatedEpisode, trace: _Trace, target: AccountPath, table: DecisionTable, rows: slice
) -> tuple[Any, ...]:
    sessions = table.decisions.sessions[rows]
    first, stop = int(sessions.searchsorted(episode.first)), int(sessions.searchsorted(episode.last, "right"))
    acting = trace.acting
    ruled, held, targeted = (_return(path, first, stop) for path in (trace.run, trace.hold, target))
    began = trace.table[trace.table["session"].between(episode.first, episode.last)]
    already = bool(acting.active[first]) and not (len(began) and began["session"].iloc[0] == sessions[first])
    state = ALREADY if already else ACTED if len(began) else NO_ACTION
    action = _action(began.iloc[0], episode, sessions, table.decisions.filled_at[rows]) if len(began) else _NOTHING
    tier = acting.tiers[first + int(acting.exposure[first:stop].argmin())]
    label, trigger, decision, fill, shock_hours, trigger_hours, names, money, sold = action
    return (
        *(episode.key, state, label, tier, trigger, decision, fill, shock_hours, trigger_hours),
        *(float(acting.exposure[first:stop].min()), names, money, sold),
        *(ruled, held, targeted, ruled - held, ruled - targeted),
    )


_NOTHING: tuple[Any, ...] = ("", pd.NaT, pd.NaT, pd.NaT, np.nan, np.nan, 0, 0.0, "")


def _action(began: Any, episode: DatedEpisode, sessions: pd.DatetimeIndex, filled_at: InstantArray) -> tuple[Any, ...]:
    """What a rule saw and sold when it first began to act within an episode."""
    fill = filled_at[sessions.get_loc(began["session"])]
    hours = float((fill - episode.shock.tz_localize(None).to_datetime64()) / HOUR)
    money = began["names_sold"], began["cash_raised"], began["sold"]
    return began["label"], began["shock"], began["decision"], pd.Timestamp(str(fill)), hours, began["lag_hours"], *money


def _return(path: AccountPath, first: int, stop: int) -> float:
    return float(path.values[stop - 1] / path.values[first - 1] - 1.0)


def _plain(record: Mapping[Any, Any]) -> dict[str, Any]:
    """A record with instants as texts in UTC, and none where there is no value."""
    return {str(name): _plain_value(value) for name, value in record.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value.tz is None else value.isoformat()
    return value
