"""An error that a cleanup raises takes the place of the cancellation: no timeout is reported."""

from genlet import Green, fail_after, move_on_after, run, sleep


def broken_cleanup() -> Green[None]:
    try:
        yield from sleep(1000)
    finally:
        raise ValueError("cleanup failed")


def main() -> Green[None]:
    scope = move_on_after(0.02)
    try:
        with scope:
            yield from broken_cleanup()
    except ValueError as exc:
        print(exc)
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)

    try:
        with fail_after(0.02):
            yield from broken_cleanup()
    except (TimeoutError, ValueError) as exc:
        print(type(exc).__name__)


run(main)
