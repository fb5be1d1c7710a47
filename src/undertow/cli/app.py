"""The command line: its commands put together, run, and their errors reported.

Heavy modules are imported inside the commands, so that `--help` is instant.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn

import typer

from undertow.cli.audit import audit_command
from undertow.cli.backtest import backtest_command
from undertow.cli.compare import compare_command
from undertow.cli.demo import demo_command
from undertow.cli.evidence import evidence_app
from undertow.cli.list import list_command
from undertow.cli.market import market_app
from undertow.cli.optimize import optimize_command
from undertow.cli.option_groups import with_option_groups
from undertow.cli.options import OLD_NAMES
from undertow.cli.replay import replay_command
from undertow.cli.rule import rule_command
from undertow.cli.signals import signals_app
from undertow.cli.streams import open_streams
from undertow.cli.sweep import sweep_command
from undertow.cli.today import today_command
from undertow.cli.walk_forward import walk_forward_command
from undertow.cli.watch import watch_command

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"token_normalize_func": lambda name: OLD_NAMES.get(name, name)},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo_command,
    "backtest": backtest_command,
    "compare": compare_command,
    "list": list_command,
    "today": today_command,
    "watch": watch_command,
    "replay": replay_command,
    "sweep": sweep_command,
    "rule": rule_command,
    "optimize": optimize_command,
    "walk-forward": walk_forward_command,
    "audit": audit_command,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(with_option_groups(_command))
app.add_typer(market_app, name="market")
app.add_typer(signals_app, name="signals")
app.add_typer(evidence_app, name="evidence")


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(version("undertow"))
        raise typer.Exit


@app.callback()
def undertow(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """When Bitcoin is being force-sold, should growth-stock holders raise cash?

    Test the rule before you trust it.
    """


def main() -> NoReturn:
    """Run the command line.

    Exit code 0 where all went well, 2 with a named error on standard error, 130 where it was interrupted, 143 where it
    was terminated, 1 where nobody read the output to its end.
    """
    open_streams()
    gc.set_threshold(_COLLECT_AFTER)
    # What is half written is removed, as at an interruption.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = _flushed(run_command(sys.argv[1:]))
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at exit, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    # typer returns this code too, where the interruption came within a command.
    if code == _INTERRUPTED:
        print("interrupted", file=sys.stderr)
        code = 128 + _signal
    # Python looks for cycles among all objects once more at exit, a third of a second for memory that is freed anyway.
    gc.freeze()
    sys.exit(code)


# Imports make a million objects that stay: Python would look through them a thousand times, by default after every 700.
_COLLECT_AFTER = 50_000


def _flushed(code: int) -> int:
    """The exit code once everything is printed; 2 where it cannot be."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python flushes standard output once more at exit, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"error: {_OUTPUT}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        return 2
    return code


_OUTPUT = "the output cannot be written"
_INTERRUPTED = 128 + signal.SIGINT
# The signal that ends the process.
_signal = signal.SIGINT


def _terminate(*_: object) -> NoReturn:
    global _signal
    _signal = signal.SIGTERM
    raise KeyboardInterrupt


def _interrupted(error: BaseException | None) -> bool:
    """Whether an interruption is the cause: compiled code wraps it in another error."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def run_command(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; print errors that the user can fix."""
    arguments = list(argv)
    if arguments in ([], ["market"], ["signals"], ["evidence"]):
        arguments.append("--help")
    try:
        _refuse_odd(arguments)
        code = app(arguments, standalone_mode=False)
    except BrokenPipeError:
        raise
    except Exception as error:
        message = _message(error)
        if message is None and _interrupted(error):
            raise KeyboardInterrupt from error
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    return code if isinstance(code, int) else 0


def _refuse_odd(arguments: Sequence[str]) -> None:
    if any("\0" in argument for argument in arguments):
        from undertow.market import ParameterError

        raise ParameterError("an argument has a NUL character, which no name or number has; leave it out")


def _message(error: Exception) -> str | None:
    """The message of an error that the user can fix; None for a defect of the package."""
    from undertow.market import UndertowError, did_you_mean, safe_message, safe_text

    if isinstance(error, UndertowError):
        return str(error)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        # Writing to an open file names none: it is mostly the standard output.
        return f"{safe_text(error.filename)}: {reason}" if error.filename else f"{_OUTPUT}: {reason.lower()}"
    # typer carries its own copy of click, whose exceptions have no public home: they are recognised by attributes.
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        return f"no such option `{safe_text(option)}`{did_you_mean(option, error.possibilities or ())}"
    if hasattr(error, "format_message"):
        return safe_message(error.format_message())
    return None
