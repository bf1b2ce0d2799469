# SPDX-License-Identifier: BSD-3-Clause
"""Kernel sockets against the test agent: linux_peer.py --help

Runs in fltcp-linux, speaks to the agent's Unix socket, and compares what each side sent with what
the other received, byte for byte by SHA-256. A watchdog looks at all of the agent's connections: one
with data to send that has been idle for more than twice its RTO, or with no timer running, has
stalled. At the end nothing may be left of any connection: no entry, buffer, record or packet."""
import argparse
import asyncio
import hashlib
import json
import random
import socket
import struct
import sys
import time

PORT = 7000
CHUNK = 1 << 18
WATCH_S = 0.1
SLACK_MS = 400  # for a machine that has other things to do
NO_AGENT = 7999  # a port nobody has


class Failed(Exception):
    pass


def check(what, got, want):
    if got != want:
        raise Failed(f"{what}: {got!r} is not {want!r}")


class Agent:
    """One client of the agent's socket."""

    async def open(self, path):
        self.r, self.w = await asyncio.open_unix_connection(path, limit=1 << 24)
        return self

    async def ask(self, *words):
        """The answer, whatever it is."""
        self.w.write((" ".join(str(w) for w in words) + "\n").encode())
        line = await self.r.readline()
        if not line:
            raise Failed(f"the agent has gone ({words})")
        return json.loads(line)

    async def do(self, *words):
        a = await self.ask(*words)
        if "error" in a:
            raise Failed(f"{' '.join(str(w) for w in words)}: {a}")
        return a

    def close(self):
        self.w.close()


class Conn:
    """Both ends of a connection: a kernel socket, and two clients of the agent."""

    def __init__(self, t, sock, cid, up, down):
        self.t, self.sock, self.id, self.up, self.down = t, sock, cid, up, down

    async def linux_send(self, n, seed):
        loop, h, r = asyncio.get_running_loop(), hashlib.sha256(), random.Random(seed)
        while n:
            d = r.randbytes(min(n, CHUNK))
            await loop.sock_sendall(self.sock, d)
            h.update(d)
            n -= len(d)
        return h.hexdigest()

    async def linux_receive(self, n=None):
        """n bytes, or up to the end."""
        loop, h, got = asyncio.get_running_loop(), hashlib.sha256(), 0
        while n is None or got < n:
            d = await loop.sock_recv(self.sock, CHUNK if n is None else min(CHUNK, n - got))
            if not d:
                break
            h.update(d)
            got += len(d)
        return got, h.hexdigest()

    async def ended(self, why):
        check("how it ended", (await self.up.do("wait", self.id))["ended"], why)
        self.close()

    def close(self):
        self.sock.close()
        self.up.close()
        self.down.close()


