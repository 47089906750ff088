"""The monitor: dropped calls in modules without probes, on CPython 3.12 and later."""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable, Dict, List, Set, Tuple

import pytest

import genlet
from genlet import Green, checkpoint, green, sleep
from genlet.watch import ForgottenYield, monitor

if sys.version_info < (3, 12):
    pytest.skip("there is no sys.monitoring before 3.12", allow_module_level=True)
else:
    Find = Tuple[str, str, int]

    def plain(a: int = 1) -> Green[int]:
        yield from sleep(0)
        return a

    class Thing:
        @green
        def method(self) -> Green:
            yield from sleep(0)

        def through(self, a: int = 1) -> Green[int]:
            return plain(a)

        def __call__(self) -> Green[int]:
            return plain()

        @property
        def prop(self) -> Green[int]:
            return plain()

    kept: Dict[str, Green[int]] = {}

    def keep() -> Green[int]:
        return kept.setdefault("x", plain())

    def keep_and_name() -> Green[int]:
        gen = kept["y"] = plain()
        return gen

    def same(gen: Green[int]) -> Green[int]:
        return gen

    def same_again(gen: Green[int]) -> Green[int]:
        other = same(gen)
        len("")
        return other

    def same_at_last(gen: Green[int]) -> Green[int]:
        try:
            return gen
        finally:
            len("")

    def named() -> Green[int]:
        gen = plain()
        return gen  # noqa: RET504  the variable is the point

    def named_for_long() -> Green[int]:
        gen = other = plain()
        assert other is gen
        return gen

    def loses(callback: Callable[..., Green[int]] = plain) -> Green:
        thing: Any = Thing()
        plain()  # lost
        plain(a=2)  # lost
        thing.method()  # lost
        thing.through()  # lost
        thing.through()  # lost
        thing()  # lost
        thing.prop  # noqa: B018  # lost
        callback(*(1,))  # lost
        (lambda: plain())()  # lost
        functools.partial(plain, 1)()  # lost
        thing and plain()  # lost
        named()  # lost
        named_for_long()  # lost
        same(plain())  # lost
        same_again(plain())  # lost
        same_at_last(plain())  # lost
        yield from sleep(0)

    def tells_of_calls_with_star() -> bool:
        """Whether this Python has CALL events for them: 3.12.1 has none."""
        told: List[object] = []
        tool, events = monitor.IDS[0], sys.monitoring.events
        sys.monitoring.use_tool_id(tool, "probe")
        try:
            sys.monitoring.register_callback(tool, events.CALL, lambda *args: told.append(args[2]))
            sys.monitoring.set_events(tool, events.CALL)
            plain(*(1,))
        finally:
            sys.monitoring.set_events(tool, 0)
            sys.monitoring.register_callback(tool, events.CALL, None)
            sys.monitoring.free_tool_id(tool)
        return plain in told

    STAR = tells_of_calls_with_star()

    def right() -> Green:
        keep()
        keep_and_name()
        stored = plain()
        same(stored)
        same_again(stored)
        same_at_last(stored)
        same(gen=stored)
        (lambda: stored)()
        print(end="")
        yield from same(stored)
        yield from plain()

    def watch(fn: Callable[[], Green]) -> List[Find]:
        found: List[Find] = []

        def report(message: str, filename: str, line: int, _: Dict[str, Any]) -> None:
            found.append((message, filename, line))

        monitor.start(report)
        try:
            genlet.run(fn)
        finally:
            monitor.stop()
        return found

    def marked() -> List[int]:
        with open(__file__, encoding="utf-8") as file:
            return [
                n
                for n, line in enumerate(file, 1)
                if line.endswith("  # lost\n")
                if STAR or "*(" not in line
            ]

    def test_dropped_calls_of_any_module_are_found_on_their_lines() -> None:
        """The line that pops the generator is reported, also if another function returned it."""
        found = watch(loses)
        assert sorted(line for _, _, line in found) == marked()
        assert {filename for _, filename, _ in found} == {__file__}
        assert found[0][0] == (
            "plain() is called here and nothing of it runs: its generator is dropped; is a"
            " 'yield from' missing?"
        )

    def test_what_somebody_refers_to_is_not_found() -> None:
        """A function that returns a stored generator drops nothing."""
        assert watch(right) == []

    def test_each_start_looks_at_every_line_anew() -> None:
        """Call sites that an earlier run has disabled are checked again."""
        assert watch(loses) == watch(loses) != []

    def test_the_last_stop_gives_the_id_back() -> None:
        """Starts are counted, and the ids of other tools are left alone."""

        def ids() -> Set[int]:
            return {tool for tool in range(6) if sys.monitoring.get_tool(tool) == "genlet"}

        def report(*_: object) -> None: ...

        monitor.start(report)
        monitor.start(report)
        assert len(ids()) == 1
        monitor.stop()
        assert len(ids()) == 1
        monitor.stop()
        assert not ids()

    def test_without_a_free_id_it_says_so() -> None:
        """If both ids are taken a warning names their owners, and the run goes on without monitor."""
        mine = [tool for tool in monitor.IDS if sys.monitoring.get_tool(tool) is None]
        for tool in mine:
            sys.monitoring.use_tool_id(tool, "somebody")
        try:
            with pytest.warns(
                RuntimeWarning, match=r"no free id .* 4 \(somebody\), 3 \(somebody\)"
            ):
                assert watch(loses) == []
        finally:
            for tool in mine:
                sys.monitoring.free_tool_id(tool)

    def test_runner_debug_monitors_for_the_time_of_the_run() -> None:
        """Modules that were imported before are monitored too, during the run only."""
        with pytest.warns(ForgottenYield) as caught:
            genlet.Runner(debug=True).run(loses)
        assert sorted({warning.lineno for warning in caught}) == marked()
        assert not any(sys.monitoring.get_tool(tool) == "genlet" for tool in monitor.IDS)

        def main() -> Green:
            plain()
            yield from checkpoint()

        genlet.run(main)
