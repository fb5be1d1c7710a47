"""`undertow rule`: print a named strategy as a file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undertow.cli.options import TrustOption, file_ending
from undertow.cli.resolve import read_trusted
from undertow.cli.streams import printable


def rule_command(
    name: Annotated[str, typer.Argument(help="Preset or rule file.")],
    parts: Annotated[bool, typer.Option("--parts", help="The parts that it is made of, not its parameters.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write it into this new file instead, .toml.",
            callback=file_ending("out", ".toml"),
        ),
    ] = None,
    trust: TrustOption = False,
) -> None:
    """Print a rule as a file that --rule accepts.

    A preset or file as it is, or the parts of a rule-based strategy.
    """
    from undertow.market import ParameterError
    from undertow.market.files import write_atomic
    from undertow.strategies.rules import as_toml, parts_of, rule_text

    if out is not None and out.exists():
        raise ParameterError(f"`out` must be a new file; {str(out)!r} exists")
    rule_file = read_trusted(name, trust)
    text = as_toml(parts_of(rule_file.strategy), rule_file.settings) if parts else rule_text(name)
    if out is None:
        typer.echo(printable(text), nl=False)
        return
    write_atomic(out, text.encode("utf-8"))
    typer.echo(f"rule: {out}")
