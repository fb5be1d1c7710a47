"""Plain keywords of a function, sorted into the records that they are fields of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from undertow.market import ParameterError, did_you_mean


def split_keywords(keywords: Mapping[str, Any], *records: type[Any]) -> tuple[dict[str, Any], ...]:
    """The keywords that are fields of each record, in the order of the records.

    Raises `ParameterError` on a keyword that is a field of none of them, with the nearest one.

    Args:
        keywords: keywords by name, as a function received them.
        records: dataclasses without a field in common, such as `Account, Engine`.
    """
    names = [tuple(field.name for field in fields(record)) for record in records]
    known = [name for record_names in names for name in record_names]
    for name in keywords:
        if name not in known:
            raise ParameterError(f"unknown setting `{name}`{did_you_mean(name, known)}; known: {', '.join(known)}")
    return tuple({name: keywords[name] for name in record_names if name in keywords} for record_names in names)
