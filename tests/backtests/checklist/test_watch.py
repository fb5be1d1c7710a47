"""One alert a change, however often the watch ends and whatever half of a file it meets."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.commands import Call
from support.paths import PROJECT
from support.tiny import BTC, LIQUIDATIONS, PRICES, Folder
from support.watched import EVERY, PHASES, RULE, append, begin, prices, rows
from undertow.backtests.checklist.watch import (
    CommandChannel,
    FileChannel,
    WatchCheck,
    Webhook,
    open_state,
    read_every,
    stopped_feeds,
    watch,
)
from undertow.backtests.checklist.watch.state import WatchState
from undertow.market import DataError, ParameterError
from undertow.strategies import VolTarget


@pytest.fixture
def grown(tmp_path: Path) -> Folder:
    return begin(tmp_path / "tiny")


def checked(folder: Folder, **settings: Any) -> WatchCheck:
    """One check of a new process."""
    (check,) = watch(RULE, folder.path, every=EVERY, state=folder.path.parent / "state.json", checks=1, **settings)
    return check


def sequences(alerts: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The states that each subject of the alerts had, in order."""
    out: dict[str, list[str]] = {}
    for alert in alerts:
        for change in alert["changes"]:
            out.setdefault(f"{change['what']} {change['name']}", []).append(change["after"])
    return out


def read_alerts(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_killed_watch_sends_every_change_once(tmp_path: Path) -> None:
    """A second process is killed again and again while the folder grows, row by row and half row by half row."""
    paths = os.pathsep.join((str(PROJECT / "src"), str(PROJECT / "tests")))
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROJECT / "tests" / "support" / "watched.py"), str(tmp_path), "8", "3"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    *lines, kills = ended.stdout.splitlines()
    alerts = [json.loads(line) for line in lines]
    assert kills == "8 kills"
    assert [alert["number"] for alert in alerts] == list(range(1, len(alerts) + 1))
    states = sequences(alerts)
    # By hand: flat at 90,000; 80,000 is a fall of 11 %; 89,000 one of 1 %; 79,000 one of 11 % again, which leaves the
    # window of 24 hours before 2024-11-29. Liquidations were last known on the 26th at 00:10 and last three days.
    assert states["tier drawdown-de-risk"] == ["calm", "cash", "calm", "cash", "calm"]
    assert states["alarm BTC drawdown"][:3] == ["alarm", "ok", "alarm"]
    assert states["feed liquidations/BTC_1d.csv"] == ["stopped"]
    assert set(states) == {"tier drawdown-de-risk", "alarm BTC drawdown", "feed liquidations/BTC_1d.csv"}


class KilledError(Exception):
    """In the place of a kill."""


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("step", range(5))
def test_an_end_at_any_step_loses_and_repeats_nothing(
    grown: Folder, monkeypatch: pytest.MonkeyPatch, step: int, before: bool
) -> None:
    """The watch ends before or after each writing of its state; a receiver that remembers numbers sees each once."""
    file = grown.path.parent / "alerts.jsonl"
    save, calls = WatchState.save, iter(range(100))

    def dying(state: WatchState) -> None:
        number = next(calls)
        if number == step and before:
            raise KilledError
        save(state)
        if number == step:
            raise KilledError

    seen: list[dict[str, Any]] = []
    settings: dict[str, Any] = {"every": EVERY, "state": file.with_name("state.json"), "checks": 1}
    monkeypatch.setattr(WatchState, "save", dying)
    for phase in (None, 0, 1):
        if phase is not None:
            append(grown, BTC, rows(phase))
        for _ in range(2):
            with suppress(KilledError):
                for check in watch(RULE, grown.path, channels=(FileChannel(file),), **settings):
                    seen += check.alerts
    assert [alert["number"] for alert in read_alerts(file)] == [1, 2, 3]
    assert sequences(read_alerts(file))["tier drawdown-de-risk"] == ["calm", "cash", "calm"]
    # Whoever reads the checks may see the one again whose receipt was not recorded, under its number.
    assert sorted({alert["number"] for alert in seen}) == [1, 2, 3]
    assert len(seen) <= 4


def test_the_next_fill_is_stated_between_sessions(grown: Folder) -> None:
    assert checked(grown).tier == "calm"
    append(grown, BTC, rows(0))
    (alert,) = checked(grown).alerts
    # Four in the morning of 2024-11-26: the orders of the open that comes.
    assert (alert["asof"], alert["checklist"]["session"]) == ("2024-11-26T04:00Z", "2024-11-26")
    assert alert["checklist"]["filled_at"] == "2024-11-26T14:30Z"
    assert (alert["checklist"]["before"], alert["checklist"]["exposure"]) == (1.0, 0.5)
    assert "at the fill of 2024-11-26T14:30Z: tier cash, reduce, stocks 100% -> 50%" in alert["text"]
    assert "tier calm -> cash; alarm BTC drawdown: alarm (-11.12%)" in alert["text"]
    assert not checked(grown).alerts


