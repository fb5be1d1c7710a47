"""`undertow evidence`: is the effect there, when, and in whom."""

from __future__ import annotations

import typer

from undertow.cli.lag import lag_command
from undertow.cli.link import link_command
from undertow.cli.luck import luck_command
from undertow.cli.option_groups import with_option_groups
from undertow.cli.report import report_command
from undertow.cli.who import who_command

evidence_app = typer.Typer(help="Is the effect there, when, in whom, and is the rule more than luck.")
evidence_app.command("lag")(lag_command)
evidence_app.command("who")(who_command)
evidence_app.command("link")(link_command)
evidence_app.command("report")(report_command)
evidence_app.command("luck")(with_option_groups(luck_command))
