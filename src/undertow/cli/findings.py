"""A piece of evidence on the terminal, as JSON and as a page, and its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertow.cli.output import print_json

if TYPE_CHECKING:
    import pandas as pd

    from undertow.tearsheets.evidence import Finding

ResamplesOption = Annotated[int, typer.Option("--resamples", help="Resamples of the bootstrap, 100 or more.")]
AssetOption = Annotated[str, typer.Option("--asset", help="Asset of the shocks.")]
WithinOption = Annotated[str, typer.Option("--within", help="Length in which the high before a fall lies.")]
ApartOption = Annotated[str, typer.Option("--apart", help="A shock sooner after the last one belongs to it.")]
FallOption = Annotated[
    float | None, typer.Option("--fall", help="Shocks: falls from the high, 0.10 is 10 %.", show_default="0.10")
]


def print_finding(finding: Finding, content: dict[str, Any], html: Path | None, as_json: bool) -> None:
    """Write the page and print the finding, as one JSON object or in words."""
    if html is not None:
        from undertow.tearsheets.evidence import write_evidence

        write_evidence(finding, html, title=finding.heading)
    if as_json:
        print_json(content)
        return
    from undertow.cli.console import show

    show(finding.sentence())
    for heading, frame in finding.tables().items():
        show(_table(heading, frame))
    for text in finding.notes():
        show(text)
    if html is not None:
        show(f"page: {html}")


def _table(heading: str, frame: pd.DataFrame) -> object:
    from rich.table import Table

    from undertow.tearsheets.evidence import frame_cells

    head, rows = frame_cells(frame)
    table = Table(title=heading, title_justify="left")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table
