"""A connection that is reset raises in the peer's receive, also in one that is waiting already."""

import struct

import trio
from trio import socket


async def read(client: socket.SocketType) -> None:
    try:
        print("received", await client.recv(1024))
    except ConnectionResetError:
        print("the connection was reset")


async def main() -> None:
    with socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        for is_waiting in (False, True):
            with socket.socket() as client:
                await client.connect(listener.getsockname())
                connection, _ = await listener.accept()
                async with trio.open_nursery() as nursery:
                    if is_waiting:
                        nursery.start_soon(read, client)
                        await trio.sleep(0.02)
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    connection.close()
                    if not is_waiting:
                        await read(client)


trio.run(main)
