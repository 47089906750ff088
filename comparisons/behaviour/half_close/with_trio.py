"""A peer that shuts down its sending half is read to the end, and can still be answered."""

import trio


async def serve(listener: trio.SocketListener) -> None:
    async with await listener.accept() as connection:
        received = b""
        while data := await connection.receive_some(4):
            received += data
        print("the server has read to the end:", received)
        await connection.send_all(received.upper())


async def main() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(serve, listener)
        address = listener.socket.getsockname()
        async with await trio.open_tcp_stream(*address) as client:
            await client.send_all(b"hello, world")
            await client.send_eof()
            reply = b""
            while data := await client.receive_some(1024):
                reply += data
            print("the client has got:", reply)


trio.run(main)
