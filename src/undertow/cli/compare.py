"""`undertow compare`: saved runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undertow.cli.options import HtmlOption, OldHtmlOption, one_file
from undertow.cli.progress import busy
from undertow.cli.resolve import check_targets

DEFAULT_PAGE = Path("results/compare.html")


def compare_command(
    runs: Annotated[list[Path], typer.Argument(help="Two or more run folders.")],
    html: HtmlOption = None,
    out: OldHtmlOption = None,
) -> None:
    """Compare saved runs on their common sessions.

    Without --html the page is results/compare.html.
    """
    from undertow.cli.console import show_comparison
    from undertow.market import ParameterError

    page = one_file("html", html, out) or DEFAULT_PAGE
    if len(runs) < 2:
        raise ParameterError(f"`runs` must be two or more folders, got {len(runs)}")
    with busy("starting"):
        from undertow.backtests import load_run
        from undertow.tearsheets import compare
        from undertow.tearsheets.comparison import check_page

        check_targets(html=page)
        check_page(page)
    with busy("reading the runs"):
        labels = [folder.resolve().name for folder in runs]
        comparison = compare([load_run(folder) for folder in runs], labels=labels)
        page.parent.mkdir(parents=True, exist_ok=True)
        comparison.page(page)
    show_comparison(comparison)
    typer.echo(f"comparison: {page}")
