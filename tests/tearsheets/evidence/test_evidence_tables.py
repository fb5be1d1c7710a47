"""Tables of a piece of evidence: an interval stands in the cell of its figure."""

from __future__ import annotations

import pandas as pd

from undertow.tearsheets.evidence import frame_cells


def test_an_interval_is_in_the_cell_of_its_figure() -> None:
    frame = pd.DataFrame(
        {"events": [66, 2], "held": [0.0088, -0.031], "held low": [0.0011, float("nan")], "held high": [0.0165] * 2},
        index=pd.Index(["since 2018", "2024"], name="group"),
    )
    head, rows = frame_cells(frame)
    assert head == ["group", "events", "held"]
    assert rows == [["since 2018", "66", "+0.88% (+0.11 to +1.65)"], ["2024", "2", "−3.10%"]]


def test_ends_without_a_figure_stay_columns() -> None:
    frame = pd.DataFrame({"mean": [0.5], "low": [0.25], "high": [float("nan")], "tradable": [True]}, index=["S1 open"])
    frame.attrs["format"] = "+.2f"
    assert frame_cells(frame) == (["", "mean", "low", "high", "tradable"], [["S1 open", "+0.50", "+0.25", "–", "yes"]])
