"""`watch`: the checklist whenever a market folder has new rows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import pandas as pd

from undertow.backtests.account import Account, AccountSettings, make_account
from undertow.backtests.checklist.instants import instant_text
from undertow.backtests.checklist.today import Today, today
from undertow.backtests.checklist.watch.alert import Standing, changes_between, make_alert
from undertow.backtests.checklist.watch.arrivals import Arrivals
from undertow.backtests.checklist.watch.channels import Channel
from undertow.backtests.checklist.watch.state import WatchState, open_state, state_path, watch_name
from undertow.backtests.checklist.watch.stopped import stopped_feeds
from undertow.market import DataError, Market, ParameterError, instant_of, last_known, safe_text
from undertow.strategies import Strategy
from undertow.strategies.rules import RuleStrategy

WatchClock = Literal["last", "now"]
_EVERY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)\s*")
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_LONGEST = 7 * 86_400.0
# The channel of whoever iterates over the checks.
_READER = "reader"


@dataclass(frozen=True)
class WatchCheck:
    """One check of the folder.

    Args:
        asof: instant of the checklist, UTC; empty where there is none yet.
        tier: its tier, empty where there is none yet.
        exit_code: exit code of the checklist, 2 where there is none yet.
        is_new: whether the folder had new rows.
        alerts: alerts as plain values, oldest first; mostly none.
        remarks: what could not be read or sent; it is tried again at the next check.
        today: the checklist.
    """

    asof: str
    tier: str
    exit_code: int
    is_new: bool
    alerts: tuple[dict[str, Any], ...]
    remarks: tuple[str, ...]
    today: Today | None = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The check as plain values, without the checklist."""
        return {
            "asof": self.asof,
            "tier": self.tier,
            "exit_code": self.exit_code,
            "is_new": self.is_new,
            "alerts": list(self.alerts),
            "remarks": list(self.remarks),
        }


def read_every(text: str) -> float:
    """Seconds from text such as 30s, 15m, 15min, 1h or 1d.

    Raises `ParameterError` on anything else, on 0, and on more than a week.
    """
    match = _EVERY.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0.0 < seconds <= _LONGEST:
        raise ParameterError(f"`every` must be a time such as 30s, 15m or 1h, at most 7d; got {safe_text(text)!r}")
    return seconds


def watch(
    strategy: Strategy,
    folder: str | Path,
    *,
    every: str = "15m",
    clock: WatchClock = "last",
    universe: str = "growth",
    channels: Sequence[Channel] = (),
    state: str | Path | None = None,
    checks: int | None = None,
    account: Account | None = None,
    **settings: Unpack[AccountSettings],
) -> Iterator[WatchCheck]:
    """Check a market folder again and again, and send what has changed.

    Alerts are the changes of the tier, of a check that begins or ends to be an alarm, and of a feed that stops or runs
    again; the first one states all of them. They compare the standing at a check with that of the last alert: what came
    and went between two checks is not seen. An alert is in the state file before it is sent, so a change is sent once
    however often the watch is killed and started again; only a receiver that was killed together with it, between its
    receipt and the record of that, sees the same `number` twice, a file never. One that cannot be sent is
    sent at the next check.

    Between sessions the checklist is that of the next fill. Nothing in the checklist was known later than its instant.
    A feed stops when its last value is older than its tolerance; with the clock "last" the time that has passed since
    the last new row counts.

    Raises `ParameterError` for a strategy that is not rule-based, a bad `every`, and a state of another watch or in
    use; `DataError` where the folder is no market folder. Files that cannot be read later on are remarks.

    Args:
        strategy: a rule-based strategy.
        folder: market folder, which another process extends.
        every: time from one check to the next.
        clock: "last": the instant of the checklist is the last one at which the folder learned anything; "now": the
            present one, at every check.
        universe: name of a universe or a screen.
        channels: receivers of the alerts.
        state: the state file; by default one below results/watch, by rule and folder.
        checks: number of checks, None without an end.
        account: settings of the account.
        settings: single settings of the account by name, in place of those in `account`.
    """
    if not isinstance(strategy, RuleStrategy):
        raise ParameterError(f"`{strategy.name()}` is not rule-based; name a rule-based strategy, such as risk-tiers")
    if clock not in ("last", "now"):
        raise ParameterError(f"`clock` must be last or now, got {clock!r}")
    path, seconds, account = Path(folder), read_every(every), make_account(account, settings)
    if not (path / "market.toml").is_file():
        raise DataError(f"market folder {safe_text(repr(str(path)))} has no market.toml; name a market folder")
    identity = {
        "folder": str(path.resolve()),
        "parameters": strategy.parameters,
        "universe": universe,
        "account": account.as_dict(),
        "clock": clock,
    }
    name = watch_name(strategy.label, universe, identity)
    target = state_path(name) if state is None else Path(state)
    watcher = _Watcher(strategy, path, seconds, clock, universe, account, tuple(channels))
    return watcher.run(target, name, checks)


