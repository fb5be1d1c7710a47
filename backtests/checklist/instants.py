"""Instants as text."""

from __future__ import annotations

import numpy as np
import pandas as pd


def instant_text(instant: np.datetime64) -> str:
    """An instant to the minute, UTC."""
    return f"{pd.Timestamp(instant):%Y-%m-%dT%H:%M}Z"
