"""The position of a search among all trials ever made on its market."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrialCount:
    """Trials on a market, counted around one search.

    Args:
        before: trials made before the first of the search.
        own: trials of the search.
        total: all trials on the market.
        interleaved: trials of other searches between the first and the last of this one.
        other_data: trials on a market of the same name with other data, such as the folder before it was extended.
    """

    before: int
    own: int
    total: int
    interleaved: int = 0
    other_data: int = 0

    def sentence(self, subject: str = "This is") -> str:
        """The count as text.

        `This is trial 2,001 to 2,400 on this data, of 2,400 ever made.`, or one number for one trial.
        """
        last = self.before + self.own + self.interleaved
        span = f"{last:,}" if self.own == 1 else f"{self.before + 1:,} to {last:,}"
        interleaved = f" ({self.interleaved:,} between them are of other searches)" if self.interleaved else ""
        other_data = f"; {self.other_data:,} more while this market had other data" if self.other_data else ""
        return f"{subject} trial {span} on this data{interleaved}, of {self.total:,} ever made{other_data}."
