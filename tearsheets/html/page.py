"""A complete page from its body and its charts, in one self-contained file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from undertow.market import ParameterError
from undertow.tearsheets.html.markup import Html, fill_template, resource, script_json

# plotly.js 4.1.1 with cartesian charts alone, a third of the whole; MIT, see plotly-LICENSE.txt. A test compares its
# checksum, and its version with that of the package which writes the charts.
PLOTLY = "plotly-cartesian.min.js"
PLOTLY_SHA256 = "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"


def assemble(
    name: str, body: Html, charts: Iterable[dict[str, Any]], sessions: Sequence[str] = (), style: str = ""
) -> Html:
    """A complete page: style, body, plotly, the data of the charts, and the scripts.

    Args:
        name: the title of the page
        body: the content of its main element
        charts: the charts with an element in the body, as `Chart.as_dict` gives them
        sessions: the `x` of traces that have none
        style: CSS rules of this page alone
    """
    return fill_template(
        "page.html",
        title=f"{name} | Undertow",
        style=Html(resource("page.css") + style),
        body=body,
        plotly=Html(resource(PLOTLY)),
        charts=script_json({"sessions": list(sessions), "charts": list(charts)}),
        scripts=Html(resource("scripts.html")),
    )


def check_html_path(path: str | Path, parameter: str = "path") -> None:
    """Raise `ParameterError` where `path` does not end in .html or is a folder."""
    if Path(path).suffix != ".html" or Path(path).is_dir():
        raise ParameterError(f"`{parameter}` must be a file that ends in .html, got {str(path)!r}")
