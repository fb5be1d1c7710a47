"""What a user says about files that they do not say themselves."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field

from undertow.market.errors import ParameterError, UnknownNameError, did_you_mean
from undertow.market.imports.recognise import FILE_KINDS

_CHOICES = {
    "kind": ("", *FILE_KINDS),
    "stamp": ("", "start", "end"),
    "unit": ("", "usd", "coin"),
    "adjusted": ("", "yes", "no"),
    "dates": ("", "day-first", "month-first"),
    "decimal": ("", "point", "comma"),
}
_ROLES = (
    *(
        "time",
        "open",
        "high",
        "low",
        "close",
        "adj_close",
        "volume",
        "symbol",
        "dividend",
        "split",
        "long_usd",
        "short_usd",
    ),
    *("long", "short", "open_interest_usd", "open_interest", "funding_rate", "funding_percent", "start", "end"),
)


@dataclass(frozen=True)
class ImportOptions:
    """Answers that hold for every file of an import; "" where the file is asked.

    Raises `ParameterError` with the option, the value and what is known.

    Args:
        kind: what the files are, one of prices, bars, liquidations, open_interest, funding, macro, universe.
        symbol: whose they are.
        timezone: zone of times that are written without one, such as America/New_York.
        stamp: "start" or "end" of the interval that a time stands for.
        columns: what a column holds, by its name, such as {"Adj Close": "close"}.
        unit: "usd" or "coin", of liquidations and open interest.
        adjusted: whether closes are adjusted for splits and dividends, "yes" or "no".
        dates: "day-first" or "month-first".
        decimal: "point" or "comma".
    """

    kind: str = ""
    symbol: str = ""
    timezone: str = ""
    stamp: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    adjusted: str = ""
    dates: str = ""
    decimal: str = ""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                shown = ", ".join(choices[1:])
                raise ParameterError(
                    f"`{name}` must be one of {shown}; got {value!r}{did_you_mean(value, choices[1:])}"
                )
        for column, role in self.columns.items():
            if role not in _ROLES:
                raise UnknownNameError("column", role, _ROLES, f"`columns` of {column!r}")
        if self.timezone:
            try:
                zoneinfo.ZoneInfo(self.timezone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError):
                zones = zoneinfo.available_timezones()
                near = did_you_mean(self.timezone, zones)
                raise ParameterError(
                    f"`timezone` must be a zone such as UTC or America/New_York; got {self.timezone!r}{near}"
                ) from None
