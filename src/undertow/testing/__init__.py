"""Contract suites for plug-ins: subclass, supply one fixture, inherit the checks.

    from undertow.testing import SignalContract, StrategyContract

    class TestMySignal(SignalContract):
        @pytest.fixture
        def signal(self):
            return MySignal

    class TestMyStrategy(StrategyContract):
        @pytest.fixture
        def strategy(self):
            return MyStrategy

The same suites hold every signal and strategy of Undertow. A failure names what is broken. The classes need pytest,
which nothing else in the package imports; the checks themselves are functions without pytest in
`undertow.testing.signals` and `undertow.testing.strategies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.testing.audits import Audit, AuditCheck, audit
    from undertow.testing.contracts import SignalContract, StrategyContract
    from undertow.testing.inputs import sample_inputs
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "audits": ("Audit", "AuditCheck", "audit"),
            "contracts": ("SignalContract", "StrategyContract"),
            "inputs": ("sample_inputs",),
        },
    )

__all__ = ["Audit", "AuditCheck", "SignalContract", "StrategyContract", "audit", "sample_inputs"]
