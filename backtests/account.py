"""The account of a backtest: fill, costs, base weights and capital."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypedDict

from undertow.backtests.command import shortest
from undertow.backtests.costs import Costs
from undertow.market import (
    FILLS,
    Fill,
    ParameterError,
    WeightSource,
    WeightTable,
    check_positive,
    did_you_mean,
    read_weights,
    weights_of_text,
)
from undertow.market.portfolio import WEIGHTS_PREFIX
from undertow.strategies import REBALANCES, WEIGHTINGS

_COSTS = ("fee_bps", "slippage_bps", "haircut_bps", "borrow_bps", "tax_rate")


@dataclass(frozen=True)
class Account:
    """Settings that every run of a comparison, sweep or search shares.

    Raises `ParameterError` on an unknown choice and on a capital of 0 or less, and as `read_weights` does.

    Args:
        fill: decide and fill before the "open" or before the "close" of a session.
        costs: costs of trading; by default 5 bps fee and 5 bps slippage.
        weighting: base weights at full exposure, "equal" or "inverse-volatility"; with `weights` it becomes their name,
            "weights-" and a digest of their content.
        rebalance: "daily", "weekly", "monthly", "quarterly" or "never".
        capital: starting capital, USD.
        weights: weights of the basket in place of `weighting`: a file, a Series by symbol or a DataFrame; see
            `read_weights`.
    """

    fill: Fill = "open"
    costs: Costs = field(default_factory=Costs)
    weighting: str = "equal"
    rebalance: str = "monthly"
    capital: float = 1_000_000.0
    weights: WeightSource | None = None

    def __post_init__(self) -> None:
        self._take_weights()
        for name, choices in (("fill", FILLS), ("weighting", WEIGHTINGS), ("rebalance", REBALANCES)):
            value = getattr(self, name)
            if value not in choices and not (name == "weighting" and self.weights is not None):
                rule = " or ".join(choices) if name == "fill" else f"one of {', '.join(choices)}"
                raise ParameterError(f"`{name}` must be {rule}; got {value!r}{did_you_mean(str(value), choices)}")
        costs: object = self.costs
        if not isinstance(costs, Costs):
            got = f"{type(costs).__name__} {str(costs)[:40]!r}"
            raise ParameterError(f"`costs` must be `Costs`, such as Costs(fee_bps=5), got {got}")
        check_positive("capital", self.capital)
        # 1_000_000 and 1e6 are one capital: studies and ledgers compare the text.
        object.__setattr__(self, "capital", float(self.capital))

    def _take_weights(self) -> None:
        # The name of weights is a digest of them, so that whatever compares settings tells two baskets apart.
        derived = str(self.weighting).startswith(WEIGHTS_PREFIX)
        if self.weights is None:
            if derived:
                object.__setattr__(self, "weighting", WEIGHTINGS[0])
            return
        if self.weighting != WEIGHTINGS[0] and not derived:
            raise ParameterError(f"`weights` state the base weights: leave out `weighting`, got {self.weighting!r}")
        table = read_weights(self.weights)
        object.__setattr__(self, "weights", table)
        object.__setattr__(self, "weighting", table.label)

    @property
    def basket(self) -> tuple[str, str, WeightTable | None]:
        """Weighting, rebalance and stated weights, as `base_weights` takes them."""
        return self.weighting, self.rebalance, self.weight_table

    @property
    def weight_table(self) -> WeightTable | None:
        """The stated weights, None where `weighting` makes them."""
        return self.weights if isinstance(self.weights, WeightTable) else None

    @property
    def has_options(self) -> bool:
        """Whether options of the command line can state this account.

        They cannot where its weights lie in no file.
        """
        return self.weight_table is None or self.weight_table.origin is not None

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values, costs as a nested dictionary.

        Weights are named by `weighting`; their content is left out.
        """
        return {name: value for name, value in asdict(replace(self, weights=None)).items() if name != "weights"} | {
            "weighting": self.weighting
        }

    def keywords(self) -> dict[str, Any]:
        """The settings as keywords of `backtest`."""
        return {setting.name: getattr(self, setting.name) for setting in fields(self)}

    def argv(self) -> list[str]:
        """The options of the command line that state this account.

        Maintenance margin and wash sales are left out at their defaults. Weights are named by their file.
        """
        rates = [
            text for name in _COSTS for text in (f"--{name.replace('_', '-')}", shortest(getattr(self.costs, name)))
        ]
        table = self.weight_table
        stated = ["--weighting", self.weighting] if table is None else ["--weights", str(table.origin)]
        weights = [*stated, "--rebalance", self.rebalance]
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
    weights: WeightSource | None


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


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run, as plain values: equal recipes give equal bytes.

    `weighting` names stated weights by a digest, `weights` is their content as CSV and `weights_file` where they lay.
    """

    strategy: str
    parameters: dict[str, Any]
    universe: str
    start: str
    end: str
    sessions: int
    fill: str
    weighting: str
    rebalance: str
    fee_bps: float
    slippage_bps: float
    haircut_bps: float
    capital: float
    market: str
    market_path: str | None
    market_fingerprint: str
    calendar: str
    benchmark: str | None
    cash: str | None
    seed: int | None
    sessions_a_year: int
    versions: dict[str, str]
    command: str | None
    borrow_bps: float = 50.0
    tax_rate: float = 0.20
    lots: str = "hifo"
    maintenance: float = 0.30
    wash_sales: bool = False
    weights: str | None = None
    weights_file: str | None = None

    def __repr__(self) -> str:
        return f"<Recipe of {self.strategy!r} on {self.universe!r} of {self.market!r}, {self.start} to {self.end}>"

    @property
    def account(self) -> Account:
        """The settings of the account."""
        settings = asdict(self)
        if self.weights is not None:
            settings["weights"] = weights_of_text(self.weights, self.weights_file)
        settings["costs"] = Costs(**{cost.name: settings[cost.name] for cost in fields(Costs)})
        return Account(**{setting.name: settings[setting.name] for setting in fields(Account)})
