"""Calibration of the proxy against a real liquidation feed.

Rank correlation, and the threshold at which the proxy hits as often as the feed does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from undertow.market import DataError, Feed, FloatArray, Market, ParameterError, align
from undertow.signals.base import Spec
from undertow.signals.liquidation import LiquidationSpike
from undertow.signals.proxy import LiquidationProxy


@dataclass(frozen=True)
class ProxyCalibration:
    """The proxy against a liquidation feed, where the two overlap.

    `rows` intervals of the feed `feed` have both ranks, stamped from `first` to `last` (UTC). `rank_correlation` is
    Spearman's. `hit_rate` is the share of rows whose real rank is `real_threshold` or above; at `proxy_threshold` or
    above the proxy's rank hits as often (ties aside), and `shared_hits` of the real hits are hits of the proxy too.
    """

    feed: str
    rows: int
    first: np.datetime64
    last: np.datetime64
    rank_correlation: float
    real_threshold: float
    proxy_threshold: float
    hit_rate: float
    shared_hits: float


def calibrate_proxy(
    market: Market,
    asset: str = "BTC",
    *,
    horizon: float = 24.0,
    window: float = 2160.0,
    real_threshold: float = 0.95,
    feed: Feed | None = None,
) -> ProxyCalibration:
    """Compare the rank of `LiquidationProxy` with that of a real liquidation feed.

    Row by row of the feed: the proxy enters by its last value known when the feed's row was. Threshold and figures are
    over the whole overlap: a statement about the past, not a signal.

    Args:
        market: the market with both feeds.
        asset: asset of the feeds.
        horizon: hours over which liquidations and stress are summed.
        window: hours of the window of the ranks.
        real_threshold: rank from which the real feed counts as a hit, in (0, 1].
        feed: the feed to compare with; by default the one with the longest history.

    Raises `ParameterError` on a threshold outside (0, 1], `DataError` where a feed is missing, the two do not overlap
    or no row is above the threshold.
    """
    if not 0 < real_threshold <= 1:
        raise ParameterError(f"`real_threshold` must be a rank in (0, 1], got {real_threshold}")
    feeds = market.feeds_of("liquidations", asset) or (market.liquidations(asset),)
    real_feed = feed or max(feeds, key=lambda candidate: candidate.known_at[-1] - candidate.known_at[0])
    real = _rank(LiquidationSpike, real_feed, horizon, window)
    bars = market.bars(asset)
    proxy = align(
        bars.known_at, _rank(LiquidationProxy, bars, horizon, window), real_feed.known_at, tolerance=bars.lifetimes
    )
    overlap = np.isfinite(real) & np.isfinite(proxy)
    hits = real[overlap] >= real_threshold
    if not hits.any():
        raise DataError(
            f"{real_feed.path}: {int(overlap.sum())} rows have both ranks and none is at {real_threshold} or above;"
            " take a lower `real_threshold` or a shorter `window`"
        )
    # scipy.stats takes most of a second to import, and calibrations are rare.
    from scipy.stats import spearmanr

    threshold = np.sort(proxy[overlap])[-int(hits.sum())]
    times = real_feed.times[overlap]
    return ProxyCalibration(
        feed=real_feed.label,
        rows=int(overlap.sum()),
        first=times[0],
        last=times[-1],
        rank_correlation=float(spearmanr(proxy[overlap], real[overlap]).statistic),
        real_threshold=real_threshold,
        proxy_threshold=float(threshold),
        hit_rate=float(hits.mean()),
        shared_hits=float((proxy[overlap][hits] >= threshold).mean()),
    )


def _rank(signal: Any, feed: Feed, horizon: float, window: float) -> FloatArray:
    spec: Spec = signal.spec
    inputs = {name: _input(feed, column) for name, (_, column) in spec.inputs.items()}
    outputs = spec.compute(inputs, {"horizon": feed.bars(horizon), "window": feed.bars(window)})
    ranks: FloatArray = outputs[spec.outputs.index("rank")][:, 0]
    return ranks[feed.grid_rows]


def _input(feed: Feed, column: str) -> FloatArray:
    if column == "regime":
        return feed.grid_regimes.astype(np.float64)[:, None]
    # Open interest comes from another feed, and the rank does not use it.
    values = feed.on_grid(column) if column in feed.columns else np.full(int(feed.grid_rows[-1]) + 1, np.nan)
    return values[:, None]
