"""Rules: their parts as records, their evaluation, and rule files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.strategies.rules.evaluate import decide_rules, evaluate_rules, ladder_of, read_condition
    from undertow.strategies.rules.file import RuleFile, as_toml, load_rule, parts_of, presets, read_rule, rule_text
    from undertow.strategies.rules.numbers import RuleNumbers, numbers_of, rule_numbers
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
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "evaluate": (
                "decide_rules",
                "evaluate_rules",
                "ladder_of",
                "read_condition",
            ),
            "file": (
                "RuleFile",
                "as_toml",
                "load_rule",
                "parts_of",
                "presets",
                "read_rule",
                "rule_text",
            ),
            "numbers": (
                "RuleNumbers",
                "numbers_of",
                "rule_numbers",
            ),
            "parts": (
                "ALARM",
                "AllClear",
                "Condition",
                "Destination",
                "Gate",
                "Part",
                "Reentry",
                "Tier",
                "Timing",
                "Trigger",
                "WATCH",
            ),
            "rule": ("Rule",),
            "settings": (
                "COSTS",
                "SETTINGS",
            ),
            "sources": (
                "SOURCES",
                "Source",
                "selling_orders",
            ),
            "strategy": (
                "FreeRule",
                "RuleStrategy",
            ),
            "tier_machine": (
                "EVENTS",
                "Ladder",
                "TierPath",
                "walk_tiers",
                "walk_tiers_np",
            ),
            "tier_state": (
                "Machine",
                "Observation",
                "States",
                "TierState",
            ),
        },
    )

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
    "RuleNumbers",
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
    "numbers_of",
    "parts_of",
    "presets",
    "read_condition",
    "read_rule",
    "rule_numbers",
    "rule_text",
    "selling_orders",
    "walk_tiers",
    "walk_tiers_np",
]
