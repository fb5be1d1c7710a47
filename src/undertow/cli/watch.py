"""`undertow watch`: the checklist whenever a market folder has new rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertow.cli.option_groups import RuleOptions
from undertow.cli.options import UNIVERSE, FillOption, JsonOption, UniverseOption, one_of
from undertow.cli.progress import busy
from undertow.cli.resolve import resolve_account, resolve_rule
from undertow.cli.streams import printable

if TYPE_CHECKING:
    from undertow.backtests.checklist.watch import Channel, WatchCheck

DEFAULT_STRATEGY = "risk-tiers"


def watch_command(
    rule: RuleOptions,
    market: Annotated[Path, typer.Option("--market", help="Market folder that another process extends.")],
    every: Annotated[str, typer.Option("--every", help="Time from one check to the next: 30s, 15m, 1h.")] = "15m",
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", metavar="FILE", help="Append alerts to this file, one JSON object a line."),
    ] = None,
    command: Annotated[
        list[str] | None, typer.Option("--command", help="Run this once an alert, with its JSON on standard input.")
    ] = None,
    webhook: Annotated[
        list[str] | None, typer.Option("--webhook", metavar="ADDRESS", help="Post alerts as JSON to this address.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="The state file.", show_default="one below results/watch"),
    ] = None,
    clock: Annotated[
        str,
        typer.Option(
            "--clock",
            help="Instant of the checklist: last (the last one at which the folder learned anything) or now.",
            callback=one_of("clock", ("last", "now")),
        ),
    ] = "last",
    once: Annotated[bool, typer.Option("--once", help="One check, for cron; the exit code is that of today.")] = False,
    universe: UniverseOption = None,
    fill: FillOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the checklist whenever the folder has new rows, and send what has changed.

    One alert a change of the tier, of an alarm, or of a feed that stops; of risk-tiers without --strategy or --rule.
    Runs until it is stopped.
    """
    with busy("starting"):
        from undertow.backtests.checklist.watch import CommandChannel, FileChannel, Webhook, watch

        channels: list[Channel] = [
            *(FileChannel(path) for path in file or ()),
            *(CommandChannel(words) for words in command or ()),
            *(Webhook(address) for address in webhook or ()),
        ]
        chosen = resolve_rule(rule, DEFAULT_STRATEGY)
        settings = chosen.with_settings({"universe": universe, "fill": fill})
        checks = watch(
            chosen.strategy,
            market,
            every=every,
            clock="now" if clock == "now" else "last",
            universe=settings.get("universe", UNIVERSE),
            channels=channels,
            state=state,
            checks=1 if once else None,
            account=resolve_account(settings),
        )
    exit_code = 0
    for number, check in enumerate(checks):
        _show(check, first=number == 0, as_json=as_json, once=once)
        exit_code = check.exit_code
    raise typer.Exit(exit_code)


def _show(check: WatchCheck, *, first: bool, as_json: bool, once: bool) -> None:
    """Alerts on standard output, what could not be read or sent on standard error."""
    if as_json:
        from undertow.backtests import json_ready

        if once or check.alerts or check.remarks:
            print(json.dumps(json_ready(check.as_dict()), allow_nan=False), flush=True)
        return
    if first and check.asof and not check.alerts:
        print(f"{check.asof} tier {printable(check.tier)}, as alerted before", flush=True)
    for alert in check.alerts:
        print(f"alert {alert['number']}: {printable(alert['text'])}", flush=True)
    for remark in check.remarks:
        print(printable(f"waiting: {remark}"), file=sys.stderr, flush=True)
