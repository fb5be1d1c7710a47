"""Where the difference came from, how the rule does as an alarm, and why its tiers changed."""

from __future__ import annotations

from undertow.backtests.runs.run import Run
from undertow.evidence.alarm import AlarmScore, alarm
from undertow.strategies.reasons.explain import Explanation, explain_row
from undertow.tearsheets.html.markup import Html, facts, join, note, section, table, tag
from undertow.tearsheets.html.text import BLANK, count, counted, day, percent, plain, share, signed, title, typeset

_PARTS = {
    "timing": "Timing: out of stocks when the rule was",
    "re_entry_delay": "Coming back in steps instead of at once",
    "selection": "Selection: the order of selling, and stops",
    "destination": "Destination: the basket and the hedge instead of cash",
    "cash_yield": "What cash earned",
    "costs": "Fees and slippage beyond buy-and-hold's",
}


def attribution_section(run: Run) -> Html:
    """The difference of final values in parts that sum exactly; nothing for a run that was saved without them."""
    if run.attribution_parts is None:
        return join([])
    found, capital = run.attribution(), run.recipe.capital
    rows = [(words, count(found.parts[name]), _tone(found.parts[name] / capital)) for name, words in _PARTS.items()]
    foot = ("Run less buy-and-hold", count(found.run - found.hold), percent((found.run - found.hold) / capital))
    return section(
        "Where the difference came from",
        table(("Part", "USD", "Of the capital"), rows, kind="numbers", foot=foot),
        note(
            f"Final values: buy-and-hold {count(found.hold)}, run {count(found.run)} USD. Each part is what changes"
            " when it is added to those above it; the sum is exact, and in another order the parts would have other"
            " sizes."
        ),
        *_paid(run),
    )


def _paid(run: Run) -> list[Html]:
    """Why fees and slippage weigh more here than what was paid; nothing for a run that paid none."""
    paid = float(run.series["costs"].sum())
    if paid <= 0.0:
        return []
    return [
        note(
            f"The run paid {count(paid)} USD of fees and slippage. In final value, as above, they weigh more where"
            " prices rise: with what was paid goes the growth until the end that it would have had."
        )
    ]


def _tone(value: float) -> Html:
    return tag("td", percent(value), kind="num gain" if value > 0 else "num loss" if value < 0 else "num")


def alarm_section(run: Run) -> Html:
    """The rule as an alarm for falls of the basket, against alarms at random."""
    # A run of an earlier version was saved without the basket's value at the fill.
    if not len(run.episodes) or "hold_before" not in run.series:
        return join([])
    found = alarm(run)
    lead = BLANK if not found.seen else counted(round(found.lead), "session")
    pairs = [
        ("Right", f"{count(found.right)} of {count(found.alarms)} ({share(found.precision, 0)})"),
        ("At random", share(found.base_rate, 0)),
        ("Falls met", f"{count(found.seen)} of {count(found.falls)}"),
        ("Lead to the low, median", lead),
        ("Cost of wrong alarms", percent(found.false_cost)),
        ("Rebound missed, mean", percent(found.missed_rebound, 2)),
    ]
    return section(
        "As an alarm",
        tag("p", typeset(found.sentence())),
        facts(pairs, kind="facts totals"),
        _transitions(found),
        note(
            f"A fall is {share(found.fall, 0)} or more from a high of the basket. Met: the rule acted before half of it"
            " was over. The cost sums run less basket over the alarms that no fall followed."
        ),
    )


def _transitions(found: AlarmScore) -> Html:
    names = [str(name) for name in found.transitions.index]
    rows = [
        (title(name), share(float(found.time_in_tier[name])), *(count(float(each)) for each in row))
        for name, row in zip(names, found.transitions.to_numpy(), strict=True)
    ]
    return table(("Tier", "Sessions", *(f"then {name}" for name in names)), rows, kind="numbers")


def reasons_section(run: Run) -> Html:
    """Every change of tier with what drove it; nothing for a strategy that is not put together from parts."""
    if run.reasons is None:
        return join([])
    found = [explain_row(run.reasons, row) for row in run.reasons.changes()]
    remarks = [note(typeset(f"{each[:1].upper()}{each[1:]}.")) for each in run.notes]
    if not found:
        return section("Why the tier changed", tag("p", "It never did."), *remarks)
    score = tag("th", "Score", scope="col", kind="num")
    head = ("Session", "Tier", "Why", score, "Shock", "Largest parts of the score", "What would have changed it")
    whole = table(head, [_row(each) for each in found], kind="episodes")
    return section(
        "Why the tier changed",
        *remarks,
        note("Parts of the score are Shapley values over the drivers; those of a session sum to its score."),
        tag("div", whole, kind="tallbox") if len(found) > 15 else whole,
        *_vetoes(run),
    )


def _vetoes(run: Run) -> list[Html]:
    rows = [
        [
            tag("td", day(row["session"]), kind="when"),
            count(row["sessions"]),
            f"{row['ungated_tier']} asked for, {row['tier']} held",
            tag("td", f"{plain(row['ungated'])} to {plain(row['score'])}", kind="num"),
            row["gates"],
        ]
        for row in run.vetoes.to_dict("records")
    ]
    if not rows:
        return []
    score = tag("th", "Score", scope="col", kind="num")
    whole = table(("From", "Sessions", "Tier", score, "Gates"), rows, kind="episodes")
    return [tag("h3", "Held back by a gate"), tag("div", whole, kind="tallbox") if len(rows) > 15 else whole]


def _row(each: Explanation) -> list[object]:
    most = sorted(each.contributions.items(), key=lambda item: -abs(item[1]))[:3]
    parts = ", ".join(f"{signed(value)} from {name}" for name, value in most if abs(value) > 1e-12)
    veto = " (a gate held it back)" if each.vetoed else ""
    moved = each.tier if each.tier == each.before else f"{each.before} to {each.tier}"
    return [
        tag("td", day(each.session), kind="when"),
        moved,
        each.event + veto,
        tag("td", plain(each.score), kind="num"),
        each.label or BLANK,
        parts or BLANK,
        typeset(each.counterfactual) or BLANK,
    ]
