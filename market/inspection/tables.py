"""The tables of `undertow market check`, for the terminal and for its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from undertow.market.inspection.changes import EXTREME, split_ratio
from undertow.market.inspection.coverage import Coverage, PriceCoverage

_NAMES_SHOWN = 12


@dataclass(frozen=True)
class CoverageTable:
    """A table of what a market covers, as texts.

    Args:
        title: its heading.
        columns: headings of its columns; blank ones for names with their values.
        rows: the cells of every row.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def coverage_tables(report: Coverage) -> list[CoverageTable]:
    """The tables of a report that have rows, what looks wrong last.

    Args:
        report: the coverage of a market.
    """
    tables = [_overview(report), _feeds(report), _bars(report), _regimes(report), _universes(report)]
    tables += [_prices(report.prices), _moves(report.prices), _findings(report)]
    return [table for table in tables if table.rows]


def render_coverage(report: Coverage) -> RenderableType:
    """The tables that `undertow market check` prints.

    Args:
        report: the coverage of a market.
    """
    return Group(*(_rendered(table) for table in coverage_tables(report)))


def _rendered(content: CoverageTable) -> Table:
    # Text throughout: square brackets in a plain string would be read as markup.
    named = any(content.columns)
    table = Table(title=Text(content.title), title_justify="left", show_header=named)
    for position, column in enumerate(content.columns):
        table.add_column(column, justify="left" if position == 0 or not named else "right", overflow="fold")
    for row in content.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> CoverageTable:
    cells = (tuple(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) for row in rows)
    return CoverageTable(title, tuple(columns), tuple(cells))


def _overview(report: Coverage) -> CoverageTable:
    span = f"{report.first_session} to {report.last_session}, {report.sessions:,} on {report.calendar}"
    rows = [("fingerprint", report.fingerprint), ("sessions", span)]
    rows += [("benchmark", report.benchmark or "none"), ("cash", report.cash or "none: cash earns nothing")]
    return _table(report.name, ("", ""), rows)


def _feeds(report: Coverage) -> CoverageTable:
    columns = (
        "feed",
        "interval",
        "delay",
        "first",
        "last",
        "rows",
        "missing",
        "longest gap",
        "repeats",
        "frozen",
        "age at end",
    )
    rows = [
        (
            f"{feed.kind} {feed.asset or feed.path}",
            feed.interval,
            feed.delay,
            feed.first[:10],
            feed.last[:10],
            f"{feed.rows:,}" + (f", {feed.zero_rows:,} of zero put in" if feed.zero_rows else ""),
            feed.missing_intervals,
            f"{feed.longest_gap_hours:g} h",
            feed.repeated_rows,
            f"{feed.frozen_rows:,}" + (", last row too" if feed.frozen else ""),
            f"{feed.age_hours:g} h" + (", stale" if feed.stale else ""),
        )
        for feed in report.feeds
    ]
    return _table("Feeds", columns, rows)


def _bars(report: Coverage) -> CoverageTable:
    columns = ("bars", "open or close outside [low, high]", f"moves beyond ±{EXTREME:.0%} in an interval", "largest")
    rows = [
        (
            f"{feed.asset} {feed.interval}",
            feed.outside_range,
            feed.extreme_count,
            ", ".join(f"{size:+.1%} at {stamp}" for stamp, size in feed.extreme_moves[:2]) or "none",
        )
        for feed in report.feeds
        if feed.kind == "bars"
    ]
    return _table("Bars", columns, rows)


def _regimes(report: Coverage) -> CoverageTable:
    rows = [
        (f"{feed.kind} {feed.asset} {feed.interval}", regime.name, regime.first, regime.last, regime.rows)
        for feed in report.feeds
        for regime in feed.regimes
    ]
    return _table(
        "Venue regimes: levels are not comparable across them", ("feed", "regime", "first", "last", "rows"), rows
    )


def _universes(report: Coverage) -> CoverageTable:
    columns = (
        "universe",
        "symbols",
        "priced",
        "alive first",
        "last",
        "min",
        "median",
        "max",
        "missing opens",
        "no prices",
    )
    rows = [
        (
            universe.name,
            universe.symbols,
            universe.priced,
            universe.alive_at_start,
            universe.alive_at_end,
            universe.alive_min,
            f"{universe.alive_median:g}",
            universe.alive_max,
            universe.missing_opens,
            _some(universe.without_prices),
        )
        for universe in report.universes
    ]
    return _table("Universes", columns, rows)


def _prices(prices: PriceCoverage) -> CoverageTable:
    gaps = f"{prices.gap_cells:,} sessions in {_some(prices.gap_names)}" if prices.gap_cells else "none"
    rows = [
        ("symbols", prices.symbols),
        ("rows with a close", prices.rows),
        ("without any close", _some(prices.without_close)),
        ("listed after the first session", _some(prices.listed_late)),
        ("ended before the last session", _some(prices.ended_early)),
        ("close only", _some(prices.close_only)),
        ("gaps inside a listing", gaps),
        ("rows without an open", prices.missing_opens),
        ("rows with zero volume", prices.zero_volume),
        ("open or close outside [low, high]", prices.outside_range),
        (f"moves beyond ±{EXTREME:.0%} in a session", prices.extreme_count),
        ("sessions without any row", _some(prices.empty_sessions)),
        ("without the last session", _some(prices.without_last_session)),
        ("the same bar for more than five sessions", _some(prices.frozen_names)),
    ]
    return _table("Prices", ("", ""), rows)


def _moves(prices: PriceCoverage) -> CoverageTable:
    rows = [(symbol, session, f"{size:+.1%}", split_ratio(size)) for symbol, session, size in prices.extreme_moves]
    return _table("Largest one-session moves", ("symbol", "session", "return", "close to a split of"), rows)


def _findings(report: Coverage) -> CoverageTable:
    rows: list[tuple[object, ...]] = [
        (doubt.severity, f"{doubt.where}: {doubt.kind}", doubt.count, f"{doubt.example}; {doubt.repair}")
        for doubt in report.doubts
    ]
    # Notes of the loader; the others are doubts.
    doubted = {doubt.where for doubt in report.doubts} | {feed.path for feed in report.feeds}
    notes = {where: text for where, text in report.findings.items() if where.removeprefix("cash ") not in doubted}
    rows += [("warning", where, "", text) for where, text in notes.items()]
    return _table("What looks wrong", ("severity", "what", "count", "first case, and what to do"), rows)


def _some(names: Sequence[str]) -> str:
    if not names:
        return "none"
    ellipsis = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f"{len(names):,}: {', '.join(names[:_NAMES_SHOWN])}{ellipsis}"
