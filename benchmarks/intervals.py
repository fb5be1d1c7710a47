"""How often 95 % intervals hold the truth, and how often ten equal rules are all kept at 90 %.

Run it with `python benchmarks/intervals.py 500`; the number is how many samples. Several minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from undertow.evidence import confidence_set, difference
from undertow.market import FloatArray

RESAMPLES = 1000
RULES = 10


def autocorrelated(rng: np.random.Generator, sessions: int) -> FloatArray:
    """Returns of which each takes over a fifth of the one before."""
    noise, out = rng.normal(0.0, 1.0, sessions + 50), np.zeros(sessions + 50)
    for row in range(1, len(out)):
        out[row] = 0.2 * out[row - 1] + noise[row]
    return out[50:]


def clustered(rng: np.random.Generator, sessions: int) -> FloatArray:
    """GARCH (1, 1) returns: calm and wild spans."""
    noise, out, variance = rng.normal(0.0, 1.0, sessions + 200), np.zeros(sessions + 200), 1.0
    for row, shock in enumerate(noise):
        out[row] = np.sqrt(variance) * shock
        variance = 0.05 + 0.10 * out[row] ** 2 + 0.85 * variance
    return out[200:]


KINDS: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
    "normal": lambda rng, sessions: rng.normal(0.0, 1.0, sessions),
    "t(4)": lambda rng, sessions: rng.standard_t(4, sessions),
    "autocorrelated": autocorrelated,
    "GARCH": clustered,
}


def interval_coverage(draw: Callable[[np.random.Generator, int], FloatArray], sessions: int, samples: int) -> float:
    """Share of samples whose 95 % interval holds the true difference, zero."""
    held = 0
    for seed in range(samples):
        returns = 0.01 * draw(np.random.default_rng(seed), sessions)
        part = difference(returns, np.zeros(sessions), resamples=RESAMPLES, seed=seed, compounded=False).annual_return
        held += part.low <= 0.0 <= part.high
    return held / samples


def equal_rules_kept(draw: Callable[[np.random.Generator, int], FloatArray], sessions: int, samples: int) -> float:
    """Share of samples in which ten equal rules are all kept at 90 %."""
    kept = 0
    for seed in range(samples):
        rng = np.random.default_rng(seed)
        market = 0.01 * draw(rng, sessions)
        rules = np.vstack([market + 0.004 * draw(rng, sessions) for _ in range(RULES)])
        kept += bool(confidence_set(rules, resamples=RESAMPLES, seed=seed).included.all())
    return kept / samples


def main(samples: int) -> None:
    print(f"{'returns':<16}{'sessions':>9}{'95 % holds':>12}{'ten kept':>10}")
    for name, draw in KINDS.items():
        for sessions in (60, 120, 252):
            holds, kept = (measure(draw, sessions, samples) for measure in (interval_coverage, equal_rules_kept))
            print(f"{name:<16}{sessions:>9}{holds:>12.1%}{kept:>10.1%}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