def test_half_of_a_row_is_never_read(grown: Folder) -> None:
    # A price of 9,000 in the place of 90,000 would be an alarm.
    assert checked(grown).tier == "calm"
    with (grown.path / BTC).open("a", encoding="utf-8") as stream:
        stream.write("2024-11-26T00:00:00Z,9000,9001,8999,9000")
    check = checked(grown)
    assert (check.tier, check.alerts) == ("", ())
    assert check.remarks
    with (grown.path / BTC).open("a", encoding="utf-8") as stream:
        stream.write(",1")
    (remark,) = checked(grown).remarks
    assert "has no line end behind its last row; it may be half written" in remark
    # A whole interval later the file is as it was: it ends so.
    time.sleep(0.15)
    assert checked(grown).tier == "cash"


def test_a_file_that_is_written_anew_waits(grown: Folder) -> None:
    assert checked(grown).tier == "calm"
    lines = grown.lines(BTC)
    grown.write(BTC, lines[:-5])
    (remark,) = checked(grown).remarks
    assert "crypto/BTC.csv ends at 2024-11-25T19" in remark
    grown.write(BTC, lines)
    assert not checked(grown).remarks
    (grown.path / BTC).write_bytes(b"")
    assert checked(grown).tier == ""
    grown.write(BTC, lines)
    check = checked(grown)
    assert (check.tier, check.alerts, check.remarks) == ("calm", (), ())


def test_a_feed_that_stops_is_named_and_named_again_when_it_runs(grown: Folder) -> None:
    for phase in range(3):
        append(grown, BTC, rows(phase))
    checked(grown)
    append(grown, PRICES, [*prices("2024-11-26"), *prices("2024-11-27")])
    append(grown, BTC, rows(3))
    states = sequences(list(checked(grown).alerts))
    assert states["feed liquidations/BTC_1d.csv"] == ["stopped"]
    append(grown, LIQUIDATIONS, [f"2024-11-{day}T00:00:00Z,1000,500,one" for day in (26, 27, 28)])
    states = sequences(list(checked(grown).alerts))
    assert states["feed liquidations/BTC_1d.csv"] == ["running again"]


def test_a_feed_stops_where_its_tolerance_ends(grown: Folder) -> None:
    market = grown.load()
    # Liquidations of the 25th were known at 00:10 on the 26th; a daily feed may be three days old.
    late = np.datetime64("2024-11-29T00:10", "ns")
    bars, feed = "crypto/BTC.csv", "liquidations/BTC_1d.csv"
    assert feed not in stopped_feeds(market, late)
    stopped = stopped_feeds(market, late + np.timedelta64(1, "m"))
    assert stopped[feed] == "2024-11-26T00:10Z"
    assert stopped[bars] == "2024-11-26T00:00Z"
    # The session of the 26th closes at 21:00; its prices are late a day after that.
    assert "prices" not in stopped_feeds(market, np.datetime64("2024-11-27T20:59", "ns"))
    assert stopped_feeds(market, np.datetime64("2024-11-27T21:00", "ns"))["prices"] == "2024-11-25T21:00Z"


def test_a_folder_that_stands_still_stops(grown: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [name for name in sequences(list(checked(grown).alerts)) if name.startswith("feed")]
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 24 * 3600.0)
    states = sequences(list(checked(grown).alerts))
    assert states == {"feed crypto/BTC.csv": ["stopped"]}
    assert not checked(grown).alerts


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Any], list[int]]]:
    """An address of this machine, what it has received, and the answers that it will give first."""
    received: list[Any] = []
    answers: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = answers.pop(0) if answers else 204
            if answer == 204:
                received.append((self.headers["Content-Type"], content))
            self.send_response(answer)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on standard error."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with closing(server.socket):
        yield f"http://127.0.0.1:{server.server_port}/alerts", received, answers
        server.shutdown()
        thread.join()


def test_a_webhook_that_fails_gets_the_alert_later(grown: Folder, receiver: tuple[str, list[Any], list[int]]) -> None:
    address, received, answers = receiver
    # A redirection would lose the body: it is a failure as any other.
    answers += [503, 302]
    channels = (Webhook(address),)
    (remark,) = checked(grown, channels=channels).remarks
    assert "alert 1 was not sent: webhook: HTTP Error 503" in remark
    append(grown, BTC, rows(0))
    (remark,) = checked(grown, channels=channels).remarks
    assert "alert 1 was not sent" in remark
    check = checked(grown, channels=channels)
    assert (check.remarks, check.alerts) == ((), ())
    assert [(kind, content["number"]) for kind, content in received] == [
        ("application/json", 1),
        ("application/json", 2),
    ]
    assert received[1][1]["checklist"]["tier"] == "cash"
    assert not checked(grown, channels=channels).alerts
    assert len(received) == 2


