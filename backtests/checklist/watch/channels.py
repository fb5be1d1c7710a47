"""Where alerts are sent: a file, a command, or an address of the user."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from undertow.backtests.folders import check_writable
from undertow.market import DataError, ParameterError, reason_of, safe_text

# Seconds that a command may take, and an answer of an address.
_COMMAND_SECONDS, _WEBHOOK_SECONDS = 60.0, 15.0


class Channel(Protocol):
    """A receiver of alerts."""

    @property
    def label(self) -> str:
        """Its name, under which the state file knows what it has not received yet."""

    def send(self, alert: Mapping[str, Any]) -> None:
        """Send one alert; raise `DataError` where it was not received."""


@dataclass(frozen=True)
class FileChannel:
    """A file with one JSON object a line; an alert that stands in it is not written again.

    Args:
        path: the file, made where there is none.
    """

    path: Path

    def __post_init__(self) -> None:
        check_writable(self.path, "file")
        if self.path.is_dir():
            raise ParameterError(f"`file` {str(self.path)!r} is a folder; name a file")

    @property
    def label(self) -> str:
        """ "file" and the path."""
        return f"file {self.path}"

    def send(self, alert: Mapping[str, Any]) -> None:
        """Append the alert in one step."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = self.path.read_bytes() if self.path.exists() else b""
            if any(_is_same(line, alert) for line in content.splitlines()):
                return
            # A line that a full disk cut off stays apart from this one.
            line = (b"\n" if content and not content.endswith(b"\n") else b"") + _json(alert) + b"\n"
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                written = os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written: {reason_of(error)}") from error
        if written < len(line):
            raise DataError(f"{self.path}: cannot be written: only a part of the alert found room")


@dataclass(frozen=True)
class CommandChannel:
    """A command, run once an alert, without a shell; it reads the alert as JSON on standard input.

    Its text alone is in the environment variable UNDERTOW_ALERT. An exit code other than 0 is a failure.

    Args:
        command: program and arguments, quoted as for a shell.
    """

    command: str

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise ParameterError(f"`command` {self.command!r} cannot be read: {reason_of(error)}; close it") from None
        if not words:
            raise ParameterError("`command` is empty; name a program")

    @property
    def label(self) -> str:
        """ "command" and the command."""
        return f"command {self.command}"

    def send(self, alert: Mapping[str, Any]) -> None:
        """Run the command and wait for its end."""
        words = shlex.split(self.command)
        environment = {**os.environ, "UNDERTOW_ALERT": str(alert["text"])}
        try:
            ended = subprocess.run(  # noqa: S603 - the user's own command, without a shell
                words, input=_json(alert), env=environment, capture_output=True, timeout=_COMMAND_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise DataError(f"command {safe_text(words[0])}: {reason_of(error)}") from error
        if ended.returncode:
            last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
            reason = f": {safe_text(last[0])}" if last else ""
            raise DataError(f"command {safe_text(words[0])}: exit code {ended.returncode}{reason}")


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirection would turn the request into one without a body."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


@dataclass(frozen=True)
class Webhook:
    """An address that receives the alert as a JSON POST; anything but a 2xx answer is a failure.

    Args:
        address: address of the user, http or https.
    """

    address: str

    def __post_init__(self) -> None:
        scheme, separator, rest = self.address.partition("://")
        plain = self.address.isascii() and self.address.isprintable() and " " not in self.address
        if scheme.lower() not in ("http", "https") or not separator or not rest.strip("/") or not plain:
            raise ParameterError(f"`webhook` must be an address with http or https, got {safe_text(self.address)!r}")

    @property
    def label(self) -> str:
        """ "webhook" and the address."""
        return f"webhook {self.address}"

    def send(self, alert: Mapping[str, Any]) -> None:
        """Post the alert."""
        headers = {"Content-Type": "application/json", "User-Agent": "undertow"}
        body, address = _json(alert), self.address
        request = urllib.request.Request(address, data=body, headers=headers, method="POST")  # noqa: S310 - http alone
        try:
            with urllib.request.build_opener(_Stay).open(request, timeout=_WEBHOOK_SECONDS):
                pass
        except (OSError, ValueError, urllib.error.URLError) as error:
            # An address may hold a key: it is left out.
            raise DataError(f"webhook: {reason_of(error)}") from error


def _json(alert: Mapping[str, Any]) -> bytes:
    return json.dumps(alert, allow_nan=False).encode()


def _is_same(line: bytes, alert: Mapping[str, Any]) -> bool:
    try:
        other = json.loads(line)
    except ValueError:
        return False
    return isinstance(other, dict) and all(other.get(key) == alert[key] for key in ("watch", "number"))
