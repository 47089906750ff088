"""An error that a cleanup raises takes the place of the cancellation: no timeout is reported."""

import trio


async def broken_cleanup() -> None:
    try:
        await trio.sleep(1000)
    finally:
        raise ValueError("cleanup failed")


async def main() -> None:
    scope = trio.move_on_after(0.02)
    try:
        with scope:
            await broken_cleanup()
    except ValueError as exc:
        print(exc)
    print("called:", scope.cancel_called, "caught:", scope.cancelled_caught)

    try:
        with trio.fail_after(0.02):
            await broken_cleanup()
    except (trio.TooSlowError, ValueError) as exc:
        print(type(exc).__name__)


trio.run(main)
