"""Amounts of memory as text, such as "500MB"."""

from __future__ import annotations

import re

from undertow.market import ParameterError, is_number

_UNITS = {"": 1.0, "B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_UNITS |= {"KIB": 2.0**10, "MIB": 2.0**20, "GIB": 2.0**30}


def bytes_of(name: str, amount: float | str) -> float:
    """Bytes from a number or a text such as "1GB", "500 MB" or "1.5GiB".

    Raises `ParameterError` with the parameter's `name` where it is neither.
    """
    problem = ParameterError(
        f"`{name}` must be a positive number of bytes or a text such as 500MB or 2GB; got {amount!r}"
    )
    if isinstance(amount, str):
        match = re.fullmatch(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([a-z]*)\s*", amount, re.IGNORECASE)
        if match is None or match[2].upper() not in _UNITS:
            raise problem
        try:
            amount = float(match[1]) * _UNITS[match[2].upper()]
        except ValueError:
            raise problem from None
    if not is_number(amount) or amount <= 0:
        raise problem
    return float(amount)
