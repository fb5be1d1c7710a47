"""The names of the samplers, and which of them a search can use."""

from __future__ import annotations

from importlib.util import find_spec

from undertow.market import ParameterError, did_you_mean

REFINE, TPE, CMAES, SOBOL, NSGA2 = "refine", "tpe", "cmaes", "sobol", "nsga2"
# The design of the sets that a user or the strategy names.
GIVEN = "given"
SAMPLERS = (REFINE, TPE, CMAES, SOBOL, NSGA2)
# Sets proposed at a time. A batch is one sweep, so a large one is evaluated faster, but fewer of its proposals know the
# latest results: `benchmarks/tuner.py` compares them.
_BATCHES = {REFINE: 32, TPE: 16, CMAES: 32, SOBOL: 256, NSGA2: 16}
_FEWEST_CMAES = 4
# What proposes for one objective alone, and so cannot make a front.
_OF_ONE = (REFINE, TPE, CMAES)


def default_sampler(objectives: int) -> str:
    """The sampler of a search that names none, by its number of objectives."""
    return REFINE if objectives == 1 else NSGA2


def default_batch(sampler: str) -> int:
    """The number of sets that a sampler proposes at a time, by default."""
    return _BATCHES[sampler]


def check_sampler(sampler: object, objectives: int) -> None:
    """Raise `ParameterError` where a search of `objectives` cannot use a sampler."""
    if not isinstance(sampler, str) or sampler not in SAMPLERS:
        suggestion = did_you_mean(str(sampler), SAMPLERS)
        raise ParameterError(f"`sampler` must be one of {', '.join(SAMPLERS)}; got {sampler!r}{suggestion}")
    if objectives > 1 and sampler in _OF_ONE:
        raise ParameterError(
            f"`sampler` {sampler!r} searches for one objective, got {objectives}; use nsga2 or sobol for a front"
        )
    if sampler == CMAES and find_spec("cmaes") is None:
        raise ParameterError("`sampler` 'cmaes' needs a package that is not installed: pip install 'undertow[cmaes]'")


def check_batch(sampler: str, batch: int) -> None:
    """Raise `ParameterError` where a sampler cannot propose `batch` sets at a time."""
    if sampler == CMAES and batch < _FEWEST_CMAES:
        raise ParameterError(
            f"`batch` must be {_FEWEST_CMAES} or more with the sampler cmaes, whose generation it is; got {batch}"
        )
