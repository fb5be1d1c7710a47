"""A signal or a series at the decisions of a market, as frames for vectorbt."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market import (
    DataError,
    Feed,
    Fill,
    How,
    InstantArray,
    Market,
    ParameterError,
    Span,
    align,
    instants,
)
from undertow.signals.base import Spec
from undertow.signals.decisions.known_values import KnownValues
from undertow.signals.decisions.requests import check_how, output_name, parameter_sets, signal_spec
from undertow.signals.decisions.screen import check_universe
from undertow.signals.decisions.table import DecisionTable

# The index of a feed's frame has this name: the start of each row, before its value is known.
_STARTS = "time"


def at_decisions(
    market: Market,
    source: Any,
    *,
    lag: npt.ArrayLike = 0,
    universe: str = "growth",
    fill: Fill = "open",
    how: How = "last",
    output: str | None = None,
    asset: str | None = None,
    interval_hours: float | None = None,
    known_at: Any = None,
    stale_after: str | None = "10d",
    short_name: str | None = None,
    param_product: bool = False,
    **parameters: Any,
) -> KnownValues:
    """What was known of a signal, or of a series, at each decision of a market.

    The frame has one row a session and one column for each set of parameters and each lag: levels named as vectorbt
    names them (`drawdown_window`), the lag last (`drawdown_lag`), parameters that are left out without a level.

    Timing: row S was known at the decision of session S less the lag. With `fill="open"` that is 30 minutes before the
    open of S, with `fill="close"` 15 minutes before its close. So the comparisons are entries and exits of the same
    session, filled at its open or close, and need no shift:

        known = at_decisions(market, Drawdown, window=[72, 168], lag=[0, 24], fill="open")
        opens, closes = (market.prices.frame(name, universe="growth") for name in ("open", "close"))
        vbt.Portfolio.from_signals(closes["NVDA"], known.above(-0.05), known.below(-0.15), price=opens["NVDA"])

    With `fill="close"` leave `price` out: vectorbt fills at the close. A frame that was made for the close and is
    filled at the open looks ahead by a day.

    NaN where nothing was known: before the first value, and where the last one is stale, by the tolerance of its feed
    or by `stale_after`.

    Raises `ParameterError` on what is neither a signal nor a series, on impossible values and where the instants of a
    series are not known; `UnknownNameError` on a universe, output or parameter that does not exist; `DataError` where
    the market has no feed for the signal.

    Args:
        market: the market; its sessions are the rows.
        source: an indicator such as ut.signals.Drawdown, or a numeric Series or DataFrame whose index has the instant
            with a time zone at which each row was known. Levels of its columns stay.
        lag: hours on the 24/7 clock, one or several: the least age of what is used at a decision.
        universe: name of a universe or a screen, for signals across its names and for `members`.
        fill: "open" or "close": when orders are filled, and so when a decision is made.
        how: "last", or "min" or "max" since the decision before.
        output: output of an indicator; the first one by default.
        asset: asset of an indicator's feeds; "BTC" by default.
        interval_hours: compute an indicator on bars of so many hours; by default on the feed's own.
        known_at: when each row of a series was known, sorted: an index with a time zone, or UTC instants such as
            `market.bars().known_at`; by default the index of the series.
        stale_after: age beyond which the last row of a series is no value, such as "36h"; None for any age. Feeds have
            a tolerance of their own.
        short_name: name before the parameters in column levels; by default the indicator's, or the name of a Series.
        param_product: every combination of the parameters; by default the n-th values together, as in vectorbt. Lags
            are always combined with each.
        parameters: parameters of an indicator, each a value or several: in hours for windows on a feed, in sessions on
            the session clock.
    """
    check_how(how)
    if not isinstance(market, Market):
        raise ParameterError(f"`market` must be what load_market or simulate_market returns, got {market!r}")
    check_universe(market, universe, "`universe`")
    # A table of its own: what a shared one notes belongs to other requests too.
    table = DecisionTable(market, universe, fill)
    lags = _lags(lag)
    if isinstance(source, pd.Series | pd.DataFrame):
        indicator_only = {"output": output, "asset": asset, "interval_hours": interval_hours, **parameters}
        _refuse([name for name, value in indicator_only.items() if value is not None], "an indicator, not of a series")
        return _of_series(table, source, lags, how, _known_instants(market, source, known_at), stale_after, short_name)
    _refuse(["known_at"] if known_at is not None else [], "a series; an indicator knows its feeds' instants")
    spec = _spec_of(source)
    sets = _parameter_sets(spec, parameters, product=param_product)
    request = {"output": output or "", "asset": asset or "BTC", "interval_hours": interval_hours or 0.0, "how": how}
    return _of_signal(table, spec, sets, lags, request, short_name or spec.name.replace("-", "_"))


def _of_signal(
    table: DecisionTable,
    spec: Spec,
    sets: Mapping[str, npt.NDArray[Any]],
    lags: npt.NDArray[Any],
    request: Mapping[str, Any],
    short_name: str,
) -> KnownValues:
    output = output_name(spec, request["output"])
    count = max((len(values) for values in sets.values()), default=1)
    crossed = {name: np.repeat(values, len(lags)) for name, values in sets.items()}
    every_lag = np.tile(lags, count)
    values = table.signal(spec, crossed, lag=every_lag, **request)
    if spec.name in table.absent:
        raise DataError(f"market {table.market.name!r} cannot supply `{spec.name}`: {table.absent[spec.name]}")
    levels = {f"{short_name}_{name}": column for name, column in crossed.items()}
    notes = [
        f"{name}: {reason}" for name, reason in (*table.absent.items(), *table.unused.items()) if _about(name, spec)
    ]
    label = short_name if output == spec.name.replace("-", "_") else f"{short_name}_{output}"
    return KnownValues(
        _framed(table, values, _columns({**levels, f"{short_name}_lag": every_lag})),
        label,
        table.decisions.fill,
        _decided_at(table),
        _members(table),
        tuple(notes),
        spec.bounds_of(output),
        output in spec.decimal,
    )


def _of_series(
    table: DecisionTable,
    source: pd.Series | pd.DataFrame,
    lags: npt.NDArray[Any],
    how: How,
    known: InstantArray,
    stale_after: str | None,
    short_name: str | None,
) -> KnownValues:
    series = source.to_frame() if isinstance(source, pd.Series) else source
    try:
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise ParameterError("`source` must have numbers, true or false alone, one value a row and column") from None
    tolerance = None if stale_after is None else _tolerance(stale_after)
    aligned = [
        align(known, numbers, table.decisions.at, lag_hours=float(lag), tolerance=tolerance, how=how) for lag in lags
    ]
    values = np.stack(aligned, axis=2).reshape(len(table), -1)
    name = short_name or (source.name if isinstance(source, pd.Series) and isinstance(source.name, str) else "")
    levels = {}
    if isinstance(source, pd.DataFrame):
        for level, title in enumerate(series.columns.names):
            levels[title] = np.repeat(series.columns.get_level_values(level).to_numpy(), len(lags))
    every_lag = np.tile(lags, series.shape[1])
    return KnownValues(
        _framed(table, values, _columns({**levels, f"{name}_lag" if name else "lag": every_lag})),
        name or "value",
        table.decisions.fill,
        _decided_at(table),
        _members(table),
    )


def _spec_of(source: Any) -> Spec:
    if not isinstance(source, type | Spec) and isinstance(getattr(source, "spec", None), Spec):
        outputs = ", ".join(f"`.{name}`" for name in source.spec.outputs)
        raise ParameterError(
            f"`source` is `{source.spec.name}` after its run; pass the indicator itself, or an output ({outputs}) with"
            " `known_at`, when each row was known"
        )
    if not isinstance(getattr(source, "spec", source), Spec):
        raise ParameterError(
            f"`source` must be an indicator such as ut.signals.Drawdown, a Series or a DataFrame, got {source!r}"
        )
    return signal_spec(source)


def _parameter_sets(spec: Spec, parameters: Mapping[str, Any], *, product: bool) -> dict[str, npt.NDArray[Any]]:
    """The values of each parameter, one a set; those left out have none."""
    if product:
        # Checked one by one: their numbers may differ.
        for name, value in parameters.items():
            _parameter_sets(spec, {name: value}, product=False)
        names = [name for name in spec.parameters if name in parameters]
        combined = list(itertools.product(*(np.ravel(parameters[name]).tolist() for name in names)))
        return {name: np.array([row[number] for row in combined]) for number, name in enumerate(names)}
    count = len(parameter_sets(spec, parameters, 0.0))
    if not count:
        raise ParameterError(f"{spec.name}: every parameter must have one value or several, got none")
    names = [name for name in spec.parameters if name in parameters]
    return {name: np.resize(np.ravel(parameters[name]), count) for name in names}


def _lags(lag: npt.ArrayLike) -> npt.NDArray[Any]:
    lags = np.ravel(np.asarray(lag))
    if not len(lags) or lags.dtype.kind not in "iuf" or not np.isfinite(lags).all():
        raise ParameterError(f"`lag` must be hours, a finite number or several, got {lag!r}")
    return lags


def _known_instants(market: Market, source: pd.Series | pd.DataFrame, known_at: Any) -> InstantArray:
    """When each row of a series was known (H,), sorted, UTC."""
    stated = known_at is not None
    if not isinstance(known_at, np.ndarray):
        try:
            known_at = pd.DatetimeIndex(known_at if stated else source.index)
        except (TypeError, ValueError):
            raise ParameterError(
                f"the index of `source` must be the instants at which each row was known, got"
                f" {type(known_at).__name__}; or pass them as `known_at`"
            ) from None
        if known_at.tz is None:
            raise ParameterError(
                "`source` has times without a zone, so it is not known when each row was known; pass"
                " `known_at`: market.calendar.closes for values of the market's sessions"
            )
        if known_at.name == _STARTS:
            raise ParameterError(
                "`source` has the index `time` of a feed's frame, the start of each row, before its value was known;"
                " pass `known_at`, such as market.bars().known_at, or rename the index where it has the instants"
            )
    elif known_at.dtype.kind != "M":
        raise ParameterError(f"`known_at` must be instants, got an array of {known_at.dtype}")
    known = instants(known_at)
    feed = next((feed for feed in market.feeds if _is_starts_of(feed, known)), None)
    if feed is not None:
        raise ParameterError(
            f"these are the starts of the rows of the feed {feed.label}, before their values were known; pass its"
            " `known_at`, such as market.bars().known_at"
        )
    # On a calendar without nights the dates of sessions are closes of the sessions before as well.
    labels = np.isin(known, np.asarray(market.sessions, dtype="datetime64[ns]"))
    if len(known) and labels.all() and not np.isin(known, market.calendar.closes).all():
        raise ParameterError(
            "these are the dates of sessions at midnight, before their prices were known; pass `known_at`, such as"
            " market.calendar.closes for values of the market's closes"
        )
    if len(known) != len(source):
        raise ParameterError(f"`known_at` has {len(known):,} rows, `source` has {len(source):,}; they must be equal")
    if np.isnat(known).any():
        raise ParameterError("`known_at` must be an instant for every row of `source`, one of them is missing (NaT)")
    backwards = np.flatnonzero(np.diff(known) < np.timedelta64(0, "ns"))
    if len(backwards):
        later = pd.Timestamp(known[int(backwards[0]) + 1])
        raise ParameterError(f"the rows of `source` must be in the order in which they were known; {later} is not")
    return known


def _is_starts_of(feed: Feed, known: InstantArray) -> bool:
    """Whether instants are the stamps of a feed whose rows are known later."""
    if not len(feed) or len(known) != len(feed):
        return False
    return bool((known == feed.times).all() and (feed.known_at > feed.times).any())


def _tolerance(text: str) -> np.timedelta64:
    span = Span.parse(text, "stale_after")
    if span.sessions:
        raise ParameterError(f"`stale_after` must be a length of time such as 36h or 10d, got {text!r}")
    return span.timedelta


def _refuse(names: list[str], owner: str) -> None:
    if names:
        raise ParameterError(f"`{names[0]}` is a setting of {owner}; leave it out")


def _about(name: str, spec: Spec) -> bool:
    return name.startswith(f"{spec.name}: ") or name.endswith(f", for {spec.name}")


def _columns(levels: Mapping[Any, npt.NDArray[Any]]) -> pd.Index:
    arrays = [pd.Index(values, name=name) for name, values in levels.items()]
    columns: pd.Index = pd.MultiIndex.from_arrays(arrays) if len(arrays) > 1 else arrays[0]
    return columns


def _framed(table: DecisionTable, values: npt.NDArray[np.float64], columns: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(values, index=table.decisions.sessions, columns=columns)


def _decided_at(table: DecisionTable) -> pd.Series:
    index = table.decisions.sessions
    return pd.Series(pd.DatetimeIndex(table.decisions.at, tz="UTC"), index=index, name="decided_at")


def _members(table: DecisionTable) -> pd.DataFrame:
    return pd.DataFrame(
        table.member, index=table.decisions.sessions, columns=pd.Index(table.symbols, name="symbol"), copy=True
    )
