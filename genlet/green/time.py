"""``time``, with ``sleep`` green."""

from __future__ import annotations

import time as real
from typing import TYPE_CHECKING, Tuple

from ..abc import Green, green
from ..kernel import check_seconds
from ..kernel import sleep as _sleep
from ._mirror import mirror

# At run time `mirror` passes through what the platform has of these.
if TYPE_CHECKING:
    from time import asctime as asctime
    from time import ctime as ctime
    from time import daylight as daylight
    from time import get_clock_info as get_clock_info
    from time import gmtime as gmtime
    from time import localtime as localtime
    from time import mktime as mktime
    from time import monotonic as monotonic
    from time import monotonic_ns as monotonic_ns
    from time import perf_counter as perf_counter
    from time import perf_counter_ns as perf_counter_ns
    from time import process_time as process_time
    from time import process_time_ns as process_time_ns
    from time import strftime as strftime
    from time import strptime as strptime
    from time import struct_time as struct_time
    from time import thread_time as thread_time
    from time import thread_time_ns as thread_time_ns
    from time import time as time
    from time import time_ns as time_ns
    from time import timezone as timezone
    from time import tzname as tzname


@green
def sleep(seconds: float) -> Green[None]:
    """Let others run for at least *seconds*, on the run's clock.

    Args:
        seconds: 0 only lets those run that are ready; infinity sleeps until interrupted.

    Raises:
        TypeError, ValueError, OverflowError: *seconds* is no number of seconds, or negative.

    Source:
        ``time.sleep``.  ``genlet.sleep`` takes a negative time for 0, as eventlet's does.
    """
    if check_seconds(seconds, "the time") < 0:
        raise ValueError("sleep length must be non-negative")
    return _sleep(seconds)


__green__: Tuple[str, ...] = ("sleep",)

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
