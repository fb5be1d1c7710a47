"""`undertow backtest`: one strategy over one universe."""

from __future__ import annotations

import typer

from undertow.cli.option_groups import AccountOptions, RuleOptions
from undertow.cli.options import HtmlOption, JsonOption, LedgerOption, MarketOption, OutOption, SeedOption
from undertow.cli.output import print_json
from undertow.cli.progress import busy
from undertow.cli.resolve import check_targets, resolve_account, resolve_market, resolve_rule, resolve_span


def backtest_command(
    rule: RuleOptions,
    account: AccountOptions,
    market: MarketOption = None,
    ledger: LedgerOption = None,
    out: OutOption = None,
    html: HtmlOption = None,
    seed: SeedOption = 7,
    as_json: JsonOption = False,
) -> None:
    """Backtest one strategy over one universe."""
    with busy("starting"):
        from undertow.backtests import Ledger
        from undertow.backtests import backtest as run_backtest
        from undertow.backtests.runs import count_run

        check_targets(out=out, html=html)
        chosen = resolve_rule(rule)
        settings = chosen.with_settings(account.settings())
        span, trading = resolve_span(settings), resolve_account(settings)
    with busy("loading the market"):
        data = resolve_market(market, seed)
        chosen.check(data, settings)
    with busy("running the backtest"):
        run = run_backtest(chosen.strategy, data, **span, account=trading)
    run, uncounted = count_run(run, type(chosen.strategy), Ledger(ledger))
    if uncounted:
        typer.echo(f"This trial is not counted: {uncounted}", err=True)
    with busy("writing the tearsheet"):
        if out is not None:
            run.save(out)
        if html is not None:
            run.tearsheet(html)
    if as_json:
        print_json(run.summary())
        return
    from undertow.cli.console import show_run

    show_run(run)
    if run.trial_count is not None:
        typer.echo(run.trial_count.sentence())
    for path in (html, None if out is None else out / "tearsheet.html"):
        if path is not None:
            typer.echo(f"tearsheet: {path}")
