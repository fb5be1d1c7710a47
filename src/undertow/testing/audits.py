"""The audit of a strategy: look-ahead, and how much its result rests on details."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests import Account, annual_sharpe
from undertow.backtests.sweeps import Rearranged, rearranged
from undertow.market import DataError, Feed, Fill, Market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Strategy, base_weights
from undertow.testing.decided import checked_decision, decisions_of, sample_rules, simulated
from undertow.testing.look_ahead import check_equal_decisions, check_every_decision, check_no_look_ahead
from undertow.testing.other_worlds import check_worlds
from undertow.testing.strategies import check_missing_feeds
from undertow.testing.worlds import Cut, mirrored_after, noise_after, removed_after

PASS, WARN, FAIL = "pass", "warn", "fail"
DELAYS = (1, 6, 24)
# A venue counted several times as much as another one: levels of one regime are no evidence in the next.
REGIME_FACTOR = 6.3
# Instants on the audited market, as shares of its sessions.
_CUTS = (0.35, 0.6, 0.85)
# More survivors than this hint at a list of today's names.
_MOST_SURVIVORS = 0.97
# A Sharpe ratio over buy-and-hold that falls by more is said to rest on a detail.
_MUCH = 0.10
_SESSION = re.compile(r" on (\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True)
class AuditCheck:
    """One check: its outcome, the first session that differs, and what it saw."""

    name: str
    outcome: str
    session: str
    detail: str


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit saw.

    Args:
        strategy: name of the strategy
        checks: checks in their order
        settings: everything that decides the audit
    """

    strategy: str
    checks: tuple[AuditCheck, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Audit of {self.strategy!r}: {self.outcome}, {len(self.checks)} checks>"

    @property
    def heading(self) -> str:
        """Its name, as a heading."""
        return f"Audit of {self.strategy}"

    @property
    def outcome(self) -> str:
        """The worst outcome of the checks: pass, warn or fail."""
        outcomes = {check.outcome for check in self.checks}
        return next((outcome for outcome in (FAIL, WARN) if outcome in outcomes), PASS)

    @property
    def first_session(self) -> str:
        """The earliest session on which a failed check differs; "" where none failed."""
        return min((check.session for check in self.checks if check.outcome == FAIL and check.session), default="")

    @property
    def table(self) -> pd.DataFrame:
        """One row a check: outcome, first session that differs, detail."""
        rows = [(check.name, check.outcome, check.session, check.detail) for check in self.checks]
        return pd.DataFrame(rows, columns=["check", "outcome", "session", "detail"]).set_index("check")

    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables by heading."""
        return {"Checks": self.table}

    def notes(self) -> list[str]:
        """What no audit can show."""
        return [
            "An audit shows look-ahead that changes a decision on the markets and instants it looked at; it is no proof"
        ]

    def sentence(self) -> str:
        """The verdict in words."""
        failed = [check for check in self.checks if check.outcome == FAIL]
        warned = [check.name for check in self.checks if check.outcome == WARN]
        if failed:
            where = f"; the first session that differs is {self.first_session}" if self.first_session else ""
            return (
                f"`{self.strategy}` fails the audit, {len(failed)} of {len(self.checks)} checks, the first of them"
                f" {failed[0].name}{where}."
            )
        remark = f"; it warns of {', '.join(warned)}" if warned else ""
        return f"`{self.strategy}` passes the audit: no decision knew what came after it{remark}."

    def figure(self) -> Any:
        """Sharpe ratios over buy-and-hold by condition, as a plotly figure."""
        from plotly import graph_objects as go

        ratios = self.settings.get("sharpe_over_hold", {})
        figure = go.Figure(
            go.Bar(x=list(ratios.values()), y=list(ratios), orientation="h", marker={"color": "#1f3a5f"})
        )
        figure.update_layout(showlegend=False, margin={"l": 220, "r": 20, "t": 20, "b": 50})
        figure.update_xaxes(title="annual Sharpe ratio of log returns over buy-and-hold")
        figure.update_yaxes(automargin=True)
        figure.update_yaxes(autorange="reversed")
        return figure

    def to_dict(self) -> dict[str, Any]:
        """The content of `--json`."""
        return {
            "strategy": self.strategy,
            "outcome": self.outcome,
            "first_session": self.first_session or None,
            "checks": self.table.reset_index().to_dict("records"),
            "sentence": self.sentence(),
            "notes": self.notes(),
            "settings": self.settings,
        }


def audit(
    strategy: Strategy | type[Strategy],
    market: Market | None = None,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    account: Account | None = None,
    resamples: int = 0,
    seed: int = 9,
) -> Audit:
    """Look for decisions that knew what came later, and results that rest on details.

    What became known after an instant is removed, mirrored and replaced by noise, at several instants and for both
    fills, on the suite's markets and on `market`; there each feed, prices and memberships are changed apart too. Then
    the rule is run with each feed that it reads 1, 6 and 24 hours late, with doubled costs, a session late, and with
    one venue regime times 6.3.

    Args:
        strategy: strategy, or its class for the defaults.
        market: market to audit on; the suite's simulated one by default.
        universe: name of a universe of the market.
        start: first session of the runs, None for the market's first.
        end: last session of the runs, None for the market's last.
        account: account of the runs.
        resamples: further instants at random on the market.
        seed: seed of those instants.

    Raises `ParameterError` on an unknown universe or a bad window.
    """
    rule = strategy if isinstance(strategy, Strategy) else strategy()
    chosen = simulated() if market is None else market
    checks = [*_of_the_future(type(rule), chosen, universe, _rows(chosen, resamples, seed))]
    span = {"universe": universe, "start": start, "end": end}
    runs = _Runs(rule, chosen, span, account or Account())
    checks += runs.checks()
    settings = {
        **{name: None if value is None else str(value) for name, value in span.items()},
        "market": chosen.name,
        "market_fingerprint": chosen.fingerprint,
        "parameters": rule.parameters,
        "sharpe_over_hold": runs.ratios,
        "resamples": resamples,
        "seed": seed,
    }
    return Audit(rule.name(), tuple(checks), settings)


def _rows(market: Market, resamples: int, seed: int) -> list[int]:
    count = len(market.sessions)
    rows = {int(share * count) for share in _CUTS}
    rows |= set(np.random.default_rng(seed).integers(count // 3, count - 1, size=resamples).tolist())
    return sorted(rows)


def _checked(name: str, check: Callable[[], None], detail: str) -> AuditCheck:
    """The outcome of a check that raises `AssertionError` with the session."""
    try:
        check()
    except AssertionError as error:
        text = str(error)
        session = _SESSION.search(text)
        return AuditCheck(name, FAIL, session.group(1) if session else "", text)
    except DataError as error:
        return AuditCheck(name, WARN, "", f"not checked: {error}")
    return AuditCheck(name, PASS, "", detail)


def _of_the_future(strategy: type[Strategy], market: Market, universe: str, rows: list[int]) -> Iterator[AuditCheck]:
    suite = simulated()
    fills: tuple[Fill, ...] = ("open", "close")
    for fill in fills:
        yield _checked(
            f"future unknown, fill at the {fill}",
            partial(check_no_look_ahead, strategy, suite, fill),
            "removed, mirrored and replaced by noise at three instants of the suite's market",
        )
    yield _checked(
        "every decision", lambda: check_every_decision(strategy), "mirrored at many single decisions of a small market"
    )
    yield _checked(
        "state between calls", lambda: check_worlds(strategy, suite), "decisions equal those of a fresh process"
    )
    yield _checked(
        "missing feeds hold", lambda: check_missing_feeds(strategy, suite), "a stale session holds the last exposure"
    )
    for fill in fills:
        sources = _Sources(strategy, market, universe, fill)
        for source in sources.names:
            yield _checked(
                f"{source}, fill at the {fill}",
                partial(sources.check, source, rows),
                f"what became known later was changed in it alone, at {len(rows)} instants",
            )


class _Sources:
    """A market whose sources are changed apart: feeds, prices, memberships, and all."""

    def __init__(self, strategy: type[Strategy], market: Market, universe: str, fill: Fill) -> None:
        self.strategy, self.market, self.universe, self.fill = strategy, market, universe, fill
        self.rules = sample_rules(strategy, 2)
        self.decided = self._decide(market)
        self.feeds = {_feed_name(feed): number for number, feed in enumerate(market.feeds)}
        self.names = ["all removed", "prices", "membership and price ends", *self.feeds]

    def _decide(self, market: Market) -> tuple[DecisionTable, Any]:
        table = DecisionTable(market, self.universe, self.fill, decisions_of(market, self.fill))
        return checked_decision(self.strategy, market, self.rules, self.fill, self.universe, table)

    def check(self, source: str, rows: list[int]) -> None:
        """Check that decisions up to each row stay when a source changes after it."""
        for row in rows:
            cut = Cut(row, self.decided[0].decisions.at[row])
            changed = self._changed(source, cut)
            change = (
                f"when what became known after the decision of {self.market.sessions[row].date()} (fill at the"
                f" {self.fill}) was changed in {source}: it looks ahead"
            )
            check_equal_decisions(self.strategy.name(), self.decided, self._decide(changed), row + 1, change)

    def _changed(self, source: str, cut: Cut) -> Market:
        if source == "all removed":
            return removed_after(self.market, cut)
        if source == "prices":
            return replace(self.market, prices=mirrored_after(self.market, cut).prices, truth=None)
        if source == "membership and price ends":
            other = noise_after(self.market, cut)
            return replace(self.market, prices=other.prices, universes=other.universes, truth=None)
        other = mirrored_after(self.market, cut)
        feeds = [other.feeds[n] if n == self.feeds[source] else feed for n, feed in enumerate(self.market.feeds)]
        return replace(self.market, feeds=tuple(feeds), truth=None)


class _Runs:
    """Runs of a rule under changed conditions."""

    def __init__(self, rule: Strategy, market: Market, span: dict[str, Any], account: Account) -> None:
        self.rule, self.market, self.span, self.account = rule, market, span, account
        self.base = rearranged(rule, market, **span, account=account)
        self.ratios: dict[str, float] = {"as it is": self._ratio(self.base)}

    def _ratio(self, run: Rearranged, sources: Any = None) -> float:
        sessions = len(run.exposure)
        rule = np.arange(sessions) if sources is None else sources
        # A session of full exposure stands for buy-and-hold: the same basket, costs and rebalances.
        returns = np.log1p(run.returns(np.vstack([rule, np.full(sessions, run.resting)])))
        return float(annual_sharpe(returns[0] - returns[1], 0.0, self.market.calendar.sessions_a_year))

    def checks(self) -> list[AuditCheck]:
        """The checks that need runs, in their order."""
        checks = [self._warm_up(), self._survivors()]
        for number, feed in enumerate(self.market.feeds):
            if self._reads(number):
                checks += [self._late(number, feed, hours) for hours in DELAYS]
                checks += [self._regime(number, feed)] if len(feed.regime_names) > 1 else []
        costs = self.account.costs
        doubled = replace(costs, fee_bps=2 * costs.fee_bps, slippage_bps=2 * costs.slippage_bps)
        expensive = rearranged(self.rule, self.market, **self.span, account=replace(self.account, costs=doubled))
        checks.append(self._compared("costs doubled", self._ratio(expensive)))
        sessions = len(self.base.exposure)
        later = np.maximum(np.arange(sessions) - 1, 0)
        checks.append(self._compared("fill one session later", self._ratio(self.base, later)))
        return checks

    def _with_feed(self, number: int, feed: Feed | None) -> Rearranged:
        feeds = [feed if n == number else other for n, other in enumerate(self.market.feeds)]
        market = replace(self.market, feeds=tuple(kept for kept in feeds if kept is not None), truth=None)
        return rearranged(self.rule, market, **self.span, account=self.account)

    def _reads(self, number: int) -> bool:
        try:
            return not np.array_equal(self._with_feed(number, None).exposure, self.base.exposure)
        except DataError:
            # It cannot decide without the feed.
            return True

    def _late(self, number: int, feed: Feed, hours: int) -> AuditCheck:
        late = replace(feed, known_at=feed.known_at + np.timedelta64(hours, "h"))
        return self._compared(f"{_feed_name(feed)} {hours} h later", self._ratio(self._with_feed(number, late)))

    def _compared(self, name: str, ratio: float) -> AuditCheck:
        self.ratios[name] = ratio
        base = self.ratios["as it is"]
        loses = np.isfinite(base) and np.isfinite(ratio) and (ratio < base - _MUCH or (base > 0.0 >= ratio))
        detail = f"Sharpe over buy-and-hold {base:+.2f} -> {ratio:+.2f}"
        return AuditCheck(name, WARN if loses else PASS, "", detail)

    def _regime(self, number: int, feed: Feed) -> AuditCheck:
        """Whether the decisions stay where one venue regime counts 6.3 times as much."""
        inside = feed.regimes == feed.regimes.max()
        columns = {name: np.where(inside, values * REGIME_FACTOR, values) for name, values in feed.columns.items()}
        changed = self._with_feed(number, replace(feed, columns=columns))
        rows = np.flatnonzero(changed.exposure != self.base.exposure)
        name = f"{_feed_name(feed)}, a venue regime times {REGIME_FACTOR}"
        if not len(rows):
            return AuditCheck(name, PASS, "", "no decision changes")
        sessions = self.market.sessions[self.base.task.prepared.rows]
        detail = f"{len(rows)} decisions read the level of a regime, which is not comparable with others"
        return AuditCheck(name, WARN, str(sessions[rows[0]].date()), detail)

    def _warm_up(self) -> AuditCheck:
        rows = self.base.task.prepared.rows
        stale = self.base.decision.stale[rows, 0]
        sessions = self.market.sessions[rows]
        if not stale.any():
            return AuditCheck("warm-up", PASS, "", "every signal has a value on every session")
        first = int(np.argmin(stale))
        if first:
            known = str(sessions[first].date()) if not stale.all() else "none"
            detail = f"sessions before the first with every signal: {first if not stale.all() else len(stale)}"
            return AuditCheck("warm-up", WARN, known if known != "none" else "", detail)
        return AuditCheck("warm-up", PASS, "", f"{int(stale.sum())} later sessions hold for want of a signal")

    def _survivors(self) -> AuditCheck:
        table, rows = self.base.task.prepared.table, self.base.task.prepared.rows
        base, _ = base_weights(table, rows, *self.account.basket)
        ever = (base > 0.0).any(axis=0)
        alive = table.alive[rows][-1] & ever
        share = float(alive.sum() / max(1, ever.sum()))
        detail = f"{int(alive.sum())} of {int(ever.sum())} names ({share:.0%}) are there at the end"
        is_late = len(table.market.sessions[rows]) > 3 * self.market.calendar.sessions_a_year
        outcome = WARN if share > _MOST_SURVIVORS and is_late else PASS
        return AuditCheck("names that survive to the end", outcome, "", detail)


def _feed_name(feed: Feed) -> str:
    return f"{feed.label} ({feed.path})" if feed.path else feed.label