@dataclass
class _Watcher:
    strategy: Strategy
    folder: Path
    every: float
    clock: WatchClock
    universe: str
    account: Account
    channels: tuple[Channel, ...]
    market: Market | None = None
    today: Today | None = None

    def run(self, target: Path, name: str, checks: int | None) -> Iterator[WatchCheck]:
        with open_state(target, name) as state:
            arrivals = Arrivals(self.folder, self.every, state.ends)
            dropped = state.drop_others([_READER, *(channel.label for channel in self.channels)])
            done = 0
            while True:
                check = self._check(state, arrivals)
                if dropped:
                    check, dropped = replace(check, remarks=(*dropped, *check.remarks)), ()
                unread = [item for item in state.pending if _READER in item["left"]]
                yield replace(check, alerts=tuple(item["alert"] for item in unread))
                for item in unread:
                    state.sent(item, _READER)
                done += 1
                if done == checks:
                    return
                time.sleep(self.every)

    def _check(self, state: WatchState, arrivals: Arrivals) -> WatchCheck:
        market, problem = arrivals.market()
        remarks = [problem] if problem else []
        if market is not None:
            self.market = market
            if arrivals.ends != state.ends:
                state.ends, state.arrived = dict(arrivals.ends), time.time()
        try:
            self._read(state, is_new=market is not None)
        except DataError as error:
            remarks.append(str(error))
        remarks += self._send(state)
        today = self.today
        return WatchCheck(
            asof="" if today is None else today.asof,
            tier="" if today is None else today.tier,
            exit_code=2 if today is None else today.exit_code,
            is_new=market is not None,
            alerts=(),
            remarks=tuple(remarks),
            today=today,
        )

    def _read(self, state: WatchState, *, is_new: bool) -> None:
        """The checklist where it may have changed, and the alert of what has."""
        market = self.market
        if market is None:
            return
        now = self._instant(market, state)
        if is_new or self.today is None or self.clock == "now":
            self.today = None
            instant = now if self.clock == "now" else last_known(market)
            stamp = pd.Timestamp(instant, tz="UTC")
            self.today = today(self.strategy, market, asof=stamp, universe=self.universe, account=self.account)
        standing = Standing.of(self.today, stopped_feeds(market, now))
        changes = changes_between(state.standing, standing, self.today)
        state.asof = instant_text(now) if self.clock == "now" else self.today.asof
        if changes:
            alert = make_alert(state.number + 1, state.name, changes, self.today)
            state.add(alert, standing, [_READER, *(channel.label for channel in self.channels)])
        elif is_new:
            state.save()

    def _instant(self, market: Market, state: WatchState) -> np.datetime64:
        """The present: of the clock "last" the last instant and the time since then."""
        if self.clock == "now":
            return instant_of("now")
        passed = max(0.0, time.time() - state.arrived)
        return np.datetime64(last_known(market) + np.timedelta64(round(passed * 1e9), "ns"))

    def _send(self, state: WatchState) -> list[str]:
        """Send what is pending, oldest first; what fails waits with all that is behind it."""
        remarks = []
        for channel in self.channels:
            for item in list(state.pending):
                if channel.label not in item["left"]:
                    continue
                try:
                    channel.send(item["alert"])
                except DataError as error:
                    remarks.append(f"alert {item['alert']['number']} was not sent: {error}")
                    break
                state.sent(item, channel.label)
        return remarks
