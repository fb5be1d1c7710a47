"""What was handled on the way, in words, and the recipe that makes the run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from undertow.backtests.runs.run import Recipe, Run
from undertow.tearsheets.html.markup import Html, facts, section, tag
from undertow.tearsheets.html.text import BLANK, count, counted, share, title, value_text

_SETTINGS = {
    "universe": "Universe",
    "start": "First session",
    "end": "Last session",
    "sessions": "Sessions",
    "fill": "Fill at the",
    "weighting": "Base weights",
    "rebalance": "Rebalanced",
    "fee_bps": "Fee, bps",
    "slippage_bps": "Slippage, bps",
    "haircut_bps": "Haircut at a name's end, bps",
    "borrow_bps": "Cost of borrowing, bps a year",
    "tax_rate": "Tax on realised gains, stated",
    "lots": "Lots that a sale sells",
    "capital": "Starting capital, USD",
    "market": "Market",
    "market_fingerprint": "Market fingerprint",
    "calendar": "Calendar",
    "benchmark": "Benchmark",
    "cash": "Cash earns",
    "seed": "Seed of the market",
}


def settings(recipe: Recipe) -> dict[str, str]:
    """Everything but the strategy and its parameters, in words."""
    found = {words: value_text(getattr(recipe, name)) for name, words in _SETTINGS.items()}
    found["Starting capital, USD"] = count(recipe.capital)
    found["Sessions"] = count(recipe.sessions)
    found["Versions"] = ", ".join(f"{name} {each}" for name, each in recipe.versions.items())
    return found


def parameters(recipe: Recipe, digits: int = 10) -> dict[str, str]:
    """The strategy's parameters as they would be typed; those of a rule from a file by the path of their key."""
    return {
        name: value_text(value, digits)
        for key, given in recipe.parameters.items()
        for name, value in (_leaves("", given) if isinstance(given, Mapping) else [(str(key), given)])
    }


def _leaves(path: str, given: Any) -> Iterator[tuple[str, Any]]:
    """What a nested record says, each with its path; what it leaves open is left out."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), value)
    elif isinstance(given, list | tuple) and any(isinstance(each, Mapping) for each in given):
        for number, value in enumerate(given):
            yield from _leaves(f"{path}[{number}]", value)
    elif given is not None and given != "" and given != [] and given != ():
        yield path, given


def handled_section(run: Run) -> Html:
    """What did not go by the book, each with its number; then which feed supplied the signals."""
    items = [*_orders(run), *_signals(run), *_universe(run.counts), _trials(run)]
    return section("What was handled", tag("ul", *(tag("li", item) for item in items), kind="handled"))


def recipe_section(run: Run) -> Html:
    """The settings that make the run again."""
    recipe = run.recipe
    own = parameters(recipe).items()
    command = [("Command", tag("code", recipe.command))] if recipe.command else []
    return section(
        "Recipe",
        tag("h3", f"Parameters of {title(recipe.strategy).lower()}"),
        facts(own) if own else tag("p", "It has none."),
        tag("h3", "Settings"),
        facts(settings(recipe).items()),
        facts(command, kind="facts wide") if command else "",
    )


def _orders(run: Run) -> list[str]:
    counts = run.counts
    deferred, waiting, closed = (
        int(counts.get(name, 0)) for name in ("deferred_fills", "orders_open_at_end", "price_ends_closed")
    )
    haircut = f" less {run.recipe.haircut_bps:g} bps" if run.recipe.haircut_bps else ""
    return [
        f"{counted(deferred, 'order')} found no price on {'its' if deferred == 1 else 'their'} session and waited for"
        " the next one."
        if deferred
        else "Every order found a price on its session.",
        *([f"{counted(waiting, 'order')} still waited for a price when the run ended."] if waiting else []),
        f"{counted(closed, 'position')} in names whose prices had ended closed at the last close{haircut}."
        if closed
        else "No held name's prices ended.",
    ]


def _signals(run: Run) -> list[str]:
    counts, sessions = run.counts, len(run.series)
    stale, fallback = int(counts.get("stale_sessions", 0)), int(counts.get("fallback_sessions", 0))
    partial = int(counts.get("partial_sessions", 0))
    items = []
    if stale:
        items.append(f"On {_of(stale, sessions)} a signal had no value and the last exposure was held.")
    elif not partial:
        items.append("Every signal that was needed had a value on every session.")
    if partial:
        items.append(f"On {_of(partial, sessions)} a signal of the rule had no value and the others decided.")
    if fallback:
        items.append(
            f"On {_of(fallback, sessions)} no liquidation feed had a value and a proxy from price and volume stood in."
        )
    # A walk reads what the rules of all folds ask for, on every session.
    whose = "for the rule of some fold " if run.name.endswith("-walk-forward") else ""
    items += [
        f"The feed {feed} supplied a signal {whose}on {_of(int(used), sessions)}."
        for feed, used in counts.get("signal_sources", {}).items()
    ]
    items += [
        f"The signal {signal} had no value at all: {why}." for signal, why in counts.get("absent_feeds", {}).items()
    ]
    return items


def _universe(counts: dict[str, Any]) -> list[str]:
    symbols, missing = int(counts.get("universe_symbols", 0)), int(counts.get("symbols_without_prices", 0))
    gaps = int(counts.get("cash_sessions_without_price", 0))
    items = []
    if symbols:
        rest = f"; {count(missing)} of them {'has' if missing == 1 else 'have'} no prices and could not be held"
        items.append(f"The universe lists {counted(symbols, 'symbol')}{rest if missing else ', all with prices'}.")
    empty, blank = (int(counts.get(f"sessions_without_{what}", 0)) for what in ("members", "prices"))
    if empty:
        items.append(
            f"On {counted(empty, 'session')} no name of the universe could be held: all was in cash, whatever the rule."
        )
    if blank:
        items.append(
            f"On {counted(blank, 'session')} no name of the universe had a close: values stood still, which looks calm."
        )
    if gaps:
        items.append(f"The cash symbol had no price on {counted(gaps, 'session')}, on which cash earned nothing.")
    return items


def _trials(run: Run) -> str:
    if run.trial_count is None:
        return "No ledger was kept, so what else was tried on this data is not counted."
    more = " The best of many looks good by luck alone." if run.trial_count.total > 1 else ""
    return run.trial_count.sentence("This is" if run.trial_count.own == 1 else "It was chosen from") + more


def _of(number: int, sessions: int) -> str:
    return f"{count(number)} of {counted(sessions, 'session')} ({share(number / sessions, 0)})"


def differing(columns: list[dict[str, str]]) -> tuple[list[str], list[str]]:
    """The names of settings that differ between several recipes, and of those that are equal in all."""
    names = list(dict.fromkeys(name for column in columns for name in column))
    differ = [name for name in names if len({column.get(name) for column in columns}) > 1]
    return differ, [name for name in names if name not in differ]


def equal_line(names: list[str], column: dict[str, str]) -> str:
    """What is equal and given, in one line."""
    return "; ".join(f"{name}: {column[name]}" for name in names if column[name] != BLANK)
