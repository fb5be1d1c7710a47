"""Attribution of the difference, the rule as an alarm, and changes of its tier."""

from __future__ import annotations

from undertow.backtests.runs import Run
from undertow.evidence import AlarmScore, alarm
from undertow.strategies.reasons import Explanation, explain_row
from undertow.tearsheets.html.markup import Html, facts, join, note, section, table, tag
from undertow.tearsheets.html.text import BLANK, count, day, percent, plain, quantity, share, signed, title, typeset
from undertow.tearsheets.run.episodes import LONG_TABLE

_PARTS = {
    "timing": "Absence: out of stocks",
    "re_entry_delay": "Re-entry: in steps instead of at once",
    "selection": "Selection: order of sales, and stops",
    "destination": "Destination: basket and hedge instead of cash",
    "cash_yield": "Cash yield",
    "costs": "Costs: fees and slippage above those of buy-and-hold",
}


def attribution_section(run: Run) -> Html:
    """The difference of final values in parts; empty for a run saved without them."""
    if run.attribution_parts is None:
        return join([])
    attribution, capital = run.attribution(), run.recipe.capital
    parts, gap = attribution.parts, attribution.run - attribution.hold
    rows = [(label, count(parts[name]), _gain_cell(parts[name] / capital)) for name, label in _PARTS.items()]
    return section(
        "Attribution of the difference",
        table(
            ("Part", "USD", "Share of capital"),
            rows,
            kind="numbers",
            foot=("Run less buy-and-hold", count(gap), percent(gap / capital)),
        ),
        note(
            f"Final values: buy-and-hold {count(attribution.hold)} USD, run {count(attribution.run)} USD. Each part is"
            " the change in final value when it is added to the parts above it. The parts sum exactly to the"
            " difference; in another order they would have other sizes."
        ),
        *_cost_note(run),
    )


def _cost_note(run: Run) -> list[Html]:
    """Why costs weigh more than the amount paid; empty for a run without costs."""
    paid = float(run.series["costs"].sum())
    if paid <= 0.0:
        return []
    return [
        note(
            f"The run paid {count(paid)} USD of fees and slippage. In final value, as in the table, they weigh more"
            " when prices rise, because the amount paid also loses its growth until the end."
        )
    ]


def _gain_cell(value: float) -> Html:
    return tag("td", percent(value), kind="num gain" if value > 0 else "num loss" if value < 0 else "num")


def alarm_section(run: Run) -> Html:
    """The rule as an alarm for falls of the basket, compared with alarms at random."""
    # Runs saved by an earlier version lack the value of the basket at the fill.
    if not len(run.episodes) or "hold_before" not in run.series:
        return join([])
    score = alarm(run)
    lead = BLANK if not score.seen else quantity(round(score.lead), "session")
    pairs = [
        ("Correct alarms", f"{count(score.right)} of {count(score.alarms)} ({share(score.precision, 0)})"),
        ("Correct at random", share(score.base_rate, 0)),
        ("Falls detected", f"{count(score.seen)} of {count(score.falls)}"),
        ("Lead before the low, median", lead),
        ("Cost of false alarms", percent(score.false_cost)),
        ("Rebound missed, mean", percent(score.missed_rebound, 2)),
    ]
    return section(
        "The rule as an alarm",
        tag("p", typeset(score.sentence())),
        facts(pairs, kind="facts totals"),
        _transitions(score),
        note(
            f"A fall is a loss of {share(score.fall, 0)} or more from a high of the basket. It is detected if the rule"
            " acted before half of the fall was over. The cost of false alarms is the sum of run less basket over the"
            " alarms that no fall followed."
        ),
    )


def _transitions(score: AlarmScore) -> Html:
    names = [str(name) for name in score.transitions.index]
    rows = [
        (title(name), share(float(score.time_in_tier[name])), *(count(float(number)) for number in row))
        for name, row in zip(names, score.transitions.to_numpy(), strict=True)
    ]
    return table(("Tier", "Sessions", *(f"Next: {name}" for name in names)), rows, kind="numbers")


def reasons_section(run: Run) -> Html:
    """Every change of tier with its drivers; empty unless the run is rule-based."""
    if run.reasons is None:
        return join([])
    explanations = [explain_row(run.reasons, row) for row in run.reasons.changes()]
    remarks = [note(typeset(f"{remark[:1].upper()}{remark[1:]}.")) for remark in run.rule_notes]
    if not explanations:
        return section("Why the tier changed", tag("p", "The tier never changed."), *remarks)
    score = tag("th", "Score", scope="col", kind="num")
    head = ("Session", "Tier", "Event", score, "Shock", "Largest contributions", "What would have changed it")
    element = table(head, [_row(explanation) for explanation in explanations], kind="episodes")
    return section(
        "Why the tier changed",
        *remarks,
        note("Contributions are Shapley values of the drivers; those of one session sum to its score."),
        tag("div", element, kind="tallbox") if len(explanations) > LONG_TABLE else element,
        *_vetoes(run),
    )


def _vetoes(run: Run) -> list[Html]:
    rows = [
        [
            tag("td", day(row["session"]), kind="when"),
            count(row["sessions"]),
            f"{row['ungated_tier']} requested, {row['tier']} held",
            tag("td", f"{plain(row['ungated'])} to {plain(row['score'])}", kind="num"),
            row["gates"],
        ]
        for row in run.vetoes.to_dict("records")
    ]
    if not rows:
        return []
    score = tag("th", "Score", scope="col", kind="num")
    element = table(("From", "Sessions", "Tier", score, "Gates"), rows, kind="episodes")
    return [
        tag("h3", "Held back by a gate"),
        tag("div", element, kind="tallbox") if len(rows) > LONG_TABLE else element,
    ]


def _row(explanation: Explanation) -> list[object]:
    largest = sorted(explanation.contributions.items(), key=lambda item: -abs(item[1]))[:3]
    parts = ", ".join(f"{signed(value)} from {name}" for name, value in largest if abs(value) > 1e-12)
    veto = " (a gate held it back)" if explanation.vetoed else ""
    change = (
        explanation.tier if explanation.tier == explanation.before else f"{explanation.before} to {explanation.tier}"
    )
    return [
        tag("td", day(explanation.session), kind="when"),
        change,
        explanation.event + veto,
        tag("td", plain(explanation.score), kind="num"),
        explanation.label or BLANK,
        parts or BLANK,
        typeset(explanation.counterfactual) or BLANK,
    ]
