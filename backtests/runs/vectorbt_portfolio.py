"""vectorbt's portfolio with the year of the exchange."""

from __future__ import annotations

from typing import Any

import vectorbt as vbt
from vectorbt.utils.config import Configured

from undertow.backtests.metrics import SESSIONS_A_YEAR
from undertow.market.clock import FloatArray


class Portfolio(vbt.Portfolio):  # type: ignore[misc]
    """A vectorbt portfolio that annualises with 252 sessions, not with vectorbt's 365 days.

    Its benchmark is `hold` (T,), the value of the same basket held without the rule, where that is set: vectorbt's own
    divides the capital among all columns, the cash symbol and names that are not listed yet among them, and lets it be.
    """

    def __init__(self, *args: Any, hold: FloatArray | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hold = hold
        # Copies, and what is pickled, are made from what an object was initialised with.
        Configured.__init__(self, **{**self.config, "hold": hold})

    @property
    def stats_defaults(self) -> dict[str, Any]:
        """vectorbt's defaults with the year of the exchange."""
        defaults = super().stats_defaults
        settings = {**defaults.get("settings", {}), "year_freq": f"{SESSIONS_A_YEAR} days"}
        return {**defaults, "settings": settings}

    @property
    def plots_defaults(self) -> dict[str, Any]:
        """vectorbt's defaults with the subplots that one account of many names can show."""
        return {**super().plots_defaults, "subplots": ["cum_returns", "drawdowns", "underwater", "gross_exposure"]}

    def benchmark_value(self, group_by: Any = None, wrap_kwargs: Any = None, engine: str | None = None) -> Any:
        """The value of buy-and-hold, grouped as the account is; vectorbt's benchmark for any other grouping."""
        if self.hold is None or self.wrapper.get_shape_2d(group_by=group_by) != (len(self.hold), 1):
            return super().benchmark_value(group_by=group_by, wrap_kwargs=wrap_kwargs, engine=engine)
        return self.wrapper.wrap(self.hold[:, None], group_by=group_by, **(wrap_kwargs or {}))

    def get_returns_acc(self, *args: Any, **kwargs: Any) -> Any:
        """vectorbt's returns accessor with the year of the exchange."""
        if kwargs.get("year_freq") is None:
            kwargs["year_freq"] = f"{SESSIONS_A_YEAR} days"
        return super().get_returns_acc(*args, **kwargs)
