"""Connections are accepted in the order they were made, and one nobody listens for is refused."""

import trio
from trio import socket


async def connected(address: tuple[str, int]) -> socket.SocketType:
    client = socket.socket()
    try:
        await client.connect(address)
    except OSError:
        client.close()
        raise
    return client


async def main() -> None:
    clients: list[socket.SocketType] = []
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    async with listener:
        for name in (b"a", b"b", b"c"):
            client = await connected(address)
            await client.send(name)
            clients.append(client)
        for _ in clients:
            async with await listener.accept() as connection:
                print("accepted", await connection.receive_some(1))
    for client in clients:
        print("ended:", await client.recv(1))
        client.close()
    try:
        await connected(address)
    except OSError as exc:
        print(type(exc).__name__)


trio.run(main)
