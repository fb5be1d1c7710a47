"""The one library inside every page is the one that is named, and fits the package that writes the charts."""

from __future__ import annotations

import hashlib

from plotly.offline import get_plotlyjs_version

from undertow.tearsheets.html.markup import resource
from undertow.tearsheets.html.page import PLOTLY, PLOTLY_SHA256


def test_plotly_is_the_file_that_is_named() -> None:
    text = resource(PLOTLY)
    assert hashlib.sha256(text.encode()).hexdigest() == PLOTLY_SHA256
    assert f"plotly.js (cartesian - minified) v{get_plotlyjs_version()}" in text[:200]
    assert "Licensed under the MIT license" in text[:200]
    assert resource("plotly-LICENSE.txt").startswith("MIT License")
    # It is embedded in a script element.
    assert "</script" not in text.lower()
    assert len(text) < 1_600_000
