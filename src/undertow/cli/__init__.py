"""The command line."""

from undertow.cli.app import main

__all__ = ["main"]
