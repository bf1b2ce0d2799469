# SPDX-License-Identifier: BSD-3-Clause
"""The verbs of tests/tcp/agent over kernel sockets: kernel_agent.py SOCKET

Stands in for the agent, so that a test can be tried Linux to Linux, and so that the same verbs can
go to Linux and to us. A connection that was closed or aborted is the kernel's; "wait" tells "done"
then, and "info ID" what TCP_INFO has."""
import asyncio
import contextlib
import errno
import hashlib
import json
import random
import socket
import struct
import sys

STATES = ["", "established", "syn_sent", "syn_received", "fin_wait_1", "fin_wait_2", "time_wait",
          "closed", "close_wait", "last_ack", "listen", "closing"]
ENDS = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.ETIMEDOUT: "timeout",
        errno.EHOSTUNREACH: "unreachable", errno.ENETUNREACH: "unreachable",
        errno.EADDRNOTAVAIL: "exists", errno.EADDRINUSE: "exists", errno.EPIPE: "reset"}
EXACT = 1 << 16  # bytes of the agent's own pattern; more are other pseudo-random bytes
MASK = (1 << 64) - 1


def pattern(seed, n):
    if n > EXACT:
        return random.Random(seed).randbytes(n)
    out = bytearray()
    for i in range(1, n // 8 + 2):
        x = (seed + i * 0x9e3779b97f4a7c15) & MASK
        x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & MASK
        x = ((x ^ x >> 27) * 0x94d049bb133111eb) & MASK
        out += struct.pack("<Q", x ^ x >> 31)
    return bytes(out[:n])


class Conn:
    def __init__(self, cid, sock, peer):
        self.id, self.sock, self.fin, self.end, self.sent, self.received = cid, sock, False, None, 0, 0
        self.over = False  # nothing more can be received
        self.peer = peer  # what was reset already has none

    def opened(self):
        (la, lp), (ra, rp) = self.sock.getsockname()[:2], self.peer[:2]
        return {"id": self.id, "local": la, "local_port": lp, "remote": ra, "remote_port": rp}


class KernelAgent:
    def __init__(self):
        self.listeners, self.conns, self.queue, self.came = {}, {}, [], asyncio.Condition()

    def add(self, sock, peer):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c = Conn(len(self.conns) + 1, sock, peer)
        self.conns[c.id] = c
        return c

    async def take_in(self, port, listener):
        loop = asyncio.get_running_loop()
        while True:
            sock, peer = await loop.sock_accept(listener)
            async with self.came:
                self.queue.append((port, self.add(sock, peer)))
                self.came.notify_all()

    async def listen(self, port):
        # One socket for both families.
        s = socket.create_server(("::", int(port)), family=socket.AF_INET6, backlog=4096,
                                 dualstack_ipv6=True)
        s.setblocking(False)
        self.listeners[port] = s, asyncio.ensure_future(self.take_in(port, s))
        return {"listening": True}

    async def unlisten(self, port):
        if port in self.listeners:
            s, task = self.listeners.pop(port)
            task.cancel()
            s.close()
        return {"listening": False}

    async def accept(self, *args):
        now = "now" in args
        port = next((a for a in args if a != "now"), None)
        async with self.came:
            while True:
                for i, (p, c) in enumerate(self.queue):
                    if port in (None, p):
                        del self.queue[i]
                        return c.opened()
                if now:
                    return {"id": None}
                await self.came.wait()

    async def connect(self, ip, port, *rest):
        s = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        c = self.add(s, (ip, int(port)))
        if rest and rest[0] != "now":
            s.bind(("", int(rest[0])))
        if "now" in rest:
            with contextlib.suppress(BlockingIOError):
                s.connect((ip, int(port)))
            return {"id": c.id}
        await asyncio.get_running_loop().sock_connect(s, (ip, int(port)))
        return c.opened()

    async def send(self, cid, what, seed="1"):
        c = self.conns[int(cid)]
        data = bytes.fromhex(what[4:]) if what.startswith("hex:") else pattern(int(seed), int(what))
        try:
            await asyncio.get_running_loop().sock_sendall(c.sock, data)
        except OSError as e:
            if e.errno == errno.ECONNRESET:
                c.end = "reset"  # recv() would not tell it again
            return {"bytes": 0, "sha256": "", "error": ENDS.get(e.errno, str(e))}
        c.sent += len(data)
        return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    async def receive(self, cid, what, form=""):
        c, got, h = self.conns[int(cid)], bytearray(), hashlib.sha256()
        left, n = (1 << 62 if what in ("all", "now") else int(what)), 0
        try:
            while n < left and not c.fin and not c.over:
                if what == "now":
                    d = c.sock.recv(min(left - n, 1 << 18))
                else:
                    d = await asyncio.get_running_loop().sock_recv(c.sock, min(left - n, 1 << 18))
                c.fin = not d and not c.end
                c.over = not d
                h.update(d)
                n += len(d)
                if form:
                    got += d
        except BlockingIOError:
            pass
        except OSError as e:
            c.end, c.over = ENDS.get(e.errno, str(e)), True
        c.received += n
        r = {"bytes": n, "sha256": h.hexdigest(), "fin": c.fin}
        if form:
            r["hex"] = got.hex()
        if c.end:
            r["end"] = c.end
        if n < left and what not in ("all", "now"):
            r["error"] = "too few came"
        return r

    async def pause(self, cid, _):
        return {"ok": bool(self.conns[int(cid)])}

    async def shutdown(self, cid):
        self.conns[int(cid)].sock.shutdown(socket.SHUT_WR)
        return {"ok": True}

    async def close(self, cid):
        self.conns[int(cid)].sock.close()
        return {"ok": True}

    async def abort(self, cid):
        s = self.conns[int(cid)].sock
        if s.fileno() >= 0:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        return {"ok": True}

    async def wait(self, cid):
        c = self.conns[int(cid)]
        while c.sock.fileno() >= 0 and self.state(c) != "closed":
            await asyncio.sleep(0.05)
        return {"ended": c.end or "done"}

    @staticmethod
    def state(c):
        return STATES[c.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]]

    async def info(self, *args):
        if args == ("all",):
            return []
        if not args:
            return {"connections": sum(c.sock.fileno() >= 0 for c in self.conns.values())}
        c = self.conns[int(args[0])]
        r = {"id": c.id, "sent": c.sent, "received": c.received}
        if c.sock.fileno() >= 0:
            r["state"] = self.state(c)
        return r

    async def answer(self, word):
        try:
            if word[0] not in VERBS:
                raise ValueError("no such verb")
            return await getattr(self, word[0])(*word[1:])
        except OSError as e:
            return {"error": ENDS.get(e.errno, str(e))}
        except (ValueError, KeyError, TypeError, IndexError) as e:
            return {"error": repr(e)}

    async def client(self, reader, writer):
        line = asyncio.ensure_future(reader.readline())
        while await line:
            job = asyncio.ensure_future(self.answer(line.result().decode().split()))
            line = asyncio.ensure_future(reader.readline())
            await asyncio.wait({job, line}, return_when=asyncio.FIRST_COMPLETED)
            if not job.done() and not line.result():
                job.cancel()  # who asked has gone
                break
            writer.write(json.dumps(await job).encode() + b"\n")
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        writer.close()


VERBS = {"listen", "unlisten", "accept", "connect", "send", "receive", "pause", "shutdown", "close",
         "abort", "wait", "info"}


async def main():
    server = await asyncio.start_unix_server(KernelAgent().client, sys.argv[1], limit=1 << 17,
                                             backlog=4096)
    print("kernel_agent: ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
