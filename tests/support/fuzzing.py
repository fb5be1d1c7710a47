"""Cases of damaged files and odd options, run through the command line in this process and judged."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from support.mutations import Draws, pick, spoil_file
from support.tiny import write_tiny
from undertow import cli

SECONDS = 10
# The tiers and errors that a command may end with.
CODES = {0, 2, 10, 20, 30, 40}
LONGEST_LINE, MOST_TEXT = 5_000, 200_000
WALK = ("--train", "6", "--test", "3", "--purge", "2", "--trials", "3", "--objective", "total-return")
# A tiny market has too few sessions for figures of a year.
SEARCH = ("--trials", "4", "--sobol", "2", "--batch", "2", "--objective", "total-return")


class Hang(BaseException):
    """A case that ran too long: no error that the code under test may catch."""


@dataclass
class Tally:
    """Counts of a fuzzing run: cases, exit codes and faults by kind, and seconds."""

    codes: dict[str, dict[int, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def text(self) -> str:
        lines = [
            f"{kind:8s} {sum(codes.values()):5d} cases, by exit code {dict(sorted(codes.items()))}"
            for kind, codes in self.codes.items()
        ]
        return "\n".join([*lines, f"{len(self.faults)} faults in {self.seconds:.1f} s of CPU"])


@dataclass(frozen=True)
class Bed:
    """Valid artefacts that cases damage copies of: a market, a run, a journal, a database, a ledger, a rule.

    Args:
        root: folder of the artefacts.
    """

    root: Path

    @classmethod
    def make(cls, root: Path) -> Bed:
        bed = cls(root)
        write_tiny(root / "market")
        market = ("--market", root / "market", "--ledger", root / "ledger")
        rule = run("rule", "liquidity-drain", "--parts", limited=False)
        (root / "rule.toml").write_text(rule.out, encoding="utf-8")
        drawdown = ("--strategy", "drawdown-de-risk")
        for argv in (
            ("backtest", *market, "--rule", root / "rule.toml", "--out", root / "run"),
            ("today", "--market", root / "market"),
            ("optimize", *market, *drawdown, *SEARCH, "--storage", f"journal:{root / 'study.log'}"),
            ("optimize", *market, *drawdown, *SEARCH, "--storage", f"sqlite:///{root / 'study.db'}"),
            # What follows makes compiled code, which takes as long as a hang on a new machine.
            ("sweep", *market, *drawdown, "--random", "2", "--jobs", "1", "--by", "total-return"),
            ("walk-forward", *market, *drawdown, *WALK),
            ("signals", "plot", "--market", root / "market", "--signal", "drawdown", "--html", root / "page.html"),
        ):
            outcome = run(*argv, limited=False)
            assert outcome.code in CODES - {2}, outcome.err + outcome.defect
        shutil.rmtree(root / "plain", ignore_errors=True)
        shutil.copytree(root / "run", root / "plain")
        return bed

    def copy(self, name: str, target: Path) -> Path:
        source = self.root / name
        return Path(shutil.copytree(source, target / name) if source.is_dir() else shutil.copy(source, target / name))


@dataclass(frozen=True)
class Ending:
    """How a command ended: exit code, what it printed, and the traceback of a defect."""

    code: int
    out: str
    err: str
    defect: str = ""


def run(*argv: str | Path, limited: bool = True) -> Ending:
    """Run a command line in this process; where `limited`, about `SECONDS` long at most."""
    alarm = _alarm() if limited else contextlib.nullcontext()
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["undertow", *map(str, argv)]
    code, defect = -1, ""
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), alarm:
            cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Hang:
        defect = f"ran longer than {SECONDS} s, the first time of compiled code aside"
    except BaseException:  # noqa: BLE001 - the traceback is the fault
        defect = traceback.format_exc()
    finally:
        sys.argv = before
    return Ending(code, out.getvalue(), err.getvalue(), defect)


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    """Raise `Hang` after so many seconds of work, or long waiting: a busy machine is no fault."""

    def stop(*_: object) -> None:
        raise Hang

    # Compiled code is made once: the first case that needs it works longer.
    timers = ((signal.SIGPROF, signal.ITIMER_PROF, 3 * SECONDS), (signal.SIGALRM, signal.ITIMER_REAL, 9 * SECONDS))
    before = {number: signal.getsignal(number) for number in (signal.SIGPROF, signal.SIGALRM)}
    terminate = signal.getsignal(signal.SIGTERM)
    for number, timer, seconds in timers:
        signal.signal(number, stop)
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for _, timer, _ in timers:
            signal.setitimer(timer, 0.0)
        for number, handler in before.items():
            # A late alarm must not end the process.
            signal.signal(number, signal.SIG_IGN if handler is signal.SIG_DFL else handler)
        signal.signal(signal.SIGTERM, terminate)


def judge(ending: Ending, folder: Path, target: Path | None) -> str:
    """What is wrong with the end of a case; "" where nothing is."""
    text = ending.out + ending.err
    if ending.defect:
        return ending.defect
    if ending.code not in CODES:
        return f"exit code {ending.code}: {text[-300:]!r}"
    if "Traceback" in text:
        return text[-2000:]
    if ending.code == 2 and not ending.err.startswith(("error: ", "no value: ")):
        return f"exit code 2 without an error: {text[-300:]!r}"
    odd = sorted({char for char in text if not char.isprintable() and char not in "\n"})
    if odd:
        return f"control characters were printed: {odd!r} in {text[:300]!r}"
    if len(text) > MOST_TEXT or max(map(len, text.splitlines()), default=0) > LONGEST_LINE:
        return f"{len(text)} characters were printed"
    drafts = [str(path) for path in folder.rglob(".undertow-draft-*")]
    if drafts:
        return f"drafts are left: {drafts}"
    if target is not None and ending.code == 2 and target.exists():
        return f"partial output: {target}"
    return ""


def case(kind: str, number: int, seed: int, bed: Bed, folder: Path) -> tuple[Ending, str]:
    """Make and run one case in an empty folder: its end, and what is wrong with it."""
    draws = np.random.default_rng([seed, sorted(KINDS).index(kind), number])
    argv, target = KINDS[kind](draws, bed, folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        ending = run(*argv)
    finally:
        os.chdir(before)
    fault = judge(ending, folder, target)
    words = " ".join(word if len(word) < 80 else f"{word[:80]}..." for word in map(str, argv))
    return ending, f"{words!r}\n{fault}" if fault else ""


def fuzz(kinds: dict[str, int], seed: int, bed: Bed, folder: Path, first: int = 0) -> Tally:
    """Run so many cases of each kind, each in its own folder, and count."""
    tally, started = Tally(), time.process_time()
    for kind, count in kinds.items():
        codes = tally.codes.setdefault(kind, {})
        for number in range(first, first + count):
            (folder / "case").mkdir()
            ending, fault = case(kind, number, seed, bed, folder / "case")
            codes[ending.code] = codes.get(ending.code, 0) + 1
            if fault:
                tally.faults.append(f"UNDERTOW_FUZZ={kind}:{number} (seed {seed}): {fault}")
            shutil.rmtree(folder / "case")
    tally.seconds = time.process_time() - started
    return tally


Argv = tuple[str | Path, ...]
Case = tuple[Argv, Path | None]


def _files(folder: Path, *endings: str) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in endings and path.is_file())


def _spoil_some(files: list[Path], draws: Draws) -> None:
    for _ in range(1 + int(draws.random() < 0.2)):
        file = pick(draws, files)
        if file.is_file() and not file.is_symlink():
            spoil_file(file, draws)


def market_case(draws: Draws, bed: Bed, folder: Path) -> Case:
    market = bed.copy("market", folder)
    # The manifest as often as all tables together.
    files = [market / "market.toml"] if draws.random() < 0.5 else _files(market, ".csv")
    _spoil_some(files, draws)
    out = folder / "run"
    commands: tuple[Argv, ...] = (
        ("market", "check", market),
        ("market", "check", market, "--json"),
        ("list", "universes", "--market", market),
        ("today", "--market", market),
        ("backtest", "--market", market, "--strategy", "buy-and-hold", "--ledger", folder / "ledger", "--html", out),
    )
    argv = pick(draws, commands)
    if "--html" in argv:
        out = folder / "page.html"
        argv = (*argv[:-1], out)
    return argv, out


def rule_case(draws: Draws, bed: Bed, folder: Path) -> Case:
    rule = bed.copy("rule.toml", folder)
    spoil_file(rule, draws)
    if draws.random() < 0.7:
        return ("rule", rule, "--parts", "--out", folder / "parts.toml"), folder / "parts.toml"
    market = ("--market", bed.root / "market")
    if draws.random() < 0.5:
        return ("today", *market, "--rule", rule, "--json"), None
    return ("backtest", *market, "--rule", rule, "--ledger", folder / "ledger", "--json"), None


def run_case(draws: Draws, bed: Bed, folder: Path) -> Case:
    damaged = bed.copy("run", folder)
    _spoil_some(_files(damaged, ".json", ".parquet"), draws)
    page = folder / "page.html"
    return ("compare", damaged, bed.root / "plain", "--html", page), page


def journal_case(draws: Draws, bed: Bed, folder: Path) -> Case:
    study = bed.copy("study.log", folder)
    spoil_file(study, draws)
    market = ("--market", bed.root / "market", "--ledger", folder / "ledger")
    page = folder / "page.html"
    shown: Argv = ("--html", page) if draws.random() < 0.1 else ("--json",)
    return (
        "optimize",
        *market,
        "--strategy",
        "drawdown-de-risk",
        *SEARCH,
        "--storage",
        f"journal:{study}",
        *shown,
    ), page


def database_case(draws: Draws, bed: Bed, folder: Path) -> Case:
    study = bed.copy("study.db", folder)
    spoil_file(study, draws)
    market = ("--market", bed.root / "market", "--ledger", folder / "ledger")
    return ("optimize", *market, "--strategy", "drawdown-de-risk", *SEARCH, "--storage", f"sqlite:///{study}"), None


def ledger_case(draws: Draws, bed: Bed, folder: Path) -> Case:
    ledger = bed.copy("ledger", folder)
    spoil_file(_files(ledger, ".jsonl")[0], draws)
    market = ("--market", bed.root / "market", "--ledger", ledger)
    if draws.random() < 0.5:
        return ("list", "trials", *market), None
    return ("backtest", *market, "--strategy", "buy-and-hold", "--json"), None


MILD_OPTIONS = (
    "1",
    "2",
    "0.5",
    "2024-11-20",
    "growth",
    "open",
    "close",
    "equal",
    "monthly",
    "fifo",
    "lag=24",
    "cash=0.3",
)
NASTY_OPTIONS = (
    *("", " ", "nan", "inf", "-inf", "1e999", "1e300", "-1", "0", "1", "3", "0.5", "1e-320", "9" * 5000, "10000000000"),
    *(
        "99999-01-01",
        "0001-01-01",
        "0000-00-00",
        "2020-02-30",
        "2024-11-20",
        "2024-11-20T15:00Z",
        "2024-11-20T15:00+99:99",
    ),
    *(
        "\x1b[31m",
        "a\0b",
        "x\ny",
        "..",
        "/",
        "/dev/null",
        "/dev/full",
        "/proc/self/mem",
        "ä" * 300,
        "x" * 100_000,
        "a:b",
    ),
    *(
        "os:system",
        ":",
        "::",
        "=",
        "lag=",
        "lag=1e999",
        "lag=nan",
        "lag=" + "9" * 5000,
        "lag=-1",
        "window=24",
        "cash=0.3",
    ),
    *(
        "lag=0:96",
        "lag=1:nan",
        "lag=0:96:0",
        "lag=0:96:1e-9",
        "lag=1,2,,3",
        "2024-08-04T15:00[Mars/Olympus]",
        "now",
        "[",
        "{}",
    ),
    *(
        "growth",
        "growth | top 2 by beta",
        "growth | top 99999999999 by beta",
        "growth | top 2 by \x1b",
        "|",
        "sharpe",
        "calmar",
    ),
    *(
        "annual_turnover<=6",
        "annual_turnover<=1e999",
        "sharpe:buy-and-hold",
        "500MB",
        "1e99GB",
        "-1MB",
        "journal:",
        "journal:/",
    ),
    *(
        "sqlite:///",
        "sqlite:////dev/null",
        "sqlite:///:memory:",
        "postgresql://",
        "mysql://x",
        "redis://",
        "None",
        "True",
        "-",
    ),
)
_SETTINGS = ("--universe", "--start", "--end", "--fill", "--fee-bps", "--slippage-bps", "--haircut-bps", "--borrow-bps")
_ACCOUNT = (*_SETTINGS, "--tax-rate", "--lots", "--weighting", "--rebalance", "--capital", "--seed", "--market")
_SPACE = ("--set", "--narrow")
_OPTIONS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("backtest", "--strategy", "drawdown-de-risk"): (*_ACCOUNT, "--set", "--rule", "--strategy", "--ledger"),
    ("today",): ("--asof", "--universe", "--fill", "--seed", "--rule", "--strategy", "--set", "--market"),
    ("sweep", "--strategy", "drawdown-de-risk", "--jobs", "1"): (
        *(*_ACCOUNT, *_SPACE, "--grid", "--random", "--sobol", "--by", "--top", "--memory", "--strategy"),
    ),
    ("optimize", "--strategy", "drawdown-de-risk", *SEARCH, "--jobs", "1"): (
        *(
            *_ACCOUNT,
            *_SPACE,
            "--objective",
            "--constraint",
            "--max-failed",
            "--sobol",
            "--batch",
            "--study",
            "--storage",
        ),
    ),
    ("walk-forward", "--strategy", "drawdown-de-risk", *WALK): (
        *(*_ACCOUNT, *_SPACE, "--train", "--test", "--purge", "--embargo", "--gate", "--tuner", "--cpcv", "--storage"),
    ),
    ("signals", "plot", "--signal", "drawdown"): (
        "--set",
        "--output",
        "--asset",
        "--universe",
        "--start",
        "--end",
        "--signal",
    ),
    ("list", "universes"): ("--universe", "--market"),
    ("list", "trials"): ("--ledger", "--market"),
    ("market", "simulate", "--years", "0.6"): ("--years", "--effect", "--lag-hours", "--at-the-open"),
    ("rule", "swing"): ("--out",),
    ("compare",): (),
}
_PAGES = ("backtest", "today", "signals")


def options_case(draws: Draws, bed: Bed, folder: Path) -> Case:
    command = pick(draws, list(_OPTIONS))
    argv: list[str | Path] = list(command)
    target: Path | None = None
    if command[0] in ("backtest", "today", "sweep", "optimize", "walk-forward", "signals") or command[:2] == (
        "list",
        "trials",
    ):
        argv += ["--market", bed.root / "market"]
    if command[0] in ("backtest", "sweep", "optimize", "walk-forward"):
        argv += ["--ledger", folder / "ledger"]
    if command[0] in _PAGES:
        target = folder / "page.html"
        argv += ["--html", target]
    if command[:2] == ("market", "simulate"):
        target = folder / "simulated"
        argv += ["--out", target]
    for _ in range(int(draws.integers(1, 3))):
        value = pick(draws, NASTY_OPTIONS if draws.random() < 0.5 else MILD_OPTIONS)
        options = _OPTIONS[command]
        argv += [pick(draws, options), value] if options else [value]
    return tuple(argv), target


KINDS: dict[str, Callable[[Draws, Bed, Path], Case]] = {
    "market": market_case,
    "rule": rule_case,
    "run": run_case,
    "journal": journal_case,
    "database": database_case,
    "ledger": ledger_case,
    "options": options_case,
}
SHARES: dict[str, Any] = {
    "market": 0.2,
    "rule": 0.2,
    "run": 0.2,
    "journal": 0.12,
    "database": 0.04,
    "ledger": 0.08,
    "options": 0.16,
}


def counts_of(total: int) -> dict[str, int]:
    """The number of cases of each kind."""
    return {kind: max(1, round(share * total)) for kind, share in SHARES.items()}
