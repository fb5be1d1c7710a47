"""vectorbt's portfolio with the year of the exchange."""

from __future__ import annotations

from typing import Any

import vectorbt as vbt

from undertow.backtests.metrics import SESSIONS_A_YEAR


class Portfolio(vbt.Portfolio):  # type: ignore[misc]
    """A vectorbt portfolio that annualises with 252 sessions, not with vectorbt's 365 days."""

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

    def get_returns_acc(self, *args: Any, **kwargs: Any) -> Any:
        """vectorbt's returns accessor with the year of the exchange."""
        if kwargs.get("year_freq") is None:
            kwargs["year_freq"] = f"{SESSIONS_A_YEAR} days"
        return super().get_returns_acc(*args, **kwargs)