def test_a_command_reads_the_alert(grown: Folder, tmp_path: Path) -> None:
    target = tmp_path / "mail.txt"
    script = f"import os, sys; open({str(target)!r}, 'a').write(os.environ['UNDERTOW_ALERT'][:40] + sys.stdin.read())"
    command = CommandChannel(f'{sys.executable} -c "{script}"')
    assert not checked(grown, channels=(command,)).remarks
    text = target.read_text(encoding="utf-8")
    assert text.startswith("2024-11-26T00:10Z drawdown-de-risk on gr")
    assert json.loads(text[40:])["number"] == 1
    failing = CommandChannel(f"{sys.executable} -c \"import sys; sys.exit('no mail')\"")
    with pytest.raises(DataError, match="exit code 1: no mail"):
        failing.send({"text": "", "number": 1, "watch": ""})
    with pytest.raises(DataError, match="no-such-program"):
        CommandChannel("no-such-program").send({"text": "", "number": 1, "watch": ""})


def test_an_alert_of_a_channel_that_is_gone_is_dropped_with_a_remark(grown: Folder) -> None:
    gone = CommandChannel("no-such-program")
    assert len(checked(grown, channels=(gone,)).remarks) == 1
    (remark,) = checked(grown).remarks
    assert remark == "alerts that were not sent yet are dropped: command no-such-program is no longer a channel"
    assert not checked(grown).remarks


def test_refusals(grown: Folder, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="`vol-target` is not rule-based"):
        watch(VolTarget(), grown.path)
    with pytest.raises(DataError, match=r"has no market\.toml"):
        watch(RULE, tmp_path / "nowhere")
    for text in ("15", "0s", "m", "8d", "-1m", "1e3s"):
        with pytest.raises(ParameterError, match="`every` must be a time such as 30s, 15m or 1h"):
            read_every(text)
    assert [read_every(text) for text in ("15m", "15min", "1.5h", "30s", "1d")] == [900, 900, 5400, 30, 86400]
    for address in ("ftp://somewhere/x", "somewhere", "http://", "file:///etc/passwd", "http://a b"):
        with pytest.raises(ParameterError, match="`webhook` must be an address with http or https"):
            Webhook(address)
    for command in ("", "mail 'open"):
        with pytest.raises(ParameterError, match="`command`"):
            CommandChannel(command)
    with pytest.raises(ParameterError, match=r"`file` .* is a folder"):
        FileChannel(tmp_path)


def test_a_state_is_of_one_watch_and_one_process(grown: Folder, tmp_path: Path) -> None:
    checked(grown)
    other = watch(RULE, grown.path, every=EVERY, state=tmp_path / "state.json", checks=1, fill="close")
    with pytest.raises(ParameterError, match="is that of another watch, drawdown-de-risk on growth"):
        next(other)
    with (
        open_state(tmp_path / "free.json", "one"),
        pytest.raises(ParameterError, match="in use by another watch"),
        open_state(tmp_path / "free.json", "one"),
    ):
        pass
    (tmp_path / "state.json").write_text('{"format": 1', encoding="utf-8")
    with pytest.raises(DataError, match="remove it to begin a new watch"):
        checked(grown)


def test_the_command_prints_alerts_and_ends_with_the_tier(
    call: Call, grown: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("watch", "--market", grown.path, "--strategy", "drawdown-de-risk", "--set", "window=24", "--set", "lag=0")
    words += ("--set", "threshold=-0.10", "--every", EVERY, "--once", "--file", tmp_path / "alerts.jsonl")
    code, out, err = call(*words)
    assert (code, err) == (0, "")
    assert out.startswith("alert 1: 2024-11-26T00:10Z drawdown-de-risk on growth: tier calm\n")
    append(grown, BTC, rows(0))
    code, out, err = call(*words, "--json")
    printed = json.loads(out)
    assert (code, err, printed["tier"], printed["exit_code"], printed["is_new"]) == (30, "", "cash", 30, True)
    (alert,) = printed["alerts"]
    assert read_alerts(tmp_path / "alerts.jsonl")[1] == alert
    code, out, err = call(*words)
    assert (code, out, err) == (30, "2024-11-26T04:00Z tier cash, as alerted before\n", "")
    assert len(list((tmp_path / "results" / "watch").glob("*.json"))) == 1
    (grown.path / BTC).write_bytes(b"")
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert err.startswith("waiting: ")
    assert "crypto/BTC.csv" in err
    code, out, err = call("watch", "--market", tmp_path / "nowhere", "--once")
    assert (code, out) == (2, "")
    assert "has no market.toml" in err
    assert PHASES[0][1] == 80_000
