"""The orders of a real portfolio as text and on the page."""

from __future__ import annotations

import math

from undertow.backtests.checklist import HeldOrder, HeldPlan, SoldLot
from undertow.market import safe_text
from undertow.tearsheets.html.markup import Html, note, section, table
from undertow.tearsheets.html.text import BLANK, quantity, share, typeset

HELD_COLUMNS = ("name", "held", "order", "price", "USD", "gain", "after", "USD after", "weight")
_LOT_COLUMNS = ("Name", "Shares", "Cost a share", "Acquired", "Days held", "Gain")


def held_rows(plan: HeldPlan) -> list[tuple[str, ...]]:
    """One row a name, in the order of the file, then cash; as `HELD_COLUMNS`."""
    orders = {order.symbol: order for order in plan.orders}
    rows = []
    for position in plan.positions:
        order = orders.get(position.symbol)
        rows.append(
            (
                safe_text(position.symbol),
                _shares(position.before),
                _order(order),
                _usd(position.price),
                BLANK if order is None else _usd(order.value),
                BLANK if order is None else _usd(order.gain),
                _shares(position.shares),
                _usd(position.value),
                BLANK if math.isnan(position.weight) else share(position.weight),
            )
        )
    weight = share(plan.cash_after / plan.value_after) if plan.value_after > 0.0 else BLANK
    return [*rows, ("cash", _usd(plan.cash), *[BLANK] * 5, _usd(plan.cash_after), weight)]


def held_sentences(plan: HeldPlan) -> tuple[str, ...]:
    """What is raised, what tax it costs, what is left and what comes back."""
    total = f"{safe_text(plan.file)}: {_usd(plan.value)} USD, {_usd(plan.cash)} of it cash"
    basket = f" and {_usd(plan.in_basket)} in the basket" if plan.in_basket else ""
    out = share(plan.out_of_stocks / plan.value if plan.value > 0.0 else 0.0)
    lead = f"{total}{basket}; the rule has {out} out of stocks, {_usd(plan.out_of_stocks)} USD: {_verdict(plan)}"
    return (lead, *_effects(plan), _return(plan), *plan.notes)


def _verdict(plan: HeldPlan) -> str:
    sold = sum(order.side == "sell" for order in plan.orders)
    bought = len(plan.orders) - sold
    if bought:
        return f"{_usd(-sum(order.cash for order in plan.orders))} USD go back into {quantity(bought, 'name')}"
    if not plan.to_raise:
        return "nothing has to be sold"
    return f"{_usd(plan.to_raise)} USD have to be raised, {_usd(plan.raised)} are by {quantity(sold, 'sale')}"


def _effects(plan: HeldPlan) -> tuple[str, ...]:
    if not plan.orders:
        return ()
    after = f"costs {_usd(plan.costs)} USD; {_usd(plan.cash_after)} USD in cash afterwards"
    if not any(order.side == "sell" for order in plan.orders):
        return (after,)
    if math.isnan(plan.tax):
        return (f"{after}; gains {_usd(plan.gains)} and losses {_usd(plan.losses)} USD as far as costs are known",)
    return (
        f"{after}; tax about {_usd(plan.tax)} USD at {plan.tax_rate:.4g} of gains {_usd(plan.gains)} and losses"
        f" {_usd(plan.losses)} USD, lots sold by {plan.lots}",
    )


def _return(plan: HeldPlan) -> str:
    if not plan.comes_back or not plan.returns:
        return "nothing is to come back into stocks" if not plan.comes_back else _back(plan, "when the rule is calm")
    return _back(plan, f"by: {'; '.join(plan.returns)}")


def _back(plan: HeldPlan, when: str) -> str:
    return f"{_usd(plan.comes_back)} USD come back into stocks {when}"


def held_section(plan: HeldPlan) -> Html:
    """The section of the page: sentences, every name, and the lots that are sold."""
    lots = [_lot_row(order, lot) for order in plan.orders for lot in order.lots]
    heading = tuple(f"{name[:1].upper()}{name[1:]}" for name in HELD_COLUMNS)
    return section(
        "What is really held",
        *(
            note(typeset(f"{sentence[:1].upper()}{sentence[1:]}".rstrip(".") + "."))
            for sentence in held_sentences(plan)
        ),
        table(heading, held_rows(plan), kind="numbers"),
        *([table(_LOT_COLUMNS, lots, kind="numbers")] if lots else []),
    )


def _lot_row(order: HeldOrder, lot: SoldLot) -> tuple[str, ...]:
    days = BLANK if lot.held_days is None else f"{lot.held_days:,}"
    return safe_text(order.symbol), _shares(lot.shares), _usd(lot.cost), lot.acquired or BLANK, days, _usd(lot.gain)


def _order(order: HeldOrder | None) -> str:
    return BLANK if order is None else f"{order.side} {_shares(order.shares)}"


def _shares(count: float) -> str:
    return f"{count:,.6f}".rstrip("0").rstrip(".")


def _usd(amount: float) -> str:
    return BLANK if math.isnan(amount) else f"{amount + 0.0:,.2f}"
