"""The kind of shock that a condition detects."""

from __future__ import annotations

from collections.abc import Sequence

from undertow.strategies.rules.parts import Condition

CASCADE = "liquidation cascade"
# A cascade that the proxy from bars detects, without a liquidation feed.
PROXY_CASCADE = f"{CASCADE} (fallback)"
OTHER = "other"
_FALL = "fall of {asset}"
# Kinds on Bitcoin's side: their contributions add up to one shock, named after the largest.
_BITCOIN = {
    CASCADE: ("liquidation-spike", "cascade"),
    PROXY_CASCADE: ("liquidation-proxy",),
    _FALL: ("drawdown", "drop", "drawdown-speed", "support-breach"),
    "weekend gap": ("weekend-gap",),
    "volume spike": ("volume-spike",),
    "funding shock": ("funding",),
    "open interest shock": ("open-interest-change", "open-interest-divergence"),
    "altcoin contagion": ("altcoin-contagion",),
    "stabilisation": ("stabilisation", "rows-since-low"),
    "correlation with BTC": ("btc-equity-correlation", "common-trend", "common-trend-spy"),
}
_OTHERS = {
    "rates shock": ("rates-shock", "policy-tailwind", "policy-path", "yields-and-dollar", "scenario"),
    "dollar shock": ("dollar-shock",),
    "leadership break": ("leadership", "leadership-break", "breadth", "new-lows", "selloff", "basket-selloff", "trend"),
    "volatility event": (
        "vix",
        "volatility-shock",
        "basket-volatility",
        "basket-volatility-shock",
        "realized-volatility",
        "forced-exposure",
        "index-forced-exposure",
        "shared-budget",
        "credit-shock",
        "average-pairwise-correlation",
        "absorption-ratio",
        "regime",
        "compression-warning",
    ),
}
# States, not events: they name a shock only where no event contributed.
_STATES = ("stabilisation", "correlation with BTC")
KIND_OF = {signal: kind for kinds in (_BITCOIN, _OTHERS) for kind, signals in kinds.items() for signal in signals}
_ROUNDING = 12


def label_of(condition: Condition, *, fallback: bool = False) -> str:
    """The label of a condition, else the kind of its signal.

    `fallback`: whether the condition's fallback was read.
    """
    if condition.label:
        return condition.label
    kind = KIND_OF.get(condition.signal, OTHER)
    return PROXY_CASCADE if fallback and kind == CASCADE else kind.format(asset=condition.asset)


def largest(parts: Sequence[tuple[Condition, str, float]]) -> str:
    """The label of the shock with the largest contribution, or an empty text.

    `parts` are conditions with their labels and contributions. Everything on Bitcoin's side is one shock, named after
    the largest of its kinds; of equal kinds after the liquidations, and after the correlation with Bitcoin only where
    that is alone.
    """
    shocks: dict[str, dict[str, float]] = {}
    for condition, label, part in parts:
        bitcoin = not condition.label and KIND_OF.get(condition.signal) in _BITCOIN
        kinds = shocks.setdefault("" if bitcoin else label, {})
        kinds[label] = kinds.get(label, 0.0) + part
    kinds = max(shocks.values(), key=lambda shock: sum(shock.values()))
    if not sum(kinds.values()) > 0:
        return ""
    # Equal parts differ by the rounding of their sums.
    parts_of = {label: round(part, _ROUNDING) for label, part in kinds.items()}
    happened = {label: part for label, part in parts_of.items() if part > 0 and label not in _STATES}
    return max(happened or parts_of, key=lambda label: (parts_of[label], label in (CASCADE, PROXY_CASCADE)))
