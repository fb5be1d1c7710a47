"""`undertow rule`: print a named strategy as a file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def rule(
    name: Annotated[str, typer.Argument(help="Preset or rule file.")],
    parts: Annotated[bool, typer.Option("--parts", help="The parts it is made of, not its parameters.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write it into this file instead, .toml.")] = None,
) -> None:
    """Print a rule as a file that --rule takes: a preset, or the parts that a strategy is put together from."""
    from undertow.market.errors import ParameterError
    from undertow.strategies.rules.file import as_toml, parts_of, read_rule, rule_text

    if out is not None and (out.suffix != ".toml" or out.exists()):
        raise ParameterError(f"`out` must be a new file that ends in .toml, got {str(out)!r}")
    found = read_rule(name)
    text = as_toml(parts_of(found.strategy), found.settings) if parts else rule_text(name)
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    typer.echo(f"rule: {out}")
