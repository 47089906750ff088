"""A receive or an accept that gave up has taken nothing: the next one gets it all."""

import trio


async def main() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        with trio.move_on_after(0.02) as scope:
            await listener.accept()
        print("accept gave up:", scope.cancelled_caught)
        async with await trio.open_tcp_stream(*listener.socket.getsockname()) as client:
            connection = await listener.accept()
            print("accepted")
            async with connection:
                for message in (b"one", b"two"):
                    with trio.move_on_after(0.02) as scope:
                        await connection.receive_some(1024)
                    print("receive gave up:", scope.cancelled_caught)
                    await client.send_all(message)
                    print("received", await connection.receive_some(1024))


trio.run(main)
