"""One JSON object on standard output."""

from __future__ import annotations

import json
from typing import Any


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object, NaN and infinity as null."""
    from undertow.backtests import json_ready

    # The one control character that JSON leaves as it is.
    print(json.dumps(json_ready(content), indent=2, allow_nan=False).replace("\x7f", "\\u007f"))
