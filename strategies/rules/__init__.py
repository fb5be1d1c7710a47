"""Rules: their parts as records, their evaluation, and rule files."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.strategies.rules.evaluate import decide_rules, evaluate_rules, ladder_of, read_condition
    from undertow.strategies.rules.file import RuleFile, as_toml, parts_of, presets, read_rule, rule_text
    from undertow.strategies.rules.parts import (
        ALARM,
        WATCH,
        AllClear,
        Condition,
        Destination,
        Gate,
        Part,
        Reentry,
        Tier,
        Timing,
        Trigger,
    )
    from undertow.strategies.rules.rule import Rule
    from undertow.strategies.rules.settings import COSTS, SETTINGS
    from undertow.strategies.rules.sources import SOURCES, Source, selling_orders
    from undertow.strategies.rules.strategy import FreeRule, RuleStrategy
    from undertow.strategies.rules.tier_machine import EVENTS, Ladder, TierPath, walk_tiers, walk_tiers_np
    from undertow.strategies.rules.tier_state import Machine, Observation, States, TierState

_HOME = {
    "ALARM": "parts",
    "AllClear": "parts",
    "COSTS": "settings",
    "Condition": "parts",
    "Destination": "parts",
    "EVENTS": "tier_machine",
    "FreeRule": "strategy",
    "Gate": "parts",
    "Ladder": "tier_machine",
    "Machine": "tier_state",
    "Observation": "tier_state",
    "Part": "parts",
    "Reentry": "parts",
    "Rule": "rule",
    "RuleFile": "file",
    "RuleStrategy": "strategy",
    "SETTINGS": "settings",
    "SOURCES": "sources",
    "Source": "sources",
    "States": "tier_state",
    "Tier": "parts",
    "TierPath": "tier_machine",
    "TierState": "tier_state",
    "Timing": "parts",
    "Trigger": "parts",
    "WATCH": "parts",
    "as_toml": "file",
    "decide_rules": "evaluate",
    "evaluate_rules": "evaluate",
    "ladder_of": "evaluate",
    "load_rule": "file",
    "parts_of": "file",
    "presets": "file",
    "read_condition": "evaluate",
    "read_rule": "file",
    "rule_text": "file",
    "selling_orders": "sources",
    "walk_tiers": "tier_machine",
    "walk_tiers_np": "tier_machine",
}

__all__ = [
    "ALARM",
    "COSTS",
    "EVENTS",
    "SETTINGS",
    "SOURCES",
    "WATCH",
    "AllClear",
    "Condition",
    "Destination",
    "FreeRule",
    "Gate",
    "Ladder",
    "Machine",
    "Observation",
    "Part",
    "Reentry",
    "Rule",
    "RuleFile",
    "RuleStrategy",
    "Source",
    "States",
    "Tier",
    "TierPath",
    "TierState",
    "Timing",
    "Trigger",
    "as_toml",
    "decide_rules",
    "evaluate_rules",
    "ladder_of",
    "load_rule",
    "parts_of",
    "presets",
    "read_condition",
    "read_rule",
    "rule_text",
    "selling_orders",
    "walk_tiers",
    "walk_tiers_np",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
