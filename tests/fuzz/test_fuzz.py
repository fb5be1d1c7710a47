"""Damaged files and odd options end in a named error: no traceback, no hang, no partial output.

Three hundred cases here, `make fuzz` runs five thousand. A fault names its case: `UNDERTOW_FUZZ=run:17` runs it alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.fuzzing import KINDS, Bed, counts_of, fuzz

CASES = int(os.environ.get("UNDERTOW_FUZZ_CASES", "300"))
SEED = int(os.environ.get("UNDERTOW_FUZZ_SEED", "17"))


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Bed:
    return Bed.make(tmp_path_factory.mktemp("bed"))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", KINDS)
def test_damage_ends_in_a_named_error(kind: str, bed: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only, first = os.environ.get("UNDERTOW_FUZZ", "").partition(":")[::2]
    if only and only != kind:
        pytest.skip(f"only {only}:{first} is run")
    counts = {kind: 1 if only else counts_of(CASES)[kind]}
    tally = fuzz(counts, SEED, bed, tmp_path, int(first or 0))
    with capsys.disabled():
        print(f"\n{tally.text()}")
    assert not tally.faults, "\n\n".join(tally.faults[:20])
