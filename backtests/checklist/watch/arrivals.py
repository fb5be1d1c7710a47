"""New rows in a market folder that another process writes."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np

from undertow.market import DataError, Market, load_market, reason_of
from undertow.market.folder import read_manifest

# Size and time of change of every file of a folder, by path.
Stamp = dict[str, tuple[int, int]]
# A folder is read once nothing in it has changed for this long, seconds, or for a quarter of `every`.
_SETTLE = 2.0
_ATTEMPTS = 3


class Arrivals:
    """The reader of a folder that grows; never reads what is half written.

    A file that cannot be read, a CSV file without a final line end, and a feed that ends earlier than before are taken
    for half written: a later check reads them. The last two are accepted once the folder has been unchanged for
    a whole interval, since a file may end so, and a vendor may take rows back.

    Args:
        folder: the market folder.
        every: seconds from one check to the next.
        ends: last instant of each feed that was read before, by path, as text; of the last process too.
    """

    def __init__(self, folder: Path, every: float, ends: dict[str, str]) -> None:
        self.folder = folder
        self.ends = dict(ends)
        self._every = every
        self._settle = min(_SETTLE, every / 4)
        self._read: Stamp | None = None

    def market(self) -> tuple[Market | None, str]:
        """The market where it is new, else None; and why nothing can be read, if so."""
        try:
            stamp = self._stamp()
            if stamp == self._read:
                return None, ""
            for _ in range(_ATTEMPTS):
                time.sleep(max(0.0, self._settle - _age(stamp)))
                earlier, stamp = stamp, self._stamp()
                if stamp == earlier:
                    market = load_market(self.folder)
                    if self._stamp() == stamp:
                        return self._accept(market, stamp)
        except (DataError, OSError) as error:
            return None, reason_of(error) if isinstance(error, OSError) else str(error)
        return None, f"{self.folder} is being written"

    def _accept(self, market: Market, stamp: Stamp) -> tuple[Market | None, str]:
        ends = _ends(market)
        odd = self._odd(ends, stamp)
        if odd and _age(stamp) < self._every:
            return None, f"{odd}; it may be half written"
        self._read, self.ends = stamp, ends
        return market, ""

    def _odd(self, ends: dict[str, str], stamp: Stamp) -> str:
        """What looks half written, "" where nothing does."""
        for path, end in ends.items():
            if end < self.ends.get(path, ""):
                return f"{path} ends at {end}, and ended at {self.ends[path]} before"
        for path in stamp:
            if path.endswith(".csv") and not _ends_a_line(Path(path)):
                return f"{path} has no line end behind its last row"
        return ""

    def _stamp(self) -> Stamp:
        manifest = self.folder / "market.toml"
        paths = [manifest, *(self.folder / entry.path for entry in read_manifest(self.folder).feeds)]
        return {str(path): (status.st_mtime_ns, status.st_size) for path, status in ((p, p.stat()) for p in paths)}


def _age(stamp: Stamp) -> float:
    """Seconds since the last change of a file."""
    age = time.time() - max(changed for changed, _ in stamp.values()) / 1e9
    # A file from the future is as good as an old one: the clocks differ.
    return age if age >= 0 else math.inf


def _ends(market: Market) -> dict[str, str]:
    """The last instant of the prices and of each feed, by path."""
    ends = {feed.path: str(feed.known_at[-1]) for feed in market.feeds if len(feed)}
    priced = np.flatnonzero(np.isfinite(market.prices.close).any(axis=1))
    if len(priced):
        ends["prices"] = str(market.calendar.closes[priced[-1]])
    return ends


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if not path.stat().st_size:
            return False
        file.seek(-1, 2)
        return file.read(1) in (b"\n", b"\r")
