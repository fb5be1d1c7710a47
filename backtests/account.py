"""The account of a backtest: fill, costs, base weights and capital."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypedDict

from undertow.backtests.command import shortest
from undertow.backtests.costs import Costs
from undertow.market import FILLS, Fill, ParameterError, check_positive, did_you_mean
from undertow.strategies import REBALANCES, WEIGHTINGS

_COSTS = ("fee_bps", "slippage_bps", "haircut_bps", "borrow_bps", "tax_rate")


@dataclass(frozen=True)
class Account:
    """Settings that every run of a comparison, sweep or search shares.

    Raises `ParameterError` on an unknown choice and on a capital of 0 or less.

    Args:
        fill: decide and fill before the "open" or before the "close" of a session.
        costs: costs of trading; by default 5 bps fee and 5 bps slippage.
        weighting: base weights at full exposure, "equal" or "inverse-volatility".
        rebalance: "daily", "weekly", "monthly", "quarterly" or "never".
        capital: starting capital, USD.
    """

    fill: Fill = "open"
    costs: Costs = field(default_factory=Costs)
    weighting: str = "equal"
    rebalance: str = "monthly"
    capital: float = 1_000_000.0

    def __post_init__(self) -> None:
        for name, choices in (("fill", FILLS), ("weighting", WEIGHTINGS), ("rebalance", REBALANCES)):
            value = getattr(self, name)
            if value not in choices:
                rule = " or ".join(choices) if name == "fill" else f"one of {', '.join(choices)}"
                raise ParameterError(f"`{name}` must be {rule}; got {value!r}{did_you_mean(str(value), choices)}")
        costs: object = self.costs
        if not isinstance(costs, Costs):
            got = f"{type(costs).__name__} {str(costs)[:40]!r}"
            raise ParameterError(f"`costs` must be `Costs`, such as Costs(fee_bps=5), got {got}")
        check_positive("capital", self.capital)
        # 1_000_000 and 1e6 are one capital: studies and ledgers compare the text.
        object.__setattr__(self, "capital", float(self.capital))

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values, costs as a nested dictionary."""
        return asdict(self)

    def keywords(self) -> dict[str, Any]:
        """The settings as keywords of `backtest`."""
        return {setting.name: getattr(self, setting.name) for setting in fields(self)}

    def argv(self) -> list[str]:
        """The options of the command line that state this account.

        Maintenance margin and wash sales are left out at their defaults.
        """
        rates = [
            text for name in _COSTS for text in (f"--{name.replace('_', '-')}", shortest(getattr(self.costs, name)))
        ]
        weights = ["--weighting", self.weighting, "--rebalance", self.rebalance]
        default = Costs()
        if self.costs.maintenance != default.maintenance:
            rates += ["--maintenance", shortest(self.costs.maintenance)]
        if self.costs.wash_sales != default.wash_sales:
            rates.append("--wash-sales")
        return ["--fill", self.fill, *rates, "--lots", self.costs.lots, *weights, "--capital", repr(self.capital)]


class AccountSettings(TypedDict, total=False):
    """The fields of `Account` as keywords; see there for units and defaults."""

    fill: Fill
    costs: Costs | None
    weighting: str
    rebalance: str
    capital: float


def make_account(account: Account | None, settings: Mapping[str, Any]) -> Account:
    """An account with the fields in `settings` replaced.

    `costs=None` replaces nothing. Raises `ParameterError` on a keyword that is not a setting of an account, with the
    nearest one.
    """
    known = tuple(setting.name for setting in fields(Account))
    for name in settings:
        if name not in known:
            raise ParameterError(f"unknown setting `{name}`{did_you_mean(name, known)}; known: {', '.join(known)}")
    if account is not None and not isinstance(account, Account):
        raise ParameterError(f"`account` must be an `Account`, got {type(account).__name__}")
    changed = {name: value for name, value in settings.items() if not (name == "costs" and value is None)}
    return replace(account or Account(), **changed)
