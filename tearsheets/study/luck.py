"""What luck gives: the best of many settings without an effect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import pandas as pd

from undertow.backtests import MAXIMIZE, NAMED
from undertow.backtests.tuning import Tuning
from undertow.tearsheets.html.text import count, quantity, typeset

_EULER = 0.5772156649015329


def expected_best(values: pd.Series, trials: int) -> float:
    """The expected distance above the mean of the best of `trials` independent draws.

    The draws have the spread of `values`, and the result their unit; NaN below two trials. Source: Bailey and López de
    Prado (2014), equation 1.
    """
    if trials < 2 or len(values) < 2:
        return math.nan
    normal = NormalDist()
    high, higher = normal.inv_cdf(1 - 1 / trials), normal.inv_cdf(1 - 1 / (trials * math.e))
    return float(values.std(ddof=1)) * ((1 - _EULER) * high + _EULER * higher)


def luck_verdict(tuning: Tuning) -> str:
    """Whether the best trial beats what luck gives, with both figures."""
    luck = _luck(tuning)
    if luck is None:
        return "The trials are too few, or too alike, to say what luck gives."
    best = float(tuning.best[f"objective {tuning.names[0]}"])
    beats = best > luck.reach if luck.maximized else best < luck.reach
    verdict = "beats" if beats else "does not beat"
    return typeset(
        f"The best trial {verdict} what luck gives: {tuning.names[0]} {best:.3g}, where the best of"
        f" {count(luck.draws)} draws without an effect is expected at {luck.reach:.3g}."
    )


@dataclass(frozen=True)
class _Luck:
    """What the best of many draws without an effect is expected to reach.

    Args:
        draws: number of draws.
        centre: the objective without an effect: buy-and-hold's, or the mean of the trials where that is better.
        held: whether the centre is that of buy-and-hold.
        distance: expected distance of the best from the centre.
        maximized: whether high values are good.
        kept: number of trials that give the spread.
        infeasible: trials left out for a constraint.
        failed: trials left out because they failed.
    """

    draws: int
    centre: float
    held: bool
    distance: float
    maximized: bool
    kept: int
    infeasible: int
    failed: int

    @property
    def reach(self) -> float:
        """The expected result of the best draw."""
        return self.centre + (self.distance if self.maximized else -self.distance)


def _luck(tuning: Tuning) -> _Luck | None:
    """What luck gives; None for few trials, or equal ones.

    Where the best trial satisfies the constraints, only trials that do are counted and give the spread. A trial that
    failed is not a draw. A best that only equals the average of other settings, or of doing nothing, shows no effect,
    so the better of both is the centre.
    """
    objective, name = tuning.objectives[0], tuning.names[0]
    maximized = objective.direction == MAXIMIZE
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    feasible = complete[complete["feasible"]] if tuning.feasible else complete
    infeasible, failed, ledger = len(complete) - len(feasible), len(tuning.trials) - len(complete), tuning.trial_count
    ever = ledger.total + ledger.other_data if ledger else len(tuning.trials)
    draws = ever - infeasible - failed
    values = feasible[f"objective {name}"]
    distance = expected_best(values, draws)
    if not (math.isfinite(distance) and distance > 0):
        return None
    mean, hold = float(values.mean()), _hold_value(tuning)
    held = math.isfinite(hold) and (hold > mean if maximized else hold < mean)
    centre = hold if held else mean
    return _Luck(draws, centre, held, distance, maximized, len(feasible), infeasible, failed)


def _hold_value(tuning: Tuning) -> float:
    """The first objective of buy-and-hold, 0 where it is relative to it; NaN without."""
    objective = tuning.objectives[0]
    if objective.plain_name not in NAMED:
        return math.nan
    return float(objective.value(tuning.baselines["buy-and-hold"], tuning.baselines))


def luck_sentence(tuning: Tuning) -> str:
    """The result expected of the best of as many random draws; empty for few trials."""
    luck = _luck(tuning)
    if luck is None:
        return ""
    side = "above" if luck.maximized else "below"
    infeasible, failed = luck.infeasible, luck.failed
    sample = f"the {count(luck.kept)} trials that satisfy the constraints" if infeasible else "these trials"
    centre = f"the {luck.centre:.3g} of buy-and-hold" if luck.held else f"their mean of {luck.centre:.3g}"
    omissions = f" Left out for a constraint: {quantity(infeasible, 'trial')} of this search." if infeasible else ""
    omissions += f" Left out because they failed: {quantity(failed, 'trial')} of this search." if failed else ""
    return typeset(
        f"If the settings were random draws with the spread of {sample}, the best of {count(luck.draws)} independent"
        f" ones would be expected {luck.distance:.3g} {side} {centre}, at {luck.reach:.3g} (Bailey and López de"
        f" Prado 2014).{omissions} Trials of one search resemble each other, so fewer of them are independent; any"
        " advantage beyond this must be confirmed on sessions that the search did not use."
    )
