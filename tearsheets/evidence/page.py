"""One or several findings as one HTML page: verdict first, then pictures and tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from undertow.tearsheets.evidence.tables import frame_cells
from undertow.tearsheets.html.charts import FONT
from undertow.tearsheets.html.markup import Html, join, note, section, table, tag, write_atomic
from undertow.tearsheets.html.page import assemble, check_html_path

_STYLE = """
.finding { height: 420px; }
.verdicts { font-size: 17px; line-height: 1.5; max-width: 76ch; }
.evidence th, .evidence td { white-space: nowrap; text-align: right; }
.evidence th:first-child { text-align: left; }
"""


class Finding(Protocol):
    """What a page needs of a piece of evidence."""

    @property
    def heading(self) -> str:
        """Its name, as a heading."""

    def sentence(self) -> str:
        """The verdict in words."""

    def notes(self) -> list[str]:
        """What was left out, or stands in for something else."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """Its tables by heading."""

    def figure(self) -> Any:
        """Its picture, a plotly figure."""


def write_evidence(findings: Finding | Sequence[Finding], path: str | Path, *, title: str = "Evidence") -> Path:
    """Write findings as one self-contained HTML page and return its path.

    Raises `ParameterError` where `path` does not end in .html or is a folder.

        write_evidence(lag_curve(market), "lag.html")
    """
    check_html_path(path, "html")
    listed = list(findings) if isinstance(findings, Sequence) else [findings]
    charts = [_chart(finding, f"finding{number}") for number, finding in enumerate(listed)]
    parts: list[Html] = [tag("header", tag("p", "Undertow evidence", kind="eyebrow"), tag("h1", title))]
    if len(listed) > 1:
        parts.append(section("Verdict", *(tag("p", finding.sentence(), kind="verdicts") for finding in listed)))
    parts += [_section(finding, f"finding{number}", several=len(listed) > 1) for number, finding in enumerate(listed)]
    page = assemble(title, join(parts), charts, style=_STYLE)
    return write_atomic(path, page.encode("utf-8"))


def _section(finding: Finding, name: str, *, several: bool) -> Html:
    box = tag("div", id=name, kind="chart finding", role="img", aria_label=finding.sentence())
    tables = [
        join((tag("h3", heading), table(head, rows, kind="evidence")))
        for heading, frame in finding.tables().items()
        for head, rows in [frame_cells(frame)]
    ]
    notes = [note(f"{text[:1].upper()}{text[1:]}.") for text in finding.notes()]
    if several:
        # The verdicts stand above, and the figures are for who wants them.
        details = tag("details", tag("summary", "Figures"), *notes, *tables)
        return section(finding.heading, tag("figure", box), details)
    return section("Verdict", tag("p", finding.sentence(), kind="verdicts"), tag("figure", box), *notes, *tables)


def _chart(finding: Finding, name: str) -> dict[str, Any]:
    content = json.loads(finding.figure().to_json())
    layout = content["layout"]
    # The template of plotly is most of its size, and the page has its own look.
    layout.pop("template", None)
    layout |= {"font": {"family": FONT, "size": 12}, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
    return {"id": name, "data": content["data"], "layout": layout}
