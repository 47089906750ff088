"""``genlet demo``: the echo server, its clients and the report."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import List

import pytest

from genlet import Green
from genlet.cli import demo, echo
from genlet.cli.main import main
from genlet.green import socket as green
from genlet.kernel import available_hubs

from . import ROOT, environment, genlet

SMALL = ["demo", "--connections", "20", "--messages", "5"]


@pytest.mark.parametrize("hub", available_hubs())
def test_demo_on_every_hub_reports_what_it_did(
    hub: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report has a line for each measurement, and nothing is on stderr."""
    assert main([*SMALL, "--hub", hub]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    time = r"[0-9.]+ ms"
    wanted = [
        r"connections  20 at once",
        r"requests     100 of 64 bytes, every byte checked",
        r"rate         [0-9,]+ requests per second",
        rf"latency      p50 {time}   p90 {time}   p99 {time}   max {time}",
        r"memory       ",
        r"duration     [0-9.]+ s, of which [0-9.]+ s to connect",
        rf"hub          {hub}$",
        r"interpreter  (CPython|PyPy) [0-9.]+",
    ]
    lines = out.splitlines()
    assert len(lines) == len(wanted)
    for line, pattern in zip(lines, wanted):
        assert re.match(pattern, line)


def test_demo_message_longer_than_any_buffer_comes_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A message that does not fit into the buffers is sent while its echo is received."""
    size = ["--size", "3000000"]
    assert main(["demo", "--connections", "3", "--messages", "2", *size]) == 0
    assert "6 of 3,000,000 bytes" in capsys.readouterr().out


def corrupting(sock: green.socket) -> Green[None]:
    """Echo, with byte 3 of the third message wrong."""
    with sock:
        for count in range(100):
            data = bytearray((yield from sock.recv(65536)))
            if count == 2:
                data[3] ^= 1
            yield from sock.sendall(data)


def closing(sock: green.socket) -> Green[None]:
    """Echo the first message, and half of the second."""
    with sock:
        yield from sock.sendall((yield from sock.recv(65536)))
        yield from sock.sendall((yield from sock.recv(65536))[:32])


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (corrupting, "byte 3 of 64 came back as 0x"),
        (closing, "the connection ended after 32 of 64 bytes"),
    ],
)
def test_demo_byte_that_comes_back_wrong_ends_with_1(
    server: object,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The demo fails if the server does not send the same bytes back."""
    monkeypatch.setattr(echo, "echo", server)
    assert main(SMALL) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"genlet demo: failed: {message}")
    assert err.count("\n") == 1


def test_demo_messages_differ() -> None:
    """Messages differ, so bytes that reach the wrong greenthread are noticed."""
    plan = echo.Plan(100, 20, 64)
    messages = [plan.message(number, count) for number in range(100) for count in range(21)]
    assert {len(message) for message in messages} == {64}
    assert len(set(messages)) > 2000


@pytest.mark.parametrize(
    "words",
    [
        ["--connections", "0"],
        ["--connections", "-5"],
        ["--messages", "many"],
        ["--size", "1.5"],
        ["--hub", "epol"],
    ],
)
def test_demo_option_out_of_range_ends_with_2(
    words: List[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the option and the value."""
    with pytest.raises(SystemExit) as end:
        main(["demo", *words])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert words[0] in err
    assert words[1] in err


def test_demo_on_select_takes_as_many_connections_as_fit() -> None:
    """select takes only small descriptors: the default number is lowered, with a message."""
    done = genlet("demo", "--hub", "select", "--messages", "2")
    assert done.returncode == 0
    said = re.fullmatch(
        r"the hub 'select' has room for (\d+) connections: taking these\n", done.stderr
    )
    assert said is not None
    assert 400 < int(said[1]) < 512
    assert f"connections  {said[1]} at once" in done.stdout


def test_demo_on_select_with_more_connections_than_fit_ends_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A requested number is not lowered."""
    assert main(["demo", "--hub", "select", "--connections", "600"]) == 2
    assert "not for 600: ask for fewer, or for another hub" in capsys.readouterr().err


def limited(limit: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo under a limit on open descriptors."""
    return subprocess.run(
        ["sh", "-c", f'{limit}; exec "$@"', "sh", sys.executable, "-m", "genlet", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_demo_raises_a_soft_limit_on_descriptors() -> None:
    """A soft limit that is too low is raised to what is needed."""
    done = limited("ulimit -S -n 64", "demo", "--connections", "60", "--messages", "2")
    assert (done.returncode, done.stderr) == (0, "")


def test_demo_under_a_hard_limit_on_descriptors_ends_with_2() -> None:
    """The error names the hard limit and the number of connections that fits."""
    done = limited("ulimit -n 100", "demo")
    assert done.returncode == 2
    said = re.fullmatch(
        r"genlet demo: error: 1,000 connections take 2,0\d\d descriptors, two each, and this"
        r" process may open 100: ask for --connections (\d+), or raise the limit \(ulimit -n\)\n",
        done.stderr,
    )
    assert said is not None
    fits = limited("ulimit -n 100", "demo", "--connections", said[1], "--messages", "1")
    assert (fits.returncode, fits.stderr) == (0, "")


def test_demo_ctrl_c_on_a_terminal_ends_with_130() -> None:
    """On a terminal the progress is shown; Ctrl-C erases it and prints no traceback."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with (
        os.fdopen(ours, "rb", buffering=0) as terminal,
        subprocess.Popen(
            [sys.executable, "-m", "genlet", "demo", "--messages", "1000000"],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=theirs,
        ) as process,
    ):
        os.close(theirs)
        seen = b""
        try:
            while b" of 1,000,000,000 echoed" not in seen:
                seen += terminal.read(1000)
            assert b" of 1,000 connected" in seen
            process.send_signal(signal.SIGINT)
            try:
                while more := terminal.read(1000):
                    seen += more
            except OSError:
                pass  # so Linux says that the other side of a terminal is closed
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, b"")
    assert seen.endswith(b"\r\x1b[K")
    assert b"Traceback" not in seen


def test_percentile_is_the_value_that_many_do_not_exceed() -> None:
    """Percentiles are by nearest rank, also of one value."""
    values = [float(value) for value in range(1, 101)]
    assert [demo.percentile(values, q) for q in (50, 90, 99, 100, 0)] == [50, 90, 99, 100, 1]
    assert demo.percentile([7.0], 99) == 7