class Test:
    def __init__(self, o):
        self.o, self.n, self.bytes = o, 0, 0
        self.stalls = {}

    async def agent(self):
        return await Agent().open(self.o.socket)

    def addresses(self):
        return ("10.9.0.1", "10.9.0.2") if self.o.family == 4 else ("fd09::1", "fd09::2")

    def new_socket(self):
        s = socket.socket(socket.AF_INET if self.o.family == 4 else socket.AF_INET6,
                          socket.SOCK_STREAM)
        s.setblocking(False)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    # ---- opening ----

    async def open(self, opener):
        up, down = await self.agent(), await self.agent()
        self.n += 1
        if opener == "linux":
            s = self.new_socket()
            await asyncio.get_running_loop().sock_connect(s, (self.addresses()[0], PORT))
            cid = await self.of_port(s.getsockname()[1])
        else:
            cid, s = await self.agent_opens(down)
        return Conn(self, s, cid, up, down)

    async def of_port(self, port):
        """The agent's connection from this port of ours: they are accepted in any order."""
        while port not in self.accepted:
            f = asyncio.get_running_loop().create_future()
            self.waiting[port] = f
            await f
        return self.accepted.pop(port)

    async def accept_all(self):
        a = await self.agent()
        while True:
            c = await a.do("accept", PORT)
            self.accepted[c["remote_port"]] = c["id"]
            if c["remote_port"] in self.waiting:
                self.waiting.pop(c["remote_port"]).set_result(True)

    async def agent_opens(self, a):
        listener = self.new_socket()
        listener.bind((self.addresses()[1], 0))
        listener.listen()
        c, (s, _) = await asyncio.gather(
            a.do("connect", self.addresses()[1], listener.getsockname()[1]),
            asyncio.get_running_loop().sock_accept(listener))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.close()
        return c["id"], s

    # ---- one connection's whole life ----

    async def exchange(self, opener, up, down, first="both"):
        """up bytes from Linux, down bytes from the agent. first: who closes its direction before
        the other sends anything (half-close), or both as soon as they have sent all."""
        c = await self.open(opener)
        seed = self.n

        async def linux_sends():
            h = await c.linux_send(up, seed)
            c.sock.shutdown(socket.SHUT_WR)
            return h

        async def agent_sends():
            a = await c.down.do("send", c.id, down, seed)
            await c.down.do("shutdown", c.id)
            return a["sha256"]

        async def agent_receives(send_then):
            r = await c.up.do("receive", c.id, "all")
            check("end of stream at the agent", r["fin"], True)
            return (r["bytes"], r["sha256"]), await agent_sends() if send_then else None

        async def linux_receives(send_then):
            r = await c.linux_receive()
            return r, await linux_sends() if send_then else None

        jobs = {"linux": lambda: [linux_sends(), agent_receives(True), linux_receives(False)],
                "agent": lambda: [linux_receives(True), agent_receives(False), agent_sends()],
                "both": lambda: [linux_sends(), agent_receives(False), linux_receives(False),
                                 agent_sends()]}[first]()
        got = await asyncio.gather(*jobs)
        if first == "linux":
            sent_up, (came_up, sent_down), (came_down, _) = got
        elif first == "agent":
            (came_down, sent_up), (came_up, _), sent_down = got
        else:
            sent_up, (came_up, _), (came_down, _), sent_down = got
        check("from Linux to the agent", came_up, (up, sent_up))
        check("from the agent to Linux", came_down, (down, sent_down))
        self.bytes += up + down
        if self.o.kernel:
            await c.up.do("close", c.id)
        await c.ended("done")

    # ---- plans ----

    async def plan_sizes(self):
        """Sizes at the edges of segments, buffers and windows, both openers."""
        for n in (0, 1, 2, 535, 1447, 1448, 1449, 2896, 65535, 65536, 100001):
            await asyncio.gather(*(self.exchange(o, a, b) for o in ("linux", "agent")
                                   for a, b in ((n, 0), (0, n), (n, n))))

    async def plan_bulk(self):
        n = self.o.bytes
        await self.exchange("linux", n, 0, "linux")
        await self.exchange("agent", 0, n, "agent")
        await self.exchange("linux", n // 2, n // 2)

    async def plan_many(self):
        """Many at once, of sizes between 1 byte and --bytes, most of them small."""
        r = random.Random(self.o.seed)

        def size():
            return int(self.o.bytes ** r.random())

        await asyncio.gather(*(self.exchange(r.choice(("linux", "agent")), size(), size(),
                                             r.choice(("linux", "agent", "both")))
                               for _ in range(self.o.conns)))

    async def plan_ends(self):
        """Half-closes, resets, refusals, readers that are slow or gone."""
        for opener in ("linux", "agent"):
            for first in ("linux", "agent", "both"):
                await self.exchange(opener, 50000, 50000, first)
            await self.linux_resets(opener)
            await self.agent_resets(opener)
            await self.agent_is_gone(opener)
            await self.linux_reads_late(opener)
            await self.agent_reads_late(opener)
        await self.refused()

    async def linux_resets(self, opener):
        c = await self.open(opener)
        await c.linux_send(1000, 1)
        await c.up.do("receive", c.id, 1000)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.sock.close()
        r = await c.up.ask("receive", c.id, "all")
        check("after a reset by Linux", (r["fin"], r.get("end")), (False, "reset"))
        if not self.o.kernel:
            await c.ended("reset")

    async def agent_resets(self, opener):
        c = await self.open(opener)
        await c.down.do("abort", c.id)
        try:
            check("after a reset by the agent", await c.linux_receive(), "an error")
        except ConnectionResetError:
            pass
        await c.ended("closed" if not self.o.kernel else "done")

    async def agent_is_gone(self, opener):
        """What comes for a reader that has closed is answered with RST (RFC 2525 2.17)."""
        c = await self.open(opener)
        await c.down.do("close", c.id)
        check("after the agent's close", (await c.linux_receive())[0], 0)
        try:
            for _ in range(200):
                await c.linux_send(100, 1)
                await asyncio.sleep(0.02)
            raise Failed("Linux may send to a reader that has gone for ever")
        except (ConnectionResetError, BrokenPipeError):
            pass
        if not self.o.kernel:
            await c.ended("closed")
        c.close()

    async def linux_reads_late(self, opener):
        """Its window closes; probes keep the connection, and all arrives in the end."""
        c = await self.open(opener)
        n = 8 << 20
        send = asyncio.ensure_future(c.down.do("send", c.id, n, 3))
        await self.until(c, "snd_wnd", lambda v: v < 1448)
        got = await c.linux_receive(n)
        check("to a late reader", got, (n, (await send)["sha256"]))
        c.sock.close()
        r = await c.up.do("receive", c.id, "all")
        check("then the end", (r["bytes"], r["fin"]), (0, True))
        await c.down.do("close", c.id)
        await c.ended("closed" if not self.o.kernel else "done")

    async def agent_reads_late(self, opener):
        c = await self.open(opener)
        n = 8 << 20
        send = asyncio.ensure_future(c.linux_send(n, 4))
        await self.until(c, "rcv_wnd", lambda v: v < 1448)
        r = await c.up.do("receive", c.id, n)
        check("from Linux, read late", r["sha256"], await send)
        await c.down.do("abort", c.id)
        c.close()

    async def until(self, c, what, true):
        """Until the agent shows that a window is closed; Linux to Linux, a while."""
        for _ in range(20 if self.o.kernel else 600):
            await asyncio.sleep(0.05)
            i = await c.up.do("info", c.id)
            if what in i and true(i[what]):
                return
        if not self.o.kernel:
            raise Failed(f"{what} does not close: {i}")

    async def refused(self):
        a, s = await self.agent(), self.new_socket()
        check("connect to a port of Linux that nobody has",
              (await a.ask("connect", self.addresses()[1], NO_AGENT)).get("error"), "refused")
        try:
            await asyncio.get_running_loop().sock_connect(s, (self.addresses()[0], NO_AGENT))
            raise Failed("Linux may connect to a port the agent does not listen on")
        except ConnectionRefusedError:
            pass
        a.close()
        s.close()

    # ---- around them ----

    def stalled(self, c):
        """Why a connection has stalled, or None (RFC 6298: something must be due by then)."""
        if c["state"] in ("closed", "time_wait") or not c["send_queue"]:
            return None
        idle = min(c["idle_rx_ms"], c["idle_tx_ms"])
        due = [c[t] for t in ("rexmit_in_ms", "persist_in_ms") if c[t] >= 0]
        if not due:
            return "no timer runs"
        if c["persist_in_ms"] >= 0:  # the other side's window is closed: probes back off
            return None
        if idle > 2 * c["rto_ms"] + SLACK_MS:
            return f"idle for {idle} ms"
        return None

    async def watch(self):
        a = await self.agent()
        while True:
            began = time.monotonic()
            now = {}
            for c in await a.do("info", "all"):
                why = self.stalled(c)
                # A timer may be about to be set: seen twice with nothing moved, it is true.
                if why and self.stalls.get(c["id"]) == (why[:4], c["tx_bytes"], c["unacked"]):
                    raise Failed(f"stalled, {why}: {json.dumps(c)}")
                if why:
                    now[c["id"]] = (why[:4], c["tx_bytes"], c["unacked"])
            self.stalls = now
            await asyncio.sleep(max(WATCH_S, 5 * (time.monotonic() - began)))

    async def baseline(self):
        """Nothing is left of what was (TIME-WAIT is short in the test's configuration)."""
        a = await self.agent()
        want = {"connections": 0, "half_open": 0, "time_wait": 0, "buffers": 0, "sent_records": 0,
                "mbufs_in_use": self.mbufs, "difference": 0}
        end = time.monotonic() + 20
        while True:
            i = await a.do("info")
            left = {k: i[k] for k, v in want.items() if i[k] != v}
            if not left:
                return i
            if time.monotonic() > end:
                raise Failed(f"left over: {left}, want {want}; "
                             f"{json.dumps(await a.do('info', 'all'))[:2000]}; {json.dumps(i)}")
            await asyncio.sleep(0.1)

    async def run(self):
        a = await self.agent()
        self.accepted, self.waiting = {}, {}
        self.mbufs = 0
        await a.do("listen", PORT)
        began, before = time.monotonic(), (await a.do("info")).get("counters", {})
        jobs = [asyncio.ensure_future(self.accept_all()),
                asyncio.ensure_future(getattr(self, "plan_" + self.o.plan)())]
        if not self.o.kernel:
            jobs.append(asyncio.ensure_future(self.watch()))
        done, _ = await asyncio.wait(jobs, timeout=self.o.timeout,
                                     return_when=asyncio.FIRST_COMPLETED)
        for j in jobs:
            if j in done:
                j.result()
            else:
                j.cancel()
        if not done:
            raise Failed(f"not done after {self.o.timeout} s: "
                         f"{json.dumps(await (await self.agent()).do('info', 'all'))[:3000]}")
        seconds = time.monotonic() - began
        i = {} if self.o.kernel else await self.baseline()
        await a.do("unlisten", PORT)
        n = {k.removeprefix("tcp_"): v - before.get(k, 0) for k, v in i.get("counters", {}).items()
             if "rexmit" in k or "rto" in k}
        print(json.dumps({"plan": self.o.plan, "connections": self.n, "bytes": self.bytes,
                          "seconds": round(seconds, 2), **{k: v for k, v in n.items() if v}}))


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--socket", required=True, help="the agent's")
    p.add_argument("--plan", required=True, choices=("sizes", "bulk", "many", "ends"))
    p.add_argument("--bytes", type=int, default=1 << 20, help="of bulk; at most of many")
    p.add_argument("--conns", type=int, default=200, help="of many")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--family", type=int, choices=(4, 6), default=4)
    p.add_argument("--timeout", type=float, default=60, help="seconds")
    p.add_argument("--kernel", action="store_true", help="the agent is kernel_agent.py")
    o = p.parse_args()
    try:
        asyncio.run(Test(o).run())
    except (Failed, OSError, asyncio.TimeoutError) as e:
        print(f"{o.plan}, IPv{o.family}: {type(e).__name__}: {e}")
        sys.exit(1)


main()
