"""What a tier that is held waits for before stocks come back."""

from __future__ import annotations

import numpy as np

from undertow.strategies.reasons.formatting import apart, format_value
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules.tier_state import Observation, TierState


def exit_conditions(why: Reasons, row: int) -> tuple[str, ...]:
    """What has to happen after the decision of a row until the tier is left, one line each; empty where it is calm.

    Hours are those of the 24/7 clock from this decision on. Where the rule is calm but cools down, that is said.
    """
    states, tier = why.states, why.rule.ladder[int(why.tier[row])]
    seen = Observation(float(why.score[row]), float(why.clear[row]), float(states.hours[row]), float(states.level[row]))
    after, _ = why.machine.step(states.memory(row), seen)
    if after.tier == 0:
        return _cooling(why, after, seen)
    held = seen.hours - after.stayed_since
    found = []
    if tier.min_stay > held:
        found.append(f"not before {tier.min_stay - held:.0f} hours are over (shortest stay)")
    if tier.leave is not None:
        met = ", met" if seen.score < tier.leave else ""
        found.append(f"score below {tier.leave:.4g} (now {apart(seen.score, tier.leave)}{met})")
    for place, (name, condition) in enumerate(zip(why.back_names, why.rule.reentry.when, strict=True)):
        side, value = "at or above" if condition.side > 0 else "at or below", float(why.back[row, place])
        met = ", met" if condition.side * value >= condition.side * condition.level else ""
        level = format_value(condition, condition.level)
        found.append(f"{name} {side} {level} (now {format_value(condition, value, condition.level)}{met})")
    if not found:
        found.append("the next decision: nothing else holds it")
    if tier.max_stay is not None:
        found.append(f"in {max(0.0, tier.max_stay - held):.0f} hours at the latest (longest stay)")
    if why.rule.reentry.wrong is not None:
        rise = seen.level / after.raised_at - 1.0
        found.append(f"or once stocks have risen {why.rule.reentry.wrong:.2%} (so far {rise:+.2%})")
    return tuple(found)


def _cooling(why: Reasons, after: TierState, seen: Observation) -> tuple[str, ...]:
    left = why.rule.reentry.cool_down - (seen.hours - after.calm_since)
    return (f"no tier is entered for {left:.0f} hours (cool-down)",) if np.isfinite(left) and left > 0.0 else ()
