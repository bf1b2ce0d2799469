# SPDX-License-Identifier: BSD-3-Clause
"""Lets clients that know no proxies use one: connect_helper.py PORT PROXY-PORT HOST HOST-PORT takes
TCP connections on PORT and carries each on to HOST through the HTTP proxy's CONNECT."""

import asyncio
import sys

PORT, PROXY, HOST, HOST_PORT = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def carry(reader, writer):
    out_reader, out_writer = await asyncio.open_connection("127.0.0.1", PROXY)
    out_writer.write(f"CONNECT {HOST}:{HOST_PORT} HTTP/1.1\r\n\r\n".encode())
    answer = await out_reader.readuntil(b"\r\n\r\n")
    assert answer.split()[1] == b"200", answer
    await asyncio.gather(copy(reader, out_writer), copy(out_reader, writer))
    writer.close()
    out_writer.close()


async def main():
    async with await asyncio.start_server(carry, "127.0.0.1", PORT) as server:
        await server.serve_forever()


asyncio.run(main())
