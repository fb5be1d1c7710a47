"""What `undertow sweep` was asked for, read from its words before any work starts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from undertow.cli.resolve import read_ranges

if TYPE_CHECKING:
    import pandas as pd

    from undertow.strategies import Strategy

# More sets than anybody looks at, and than a slip of the pen should start.
MOST_SETS = 5_000_000


def sets_from(
    kind: type[Strategy],
    grids: list[str],
    random: int | None,
    sobol: int | None,
    fixed: dict[str, str],
    seed: int,
    narrow: list[str] | None = None,
) -> pd.DataFrame:
    """One row a parameter set; raises `ParameterError` with parameter, range and what to do."""
    from undertow.backtests.sweeps.design import design, grid, random_sets
    from undertow.backtests.tuning.space import space_left
    from undertow.market.errors import ParameterError

    ways = [bool(grids), random is not None, sobol is not None]
    if sum(ways) != 1:
        raise ParameterError("give one of `--grid`, `--random` or `--sobol`; `--fix` holds a parameter still")
    constants = {name: _value(kind, name, value) for name, value in fixed.items()}
    if grids and narrow:
        raise ParameterError("`--narrow` goes with `--random` and `--sobol`; a grid names its values")
    if grids:
        values = _grids(kind, grids)
        for name in constants:
            if name in values:
                raise ParameterError(f"`{name}` is in `--grid` and in `--fix`; leave one out")
        found = grid(values)
    else:
        count = int(random or sobol or 0)
        if not 1 <= count <= MOST_SETS:
            raise ParameterError(
                f"`{'random' if sobol is None else 'sobol'}` must be 1 to {MOST_SETS:,} sets, got {count}"
            )
        space = {name: each for name, each in kind.search_space().items() if name not in constants}
        if narrow:
            space = dict(space_left(kind, constants, read_ranges(narrow)).free)
        found = (random_sets if sobol is None else design)(space, count, seed=seed)
    return found.assign(**constants)


def _grids(kind: type[Strategy], grids: list[str]) -> dict[str, list[Any]]:
    from undertow.market.errors import ParameterError

    listed: dict[str, list[str]] = {}
    for words in grids:
        name, equals, text = (part.strip() for part in words.partition("="))
        if not equals or not name or not text:
            raise ParameterError(f"`--grid` must be parameter=low:high:step or parameter=a,b,c; got {words!r}")
        if name in listed:
            raise ParameterError(f"`--grid` gives `{name}` twice")
        listed[name] = _listed(name, text)
    # Before any value is read: a slip of the pen makes a million of them.
    count = math.prod(len(each) for each in listed.values())
    if count > MOST_SETS:
        raise ParameterError(f"`--grid` makes {count:,} sets, more than {MOST_SETS:,}; use larger steps or `--sobol`")
    values = {name: [_value(kind, name, each) for each in texts] for name, texts in listed.items()}
    for name, given in values.items():
        if len(set(given)) < len(given):
            raise ParameterError(f"`--grid` gives `{name}` the same value twice: {', '.join(listed[name])}")
    return values


def _listed(name: str, text: str) -> list[str]:
    if ":" not in text:
        return [each.strip() for each in text.split(",")]
    from undertow.market.errors import ParameterError

    problem = ParameterError(f"`--grid {name}` must be low:high:step with step above 0, got {text!r}; such as 0:96:12")
    try:
        low, high, step = (float(part) for part in text.split(":"))
    except ValueError:
        raise problem from None
    if not (math.isfinite(low) and math.isfinite(high) and step > 0 and high >= low):
        raise problem
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > MOST_SETS:
        raise ParameterError(f"`--grid {name}` has {count:,} values, more than {MOST_SETS:,}; use a larger step")
    # Twelve digits: 0.1 + 2 * 0.1 is 0.3.
    return [f"{low + at * step:.12g}" for at in range(count)]


def _value(kind: type[Strategy], name: str, text: str) -> Any:
    """One value as the strategy reads it, checked against its range."""
    return getattr(kind.create({name: text}), name)
