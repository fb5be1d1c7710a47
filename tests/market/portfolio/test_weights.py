"""Weights of a basket from files and frames: what is read, what is refused, and since when each is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from undertow.market import DataError, Market, ParameterError, UnknownNameError, WeightTable, read_weights
from undertow.market.portfolio import weights_of_text


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_a_series_and_a_frame_of_equal_weights_are_one_basket(tmp_path: Path) -> None:
    file = read_weights(written(tmp_path, "symbol, weight\nBBB,0.75\nAAA,0.250\nCCC,0\n"))
    series = read_weights(pd.Series({"AAA": 0.25, "BBB": 0.75}))
    frame = read_weights(pd.DataFrame({"weight": [0.25, 0.75], "symbol": ["AAA", "BBB"]}))
    assert file == series == frame
    assert file.label == series.label
    assert (file.origin, series.origin) == (str(tmp_path / "mine.csv"), None)
    assert file.symbols == ("AAA", "BBB")
    assert read_weights(pd.Series({"AAA": 0.26, "BBB": 0.74})).label != file.label
    assert weights_of_text(file.text, "x.csv") == file
    assert read_weights(file) is file


def test_a_set_of_a_session_is_known_from_that_session_on(tmp_path: Path) -> None:
    text = "session,symbol,weight\n2024-11-25,BBB,1\n2024-11-20,AAA,0.5\n2024-11-20,BBB,0.5\n"
    table = read_weights(written(tmp_path, text))
    days = pd.to_datetime(["2024-11-19", "2024-11-20", "2024-11-22", "2024-11-25", "2024-12-04"])
    assert table.sets_at(days).tolist() == [-1, 0, 0, 1, 1]
    np.testing.assert_array_equal(table.weights, [[0.5, 0.5], [0.0, 1.0]])
    assert table.first == "2024-11-20"
    wide = pd.DataFrame({"AAA": [0.5, 0.0], "BBB": [0.5, 1.0]}, index=pd.to_datetime(["2024-11-20", "2024-11-25"]))
    assert read_weights(wide) == table
    by_index = pd.DataFrame(
        {"symbol": ["AAA", "BBB", "BBB"], "weight": [0.5, 0.5, 1.0]},
        index=pd.DatetimeIndex(["2024-11-20", "2024-11-20", "2024-11-25"], name="session"),
    )
    assert read_weights(by_index) == table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,weight\nAAA,0.5\nBBB,0.4\n", r"mine.csv: the weights sum to 0.9, and must sum to 1$"),
        ("symbol,weight\nAAA,60\nBBB,40\n", r"sum to 100, and must sum to 1; percent are divided by 100"),
        (
            "session,symbol,weight\n2024-11-20,AAA,1\n2024-11-21,AAA,0.5\n2024-11-22,AAA,2\n",
            r"the weights on 2024-11-21 sum to 0.5, and must sum to 1, and those of 1 more sessions do not either",
        ),
        ("symbol,weight\nAAA,1.5\nBBB,-0.5\n", r"row 2 \(BBB\): `weight` -0.5 is negative"),
        ("symbol,weight\nAAA,half\n", r"mine.csv: row 1: `weight` must be a number, got 'half'"),
        ("symbol,weight\nAAA,\n", r"row 1 \(AAA\): `weight` is blank"),
        ("symbol,weight\nAAA,inf\n", r"row 1: `weight` is infinite"),
        ("symbol,weight\nAAA,0.5\nAAA,0.5\n", r"row 2: AAA appears twice; remove one"),
        (
            "session,symbol,weight\n2024-11-20,AAA,0.5\n2024-11-20,AAA,0.5\n",
            r"row 2: AAA appears twice on 2024-11-20; remove one",
        ),
        ("session,symbol,weight\nlater,AAA,1\n", r"row 1: `session` must be a date such as 2024-08-05, got 'later'"),
        ("name,weight\nAAA,1\n", r"mine.csv: column `symbol` is missing"),
        ("symbol,weight,sesion\nAAA,1,2024-11-20\n", r"unknown column `sesion`, did you mean `session`\?"),
        ("symbol,weight\n", r"mine.csv: has no rows"),
        ("symbol,weight\n,1\n", r"row 1: `symbol` is blank"),
    ],
)
def test_bad_files_are_named_with_row_and_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_weights(written(tmp_path, text))


def test_what_is_no_file_and_no_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.csv: not found; name the file with `weights`"):
        read_weights(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is not a file"):
        read_weights(tmp_path)
    (tmp_path / "mine.txt").write_text("symbol,weight\nAAA,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"must be a .parquet, .csv or .csv.gz file"):
        read_weights(tmp_path / "mine.txt")
    with pytest.raises(
        ParameterError, match="`weights` must be a file, a Series by symbol or a DataFrame, got int '5'"
    ):
        read_weights(5)


def test_names_that_cannot_be_held_are_named(tiny_market: Market) -> None:
    symbols = ("AAA", "BBB")
    with pytest.raises(UnknownNameError, match=r"unknown symbol `AAB`, did you mean `AAA`\?"):
        read_weights(pd.Series({"AAB": 0.5, "BBB": 0.5})).check(tiny_market, "growth", symbols)
    with pytest.raises(
        ParameterError, match=r"2 names have no prices in the market: `AAB`, did you mean `AAA`, `ZZZZ`"
    ):
        read_weights(pd.Series({"AAB": 0.5, "ZZZZ": 0.5})).check(tiny_market, "growth", symbols)
    with pytest.raises(ParameterError, match="`weights`: not in universe `growth`: CCC; name a universe that has them"):
        read_weights(pd.Series({"AAA": 0.5, "CCC": 0.5})).check(tiny_market, "growth", symbols)
    saturday = read_weights(pd.DataFrame({"session": ["2024-11-23"], "symbol": ["AAA"], "weight": [1.0]}))
    with pytest.raises(
        ParameterError, match="2024-11-23 is not a session of the calendar XNYS; the next one is 2024-11-25"
    ):
        saturday.check(tiny_market, "growth", symbols)


def test_text_of_a_file_is_safe_to_print(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_weights(written(tmp_path, "symbol,weight\nAAA,\x1b[31mred\n"))
    assert "\x1b" not in str(caught.value)
    assert isinstance(read_weights(pd.Series({"AAA": 1.0})), WeightTable)
