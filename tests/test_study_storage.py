"""Optuna is quiet as long as any thread asks for it, and as it was before once none does."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import optuna

from undertow.backtests.study_storage import quiet_optuna


def ignored() -> bool:
    return any(
        action == "ignore" and kind is optuna.exceptions.ExperimentalWarning for action, _, kind, *_ in filters()
    )


def filters() -> list[Any]:
    return list(warnings.filters)


def test_the_last_thread_to_leave_puts_everything_back() -> None:
    level, before = optuna.logging.get_verbosity(), filters()
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))
    seen: list[bool] = []

    def first() -> None:
        with quiet_optuna():
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    def second() -> None:
        first_is_in.wait(10)
        with quiet_optuna():
            second_is_in.set()
            first_is_out.wait(10)
            seen.append(ignored() and optuna.logging.get_verbosity() == optuna.logging.WARNING)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert seen == [True]
    assert (optuna.logging.get_verbosity(), filters()) == (level, before)
