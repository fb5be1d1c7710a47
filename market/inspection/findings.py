"""What looks wrong in a market that can be used, and what to do about it."""

from __future__ import annotations

import numpy as np

from undertow.market.clock import FloatArray
from undertow.market.feeds import Feed
from undertow.market.market import Market

# A treasury bill earns something in a quarter of a year; a price that does not move lacks its distributions.
FLAT_CASH_SESSIONS = 60
# A name whose whole bars are equal on more sessions than this, with a volume, repeats its last row.
FROZEN_PRICE_SESSIONS = 5


def market_findings(market: Market) -> dict[str, str]:
    """What looks wrong in the prices, by file or symbol, with what to do.

    Adjusted closes beside the closes that are used, a cash symbol without any return.
    """
    findings = dict(note.partition(": ")[::2] for note in market.notes)
    if market.cash is not None and market.cash in market.prices:
        finding = _flat_cash(market, market.cash)
        if finding:
            findings[f"cash {market.cash}"] = finding
    return findings


def feed_findings(market: Market) -> dict[str, str]:
    """Feeds that repeat themselves, by file, with what to do."""
    return {feed.path: _frozen(feed) for feed in market.feeds if feed.frozen}


def flat_cash(market: Market, symbol: str) -> tuple[int, str, str]:
    """The longest time without any return of the cash symbol.

    Sessions in a row, the first and the last of them; 0 where they are too few to be an error.
    """
    close = market.prices.close[:, market.prices.columns_of([symbol])[0]]
    rows = np.flatnonzero(np.isfinite(close))
    count, last = longest_run(close[rows])
    if count < FLAT_CASH_SESSIONS:
        return 0, "", ""
    sessions = market.sessions[rows]
    return count, str(sessions[last - count + 1].date()), str(sessions[last].date())


def _flat_cash(market: Market, symbol: str) -> str:
    count, first, last = flat_cash(market, symbol)
    if not count:
        return ""
    return (
        f"no return on {count:,} sessions in a row, {first} to {last}:"
        " cash earned nothing then; supply its prices with distributions (adjusted closes), or name another symbol"
    )


def longest_run(values: FloatArray) -> tuple[int, int]:
    """The most repeats of one value in a row, and the row of the last of them."""
    if len(values) < 2:
        return 0, 0
    repeats = np.concatenate(([False], values[1:] == values[:-1]))
    rows = np.arange(len(values))
    lengths = rows - np.maximum.accumulate(np.where(repeats, 0, rows))
    last = int(lengths.argmax())
    return int(lengths[last]), last


def frozen_span(feed: Feed) -> tuple[int, str, str, bool]:
    """Frozen rows of a feed that has some: number, first, last, whether it ends so."""
    rows = np.flatnonzero(feed.frozen_rows)
    first, last = (str(np.datetime_as_string(feed.times[row], unit="m")) for row in (rows[0], rows[-1]))
    return len(rows), first, last, bool(rows[-1] == len(feed) - 1)


def _frozen(feed: Feed) -> str:
    count, first, last, stands = frozen_span(feed)
    columns = "" if len(feed.frozen) == len(feed.columns) else f" in {', '.join(feed.frozen)}"
    now = ", its last row included" if stands else ""
    return (
        f"{count:,} rows{columns} repeat what was before for longer than its tolerance, {first} to {last}{now}:"
        " they have no value; supply them again, or raise `tolerance` if nothing did change"
    )
