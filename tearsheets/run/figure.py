"""The main figure as a PNG: equity, drawdown, BTC with shocks, target exposure."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

from undertow.backtests.runs import Run
from undertow.market import FloatArray, ParameterError
from undertow.tearsheets.html.markup import write_atomic
from undertow.tearsheets.html.palette import (
    BTC,
    EXPOSURE,
    GRID,
    INK,
    MUTED,
    SHOCK,
    date_range,
    drawdown_curve,
    growth_curve,
    has_btc,
    log_ticks,
    shock_marks,
    tick_text,
    value_range,
)
from undertow.tearsheets.html.text import quantity, title
from undertow.tearsheets.run.charts import equity_lines

_INCHES, _DPI = (14.0, 10.0), 100


def write_figure(run: Run, path: str | Path) -> Path:
    """Write the run's main figure as a PNG of 1400 by 1000 pixels.

    Four panels share the sessions: growth of 1 (logarithmic) of run, buy-and-hold and benchmark; their drawdowns; BTC
    (logarithmic) with the shocks; target exposure. A run without BTC has no panel of it. Equal runs give equal bytes;
    the file is written completely or not at all. Returns the path. Raises `ParameterError` where `path` does not end
    in .png.
    """
    if Path(path).suffix != ".png" or Path(path).is_dir():
        raise ParameterError(f"`path` must be a file that ends in .png, got {str(path)!r}")
    # The default style whatever the caller's settings, because equal runs must give equal bytes.
    with matplotlib.style.context("default"):
        figure = _draw(run)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": None})
    return write_atomic(path, content.getvalue())


def _draw(run: Run) -> Figure:
    figure = Figure(figsize=_INCHES, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    heights = [3.6, 1.5, 2.3, 1.2] if has_btc(run) else [3.6, 1.5, 1.2]
    panels = list(
        figure.subplots(
            len(heights),
            1,
            sharex=True,
            squeeze=False,
            gridspec_kw={
                "height_ratios": heights,
                "hspace": 0.22,
                "left": 0.055,
                "right": 0.98,
                "top": 0.89,
                "bottom": 0.04,
            },
        )[:, 0]
    )
    _title(figure, run)
    _growth(panels[0], panels[1], run)
    if has_btc(run):
        _btc(panels[2], run)
    _exposure(panels[-1], run)
    for panel in panels:
        _style_axes(panel)
    _days(panels[-1], run)
    return figure


def _title(figure: Figure, run: Run) -> None:
    recipe = run.recipe
    about = [f"Universe {recipe.universe}", f"{recipe.start} to {recipe.end}", quantity(recipe.sessions, "session")]
    about.append(f"market {recipe.market}")
    # A dollar sign in a name must not start a formula.
    figure.text(0.055, 0.958, title(run.name), fontsize=19, weight="bold", color=INK, parse_math=False)
    figure.text(0.055, 0.932, ", ".join(about), fontsize=11, color=MUTED, parse_math=False)


def _growth(growth: Axes, falls: Axes, run: Run) -> None:
    lines = equity_lines(run)
    for name, returns, colour in reversed(lines):
        growth.plot(run.series.index, growth_curve(returns), color=colour, linewidth=1.3, label=name)
        falls.plot(run.series.index, drawdown_curve(returns), color=colour, linewidth=1.0)
    _log(growth, *(growth_curve(returns) for _, returns, _ in lines))
    falls.set_ylim(top=0.0)
    falls.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    falls.yaxis.set_major_locator(MaxNLocator(4))
    _heading(growth, "Growth of 1, logarithmic")
    _heading(falls, "Drawdown")
    handles, labels = growth.get_legend_handles_labels()
    legend = growth.legend(
        handles[::-1],
        labels[::-1],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(lines),
        frameon=False,
        fontsize=11,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _btc(panel: Axes, run: Run) -> None:
    price = run.series["btc"].to_numpy(dtype=np.float64)
    shocks, at = shock_marks(run)
    panel.plot(run.series.index, price, color=BTC, linewidth=1.1)
    panel.plot(
        shocks,
        at,
        linestyle="none",
        marker="v",
        markersize=6.5,
        color=SHOCK,
        markeredgecolor="white",
        markeredgewidth=0.6,
    )
    _log(panel, price)
    _heading(
        panel,
        f"BTC, USD, logarithmic, with {quantity(len(shocks), 'shock')}" if len(shocks) else "BTC, USD, logarithmic",
    )


def _exposure(panel: Axes, run: Run) -> None:
    exposure = run.exposure.to_numpy(dtype=np.float64)
    panel.fill_between(run.series.index, exposure, step="post", color=EXPOSURE, alpha=0.15, linewidth=0)
    panel.step(run.series.index, exposure, where="post", color=EXPOSURE, linewidth=1.0)
    panel.set_ylim(0.0, 1.04)
    panel.yaxis.set_major_locator(FixedLocator([0.0, 0.5, 1.0]))
    panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _heading(panel, "Target exposure")


def _log(panel: Axes, *curves: FloatArray) -> None:
    low, high = value_range(*curves)
    panel.set_yscale("log")
    panel.set_ylim(low, high)
    panel.yaxis.set_major_locator(FixedLocator(log_ticks(low, high)))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))


def _heading(panel: Axes, text: str) -> None:
    panel.set_title(text, loc="left", fontsize=11, color=INK, pad=5)


def _style_axes(panel: Axes) -> None:
    panel.grid(axis="y", color=GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(colors=MUTED, labelsize=10, length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.spines["bottom"].set_color(GRID)


def _days(panel: Axes, run: Run) -> None:
    locator = AutoDateLocator(minticks=4, maxticks=12)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    first, last = date_range(run)
    panel.set_xlim(first, last)  # type: ignore[arg-type]
    panel.tick_params(axis="x", pad=6)
