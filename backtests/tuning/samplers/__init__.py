"""Samplers: who proposes the sets of a search, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.backtests.tuning.samplers.names import SAMPLERS, check_sampler, default_batch, default_sampler
    from undertow.backtests.tuning.samplers.proposals import BatchSchedule, Proposal, SearchProblem
    from undertow.backtests.tuning.samplers.proposer import Proposer
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "names": (
                "SAMPLERS",
                "check_sampler",
                "default_batch",
                "default_sampler",
            ),
            "proposals": (
                "BatchSchedule",
                "Proposal",
                "SearchProblem",
            ),
            "proposer": ("Proposer",),
        },
    )

__all__ = [
    "SAMPLERS",
    "BatchSchedule",
    "Proposal",
    "Proposer",
    "SearchProblem",
    "check_sampler",
    "default_batch",
    "default_sampler",
]
