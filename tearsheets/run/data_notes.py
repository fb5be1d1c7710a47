"""Gaps in the data and other exceptions of a run, each with its number."""

from __future__ import annotations

from typing import Any

from undertow.backtests.ledger import deflated_sentence
from undertow.backtests.runs import Run, endings_sentence
from undertow.market import GAP_SESSIONS
from undertow.tearsheets.html.markup import Html, note, section, table, tag
from undertow.tearsheets.html.text import BLANK, count, percent, quantity, share, typeset
from undertow.tearsheets.run.episodes import LONG_TABLE


def data_section(run: Run) -> Html:
    """Exceptions by number, the feeds that supplied signals, and the count of trials."""
    items = [
        *note_items(run),
        *_order_notes(run),
        *_signal_notes(run),
        *_feed_notes(run),
        *_universe_notes(run.counts),
        _trial_note(run),
    ]
    return section(
        "Data gaps and exceptions", tag("ul", *(tag("li", item) for item in items), kind="data-notes"), *move_table(run)
    )


def note_items(run: Run) -> list[str]:
    """The remarks on the data behind the figures as whole sentences."""
    return [typeset(f"{remark[:1].upper()}{remark[1:]}.") for remark in run.data_notes]


def move_table(run: Run) -> list[Html]:
    """The extreme moves of names while they were held, one row each; empty without."""
    moves = run.moves
    if not moves:
        return []
    rows = [
        [
            tag("td", str(move["symbol"]), kind="names"),
            tag("td", str(move["session"]), kind="when"),
            tag("td", percent(move["change"]), kind="num"),
            str(move["split"]) or BLANK,
            ", ".join(move["held_by"]),
        ]
        for move in sorted(moves, key=lambda move: -abs(move["change"]))
    ]
    head = ["Symbol", "Session", tag("th", "Move", scope="col", kind="num"), "Close to a split of", "Held by"]
    element = table(head, rows, kind="episodes")
    return [
        tag("h3", "Extreme moves of names that were held"),
        note("They may be real. An unadjusted split, or another unit of the currency (1:100), looks the same."),
        tag("div", element, kind="tallbox") if len(rows) > LONG_TABLE else element,
    ]


def _order_notes(run: Run) -> list[str]:
    counts = run.counts
    deferred, waiting, closed = (
        int(counts.get(name, 0)) for name in ("deferred_fills", "orders_open_at_end", "price_ends_closed")
    )
    gaps, calls, outside = (
        int(counts.get(name, 0)) for name in ("gap_ends_closed", "margin_calls", "opens_outside_range")
    )
    haircut = f" less {run.recipe.haircut_bps:g} bps" if run.recipe.haircut_bps else ""
    is_one = waiting == 1
    return [
        f"{quantity(deferred, 'order')} had no price on {'its' if deferred == 1 else 'their'} session and waited for"
        " the next price."
        if deferred
        else "Every order had a price on its session.",
        *([f"{quantity(waiting, 'order')} {'was' if is_one else 'were'} still open at the end."] if waiting else []),
        f"{quantity(closed, 'position')} {'was' if closed == 1 else 'were'} closed at the last close{haircut}, because"
        " prices had ended."
        if closed
        else "No name's prices ended while it was held.",
        *(
            [
                f"{quantity(gaps, 'position')} {'was' if gaps == 1 else 'were'} closed at the last close{haircut} in a"
                f" gap of more than {GAP_SESSIONS} sessions, after which the name traded again."
            ]
            if gaps
            else []
        ),
        *([endings_sentence(run.endings)] if len(run.endings) else []),
        *(
            [
                f"{quantity(outside, 'open')} of the universe {'was' if outside == 1 else 'were'} outside the low and"
                " the high of the session: no order was filled there."
            ]
            if outside
            else []
        ),
        *(
            [
                f"The account fell below the maintenance margin of {share(run.recipe.maintenance, 0)} of what was sold"
                f" short {quantity(calls, 'time')}, and the short position was closed at the next fill."
            ]
            if calls
            else []
        ),
    ]


def _feed_notes(run: Run) -> list[str]:
    """Feeds that repeated themselves or supplied nothing; what looks wrong in prices."""
    counts, sessions = run.counts, len(run.series)
    return [
        *(
            f"The feed {feed} had repeated its last row for too long on {_sessions(int(number), sessions)} and had no"
            " value."
            for feed, number in counts.get("frozen_feeds", {}).items()
        ),
        *(f"The feed {feed}, had {reason}." for feed, reason in counts.get("unused_feeds", {}).items()),
        *(f"Data, {subject}: {finding}." for subject, finding in counts.get("data_findings", {}).items()),
    ]


def _signal_notes(run: Run) -> list[str]:
    counts, sessions = run.counts, len(run.series)
    stale, fallback = int(counts.get("stale_sessions", 0)), int(counts.get("fallback_sessions", 0))
    partial = int(counts.get("partial_sessions", 0))
    items = []
    if stale:
        items.append(f"On {_sessions(stale, sessions)} a signal had no value and the last exposure was held.")
    elif not partial:
        items.append("Every required signal had a value on every session.")
    if partial:
        items.append(
            f"On {_sessions(partial, sessions)} a signal of the rule had no value and the other signals decided."
        )
    if fallback:
        items.append(
            f"On {_sessions(fallback, sessions)} no liquidation feed had a value and a proxy from price and volume was"
            " used instead."
        )
    # A walk reads the signals of all folds on every session.
    rule = "for the rule of at least one fold " if run.name.endswith("-walk-forward") else ""
    items += [
        f"The feed {feed} supplied a signal {rule}on {_sessions(int(number), sessions)}."
        for feed, number in counts.get("signal_sources", {}).items()
    ]
    items += [
        f"The signal {signal} had no value on any session: {reason}."
        for signal, reason in counts.get("absent_feeds", {}).items()
    ]
    return items


def _universe_notes(counts: dict[str, Any]) -> list[str]:
    symbols, unpriced = int(counts.get("universe_symbols", 0)), int(counts.get("symbols_without_prices", 0))
    gaps = int(counts.get("cash_sessions_without_price", 0))
    items = []
    if symbols:
        exclusion = f"; {count(unpriced)} of them {'has' if unpriced == 1 else 'have'} no prices and could not be held"
        items.append(
            f"The universe has {quantity(symbols, 'symbol')} in these"
            f" sessions{exclusion if unpriced else ', all with prices'}."
        )
    empty, stale = (int(counts.get(f"sessions_without_{part}", 0)) for part in ("members", "prices"))
    if empty:
        items.append(
            f"On {quantity(empty, 'session')} no name of the universe could be held: the account was all in cash,"
            " whatever the rule decided."
        )
    if stale:
        items.append(
            f"On {quantity(stale, 'session')} no name of the universe had a close: values did not change, so volatility"
            " is understated."
        )
    if gaps:
        items.append(f"The cash symbol had no price on {quantity(gaps, 'session')}, on which cash earned nothing.")
    return items


def _trial_note(run: Run) -> str:
    deflated = deflated_sentence(run.deflated)
    if run.trial_count is None:
        return f"No ledger was kept, so other trials on this data are not counted. {deflated}"
    caution = " The best of many trials looks good by chance alone." if run.trial_count.total > 1 else ""
    return (
        run.trial_count.sentence("This is" if run.trial_count.own == 1 else "It was chosen from")
        + f"{caution} {deflated}"
    )


def _sessions(number: int, total: int) -> str:
    return f"{count(number)} of {quantity(total, 'session')} ({share(number / total, 0)})"
