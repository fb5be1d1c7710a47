"""A rule as an alarm: precision, and the cost of false alarms and missed rebounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from undertow.backtests.runs import Run
from undertow.market import BoolArray, FloatArray, IntArray, ParameterError, is_number, is_whole


@dataclass(frozen=True, eq=False)
class AlarmScore:
    """The score of a rule as an alarm for falls of the basket.

    A fall goes from a high of the basket to the low after it, before the high is reached again, at least `fall` deep.
    An alarm is a session on which the rule begins to act; it is right where one of the next `horizon` closes after the
    fill of its order is at least `fall` below the basket at that fill: no alarm can save what was lost before,
    including overnight gaps. Shares and returns are decimal, NaN where they do not apply.

    Args:
        fall: depth of a fall, decimal, positive
        horizon: sessions after the fill in which a fall makes an alarm right
        alarms: number of alarms whose horizon ends in the run
        right: number of right alarms
        unscored: number of alarms whose horizon ends after the run; not among `alarms`
        precision: share of alarms that were right
        precision_low: low end of its 95 % Wilson interval
        precision_high: high end of its 95 % Wilson interval
        base_rate: share of all sessions that a fall follows: the precision of alarms at random
        falls: number of falls
        seen: number of falls in which the rule's order was filled before half of the fall was over
        recall: `seen` as a share of `falls`
        lead: median number of sessions from that fill to the low
        false_cost: sum of run less basket over the wrong alarms
        missed_rebound: mean rise of the basket from its low in an episode to the episode's end, from fill to fill
        time_in_tier: share of sessions in each tier
        transitions: how often each tier (rows) was followed by each (columns) on the next session
    """

    fall: float
    horizon: int
    alarms: int
    right: int
    unscored: int
    precision: float
    precision_low: float
    precision_high: float
    base_rate: float
    falls: int
    seen: int
    recall: float
    lead: float
    false_cost: float
    missed_rebound: float
    time_in_tier: pd.Series
    transitions: pd.DataFrame

    def __repr__(self) -> str:
        return (
            f"AlarmScore({self.right} of {self.alarms} alarms right, precision {self.precision:.0%} (base rate"
            f" {self.base_rate:.0%}), {self.seen} of {self.falls} falls seen, fall {self.fall:g},"
            f" horizon {self.horizon})"
        )

    def sentence(self) -> str:
        """One honest sentence for a report."""
        if not self.alarms and self.unscored:
            return (
                f"The horizon of {self.horizon} sessions ends after the run for every alarm ({self.unscored}), so that"
                " there is none to score."
            )
        if not self.alarms:
            return "The rule never acts, so there is no alarm to score."
        inside = self.precision_low <= self.base_rate <= self.precision_high
        verdict = "no better than alarms at random" if inside else "different from alarms at random"
        return (
            f"{self.right} of {self.alarms} alarms were followed by a fall of {self.fall:.0%} or more within "
            f"{self.horizon} sessions ({self.precision:.0%}, 95% interval {self.precision_low:.0%} to "
            f"{self.precision_high:.0%}; any session: {self.base_rate:.0%}): {verdict}."
        )


def alarm(run: Run, *, fall: float = 0.05, horizon: int = 10) -> AlarmScore:
    """Score a run's episodes as alarms for falls of its basket.

    Hindsight: no decision reads it. `fall` is the depth of a fall, decimal and positive, and `horizon` the number of
    sessions in which it must come. Sessions whose horizon ends after the run do not count in precision and base rate.
    Raises `ParameterError` on a fall outside (0, 1), a horizon below one session, or a run that was saved by a version
    without the basket's value at the fill. Source: Kaminsky, Lizondo and Reinhart (1998) for scoring signals against a
    window; Wilson (1927).
    """
    if not is_number(fall) or not 0.0 < fall < 1.0:
        raise ParameterError(f"`fall` must be in (0, 1), a positive decimal, got {fall!r}; 5 % is 0.05")
    if not is_whole(horizon, 1):
        raise ParameterError(f"`horizon` must be one session or more, a whole number, got {horizon!r}")
    if "hold_before" not in run.series:
        raise ParameterError(
            "this run was saved without the basket's value at the fill, which alarms need; run the `command` in its"
            " run.json again"
        )
    filled = run.series["hold_before"].to_numpy()
    # Row 0 is the start, so that row t + 1 is the close of session t.
    level = np.concatenate((filled[:1], run.series["hold_value"].to_numpy()))
    late = int(run.recipe.fill == "close")
    starts, ends = _episode_rows(run)
    comes, known = _fall_comes(level, filled, late, fall, horizon)
    scored = starts[known[starts]]
    right = comes[scored]
    peaks, lows = falls_of(level, fall)
    acting = np.zeros(len(level), dtype=np.bool_)
    for first, last in zip(starts, ends, strict=True):
        acting[first:last] = True
    leads = _leads(level, filled, late, peaks, lows, acting)
    wrong = run.episodes["return_avoided"].to_numpy()[known[starts]][~right]
    test = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson") if len(right) else None
    return AlarmScore(
        fall=fall,
        horizon=horizon,
        alarms=len(right),
        right=int(right.sum()),
        unscored=len(starts) - len(scored),
        precision=float(right.mean()) if len(right) else float("nan"),
        precision_low=float(test.low) if test else float("nan"),
        precision_high=float(test.high) if test else float("nan"),
        base_rate=float(comes[known].mean()) if known.any() else float("nan"),
        falls=len(lows),
        seen=len(leads),
        recall=len(leads) / len(lows) if len(lows) else float("nan"),
        lead=float(np.median(leads)) if len(leads) else float("nan"),
        false_cost=float(np.nansum(wrong)),
        missed_rebound=_missed(level, filled, late, starts, ends),
        time_in_tier=_time_in_tier(run),
        transitions=_transitions(run),
    )


def falls_of(level: FloatArray, fall: float) -> tuple[IntArray, IntArray]:
    """The rows of the highs and of the lows of falls of at least `fall`."""
    high = np.maximum.accumulate(level)
    at_high = np.flatnonzero(level >= high)
    peaks, lows = [], []
    for first, last in zip(at_high, np.append(at_high[1:], len(level)), strict=True):
        low = first + int(np.argmin(level[first:last]))
        if level[low] <= level[first] * (1.0 - fall):
            peaks.append(first)
            lows.append(low)
    return np.array(peaks, dtype=np.int64), np.array(lows, dtype=np.int64)


def _episode_rows(run: Run) -> tuple[IntArray, IntArray]:
    """The rows on which the rule begins to act, and on which it stops."""
    starts = run.series.index.get_indexer(pd.DatetimeIndex(run.episodes["session"]))
    return starts.astype(np.int64), starts.astype(np.int64) + run.episodes["sessions"].to_numpy(dtype=np.int64)


def _fall_comes(
    level: FloatArray, filled: FloatArray, late: int, fall: float, horizon: int
) -> tuple[BoolArray, BoolArray]:
    """Whether a fall comes in the horizon of each decision, and whether that is over.

    `filled` (T,) is the basket at the fill: before the close of the session, or at it where `late` is 1.
    """
    rows = len(filled)
    comes, known = np.zeros(rows, dtype=np.bool_), np.arange(rows) + late + horizon <= rows
    for row in range(rows):
        ahead = level[row + 1 + late :][:horizon]
        comes[row] = bool((ahead <= filled[row] * (1.0 - fall)).any())
    return comes, known


def _leads(
    level: FloatArray, filled: FloatArray, late: int, peaks: IntArray, lows: IntArray, acting: BoolArray
) -> IntArray:
    """Sessions from acting to the low, for falls in which the rule acted in time.

    In time: before half of the fall was over.
    """
    leads = []
    for peak, low in zip(peaks, lows, strict=True):
        middle = 0.5 * (level[peak] + level[low])
        half = peak + int(np.argmax(level[peak : low + 1] <= middle))
        # A fill at the close of the high is still in time: it belongs to the row before.
        first = max(peak - late, 0)
        # Up to the close at which half of the fall is over; a fill below the middle was too late.
        on = np.flatnonzero(acting[first : half - late] & (filled[first : half - late] > middle))
        if len(on):
            leads.append(low - late - (first + int(on[0])))
    return np.array(leads, dtype=np.int64)


def _missed(level: FloatArray, filled: FloatArray, late: int, starts: IntArray, ends: IntArray) -> float:
    rises = []
    for first, last in zip(starts, ends, strict=True):
        # From the fill of the first order, over the closes, to the fill of the last one or the end of the run.
        back = filled[last : last + 1] if last < len(filled) else level[-1:]
        inside = np.concatenate((filled[first : first + 1], level[first + 1 + late : last + 1], back))
        rises.append(back[0] / inside.min() - 1.0)
    return float(np.mean(rises)) if rises else float("nan")


def _time_in_tier(run: Run) -> pd.Series:
    tiers, names = _tiers(run).to_numpy(), _names(run)
    return pd.Series([float((tiers == name).mean()) for name in names], index=pd.Index(names, name="tier"))


def _transitions(run: Run) -> pd.DataFrame:
    """How often each tier (rows) was followed by each (columns) on the next session."""
    tiers, names = _tiers(run).to_numpy(), _names(run)
    counts = [[int(((tiers[:-1] == a) & (tiers[1:] == b)).sum()) for b in names] for a in names]
    return pd.DataFrame(counts, index=pd.Index(names, name="from"), columns=pd.Index(names, name="to"))


def _names(run: Run) -> list[str]:
    return [tier.name for tier in run.reasons.rule.ladder] if run.reasons is not None else ["invested", "acting"]


def _tiers(run: Run) -> pd.Series:
    if run.tiers is not None:
        return run.tiers
    acting = np.full(len(run.series), "invested", dtype=object)
    for first, last in zip(*_episode_rows(run), strict=True):
        acting[first:last] = "acting"
    return pd.Series(acting, index=run.series.index, name="tier")
