"""Closing a socket wakes whoever reads from it; a second reader of one socket is refused."""

import trio
from trio import socket


async def read(name: str, client: socket.SocketType) -> None:
    try:
        print(name, "received", await client.recv(1024))
    except trio.ClosedResourceError:
        print(name, "finds it closed")
    except trio.BusyResourceError:
        print(name, "finds it busy")


async def main() -> None:
    left, right = socket.socketpair()
    with right:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, "the first", left)
            await trio.sleep(0.04)
            nursery.start_soon(read, "the second", left)
            await trio.sleep(0.04)
            print("closes")
            left.close()


trio.run(main)
