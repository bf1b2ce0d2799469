#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Records by JSON-RPC, and a reader that stops: what it has not asked for, nor taken from its socket, keeps nothing
# from who goes on, who hears of each record once and in order, nor from the file, nor a packet of media. When the first goes on,
# it is told how many are gone, which are exactly those that it has not had.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"

RECORDS=$OWN_RUN/records.json QUEUE=256 CALLS=400
relay_config "s|^  file: \"\"|  file: $RECORDS|" "/^records:/,/^[a-z]*:/ s|^  queue: .*|  queue: $QUEUE|" >"$TMP/quickstart"

# Asks for records again and again; a line for each answer: the newest, how many it had so far, how many were gone.
cat >"$TMP/reader.py" <<'END'
import os, sys
sys.path.insert(0, os.environ["E2E"])
import gatelib
rpc, after, had, gone = gatelib.Rpc(), 0, 0, 0
rpc.sock.settimeout(120)
while True:
    page = rpc.ask("records", after=after, wait_ms=1000)
    numbers = [r["seq"] for r in page["records"]]
    assert numbers == list(range(after + page["lost"] + 1, after + page["lost"] + 1 + len(numbers))), (after, page["lost"], numbers)
    had += len(numbers)
    gone += page["lost"]
    after = numbers[-1] if numbers else after
    print(after, had, gone, flush=True)
END
# One that asks for all there is, and for more, and takes nothing of it.
cat >"$TMP/deaf.py" <<'END'
import json, os, socket, sys, time
sys.path.insert(0, os.environ["E2E"])
import gatelib
s = gatelib.Rpc().sock
s.setblocking(False)
try:
    for n in range(100000):
        s.send(json.dumps({"jsonrpc": "2.0", "id": n, "method": "records", "params": {"after": 0}}).encode() + b"\n")
except BlockingIOError:
    pass
print("asked", n, flush=True)
time.sleep(600)
END
cat >"$TMP/calls.py" <<'END'
import os, sys
sys.path.insert(0, os.environ["E2E"])
import gatelib
rpc = gatelib.Rpc()
for n in range(int(sys.argv[2])):
    c = rpc.ask("context.add", call=f"{sys.argv[1]}-{n}", terminations=[
        {"transport": "udp", "realm": "access", "remote": "10.1.0.2:4000"}, {"transport": "udp", "realm": "core", "remote": "10.2.0.2:4000"}])
    rpc.ask("context.delete", context=c["context"])
END
calls() { timeout 60 python3 "$TMP/calls.py" "$1" "$CALLS" >"$TMP/calls" 2>&1 || fail "calls $1: $(tail -n 1 "$TMP/calls")"; }
# said NAME: of its last answer, into LAST, HAD and GONE.
said() { read -r LAST HAD GONE < <(tail -n 1 "$TMP/$1") || return 1; }
made() { fl_json status .records.made; }
has_all() { said "$1" && [[ $LAST == $(made) ]]; }

start "$TMP/stops" python3 "$TMP/reader.py"
stops=$PID
start "$TMP/goes-on" python3 "$TMP/reader.py"
calls first
for reader in stops goes-on; do
	await 20 has_all $reader || fail "$reader: $(tail -n 2 "$TMP/$reader") of $(made)"
	assert_num "$reader: gone" "$GONE" -eq 0
done
assert_num "records" "$HAD" -eq $((2 * CALLS))

load_start media media --rate 1000 --legs 4
load media go
kill -STOP "$stops"
start "$TMP/deaf" python3 "$TMP/deaf.py"
await 20 grep -q asked "$TMP/deaf" || fail "who takes no answer cannot ask: $(<"$TMP/deaf")"
calls second
load_clean media
await 20 has_all goes-on || fail "who goes on: $(tail -n 2 "$TMP/goes-on") of $(made)"
assert_num "who goes on: had" "$HAD" -eq "$(made)"
assert_num "who goes on: gone" "$GONE" -eq 0
assert_num "memory of the control process, kB" "$(awk '/^VmRSS/ { print $2 }' "/proc/$(cp_pid)/status")" -lt 200000
in_file() { [[ $(jq -s '[.[] | select(.event == "end" and (.call | startswith("second-")))] | length' "$RECORDS") == "$CALLS" ]]; }
await 10 in_file || fail "the file has not all: $(tail -n 1 "$RECORDS")"
assert_eq "lost for want of room, or in the file" "$(fl_json status '[.lost.records_queue_full, .lost.records_unwritten] | add')" 0

kill -CONT "$stops"
await 20 has_all stops || fail "who had stopped: $(tail -n 2 "$TMP/stops") of $(made)"
assert_num "had and gone together" $((HAD + GONE)) -eq "$(made)"
# An answer may have been on its way when it stopped.
missed=$(($(made) - 2 * CALLS))
assert_num "gone" "$GONE" -ge $((missed - QUEUE - 64))
assert_num "gone" "$GONE" -le $((missed - QUEUE))
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
note "a reader that stopped was told of $GONE records that are gone, who went on had all $(made)"
