"""The page of a market: what looks wrong first, then what it covers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from undertow.market import Coverage, CoverageTable, coverage_tables
from undertow.tearsheets.html import (
    Html,
    check_html_path,
    facts,
    fill_template,
    join,
    resource,
    section,
    table,
    tag,
    write_atomic,
)

_STYLE = """
.counts th, .counts td { white-space: nowrap; }
.doubts td { text-align: left; vertical-align: top; }
.doubts td:nth-child(3) { text-align: right; }
.lead { font-size: 17px; line-height: 1.5; max-width: 76ch; }
"""
_WRONG = "What looks wrong"
_SEVERITIES = (("error", "errors"), ("warning", "warnings"), ("note", "notes"))


def write_market_page(report: Coverage, path: str | Path) -> Path:
    """Write the inspection of a market as one self-contained HTML page.

    Raises `ParameterError` where `path` does not end in .html or is a folder.

    Args:
        report: the coverage of a market.
        path: the file to write.
    """
    check_html_path(path, "html")
    tables = {content.title: content for content in coverage_tables(report)}
    wrong = tables.pop(_WRONG, None)
    overview = tables.pop(report.name)
    parts: list[Html] = [tag("header", tag("p", "Undertow market", kind="eyebrow"), tag("h1", report.name))]
    parts.append(tag("p", verdict_of(report), kind="lead"))
    parts.append(_facts(overview))
    if wrong is not None:
        parts.append(section(_WRONG, _table(wrong, "doubts")))
    parts += [section(content.title, _table(content, "counts")) for content in tables.values()]
    style = Html(resource("page.css") + _STYLE)
    page = fill_template("plain.html", title=f"{report.name} | Undertow", style=style, body=join(parts))
    return write_atomic(path, page.encode("utf-8"))


def verdict_of(report: Coverage) -> str:
    """What an inspection comes to, in two sentences.

    Args:
        report: the coverage of a market.
    """
    counts: Counter[str] = Counter(doubt.severity for doubt in report.doubts)
    shown = [f"{counts[one]} {one if counts[one] == 1 else many}" for one, many in _SEVERITIES if counts[one]]
    if not shown:
        return "Nothing looks wrong in this market."
    meaning = (
        "Figures of what an error names would be wrong: repair it first."
        if counts["error"]
        else "Nothing in it would give wrong figures for certain; a warning may be true of the world."
    )
    return f"This market loads, with {' and '.join(shown)}. {meaning}"


def _facts(content: CoverageTable) -> Html:
    return facts((name, value) for name, value in content.rows)


def _table(content: CoverageTable, kind: str) -> Html:
    if not any(content.columns):
        return _facts(content)
    return table([heading.capitalize() for heading in content.columns], content.rows, kind=kind)
