#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Listeners come, go and move while calls go on whose numbered packets are all there at the end, over UDP,
# TCP and TLS: another order is nothing to anybody; of one that is taken out the clients' allocations and
# connections end with a reason of their own, its port is closed, and its series leave the metrics; one
# that comes back serves again, also in the reload after the one it went with, and one whose transport is
# another is another. A fairlead-cp that was killed and finds another order, fewer listeners and new ones
# in its file brings fairlead-dp to it. The clients are coturn's.
# Alone: its clients count each packet of a minute, and would count what a busy machine loses.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# reload WHAT: all of it is in force.
reload()
{
	fl reload >"$TMP/reload" 2>&1 || fail "$1: $(<"$TMP/reload")"
	! grep -q 'waits for a restart' "$TMP/reload" || fail "$1: $(<"$TMP/reload")"
	note "$1"
}
# listeners LINE...: those of the start, and others behind them. before LINE...: in front of them.
listeners()
{
	local line
	cp "$TMP/right" "$CONFIG"
	for line in "$@"; do sed -i "/^relays:/i\\  - $line" "$CONFIG"; done
}
before()
{
	local line
	cp "$TMP/right" "$CONFIG"
	for line in "$@"; do sed -i "/^listeners:/a\\  - $line" "$CONFIG"; done
}
UCLIENT_SECONDS=120
UDP="{address: $SERVER4, port: 3479}"
TCP="{address: $SERVER4, port: 3479, transport: tcp}"
TLS="{address: $SERVER4, port: 5350, transport: tls}"
# client NAME MESSAGES ARGUMENT...
client()
{
	local log=$TMP/$1 messages=$2
	shift 2
	uclient "$log" "$@" -n "$messages" -m 1 -c -e $PEER4 $SERVER4
}
nothing_lost() { assert_eq "packets that $1 lost" "$(uclient_lost "$TMP/$1")" 0; }
# sessions_at PORT: of clients that came by it.
sessions_at() { fl --json sessions | jq "[.sessions[] | select(.listener == \"$SERVER4:$1\")] | length"; }
has_sessions() { (($(sessions_at "$1") >= $2)); }
no_sessions() { (($(sessions_at "$1") == 0)); }
series() { in_relay curl -sf http://127.0.0.1:9643/metrics | grep -c "listener=\"$SERVER4:$1\"" || true; }
is_open() { [[ $(in_client ss -Htn state established "dport = :$1") ]]; }
refused() { ! in_client bash -c "exec 3<>/dev/tcp/$SERVER4/$1" 2>"$TMP/refused" && grep -q refused "$TMP/refused"; }

relay_config >"$TMP/quickstart"
start_peer
cp "$CONFIG" "$TMP/right"
client udp 2400 &
udp=$!
client tcp 2400 -t &
tcp=$!
await 20 has_sessions 3478 2 || fail "the clients have no allocations: $(tail -n 3 "$TMP/udp" "$TMP/tcp"; fl --json sessions)"
pids="$(cp_pid) $(dp_pid)"

# ---- another order ----

listeners "$UDP" "$TCP" "$TLS"
reload "listeners are added"
client new-udp 600 -p 3479 &
new_udp=$!
client new-tcp 600 -t -p 3479 &
new_tcp=$!
client new-tls 600 -t -S -p 5350 &
new_tls=$!
await 20 has_sessions 3479 2 || fail "no allocations by the new listeners: $(fl sessions)"
await 20 has_sessions 5350 1 || fail "no allocation over TLS: $(tail -n 3 "$TMP/new-tls")"
for ((n = 0; n < 8; n++)); do
	before "$TLS" "$UDP" "$TCP"
	reload "they stand before the others" >/dev/null
	((n % 2)) && listeners "$TCP" "$TLS" "$UDP" || before "$TCP" "$UDP" "$TLS"
	reload "and in another order" >/dev/null
done
for name in udp:$new_udp tcp:$new_tcp tls:$new_tls; do
	wait "${name#*:}" || fail "the client over $name: $(tail -n 3 "$TMP/new-${name%:*}")"
	# Over TLS, on a busy machine, coturn's client leaves packets unread that came together.
	[ "${name%:*}" = tls ] || nothing_lost "new-${name%:*}"
done
note "16 orders under five calls"

# ---- one is taken out ----

client gone-udp 3000 -p 3479 &
gone_udp=$!
client gone-tcp 3000 -t -p 3479 &
gone_tcp=$!
client gone-tls 3000 -t -S -p 5350 &
gone_tls=$!
await 20 has_sessions 3479 2 || fail "no allocations: $(fl sessions)"
await 20 has_sessions 5350 1 || fail "no allocation over TLS: $(fl sessions)"
had=$(series 3478)
assert_num "series of the new listener" "$(series 3479)" -gt 0
listeners
reload "three are taken out"
await 20 no_sessions 3479 || fail "allocations of a listener that is gone: $(fl sessions)"
await 20 no_sessions 5350 || fail "allocations of a listener for TLS that is gone: $(fl sessions)"
assert_num "ends by the listener" "$(fl_json status .allocations.listener)" -ge 3
assert_eq "series of the listener" "$(series 3479)" 0
assert_eq "series of those that stay" "$(series 3478)" "$had"
refused 3479 || fail "the port is not closed: $(<"$TMP/refused")"
refused 5350 || fail "the port of TLS is not closed: $(<"$TMP/refused")"
! UCLIENT_SECONDS=20 client none 1 -p 3479 || fail "the port for UDP is not closed"
for pid in $gone_udp $gone_tcp $gone_tls; do
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
done
has_sessions 3478 2 || fail "the others' allocations are gone: $(fl sessions)"

# ---- and back, again and again ----

for ((n = 0; n < 10; n++)); do
	listeners "$UDP" "$TCP" "$TLS"
	reload "they are back" >/dev/null
	in_client timeout 30 bash -c "exec 3<>/dev/tcp/$SERVER4/3479 && cat <&3" &
	ending=$!
	await 20 is_open 3479 || fail "no connection to a listener that came back"
	listeners
	reload "and gone" >/dev/null
	wait $ending || fail "its connection did not end in order"
done
listeners "$UDP" "$TCP" "$TLS"
reload "they are back, ten times"
for arguments in '-p 3479' '-t -p 3479' '-t -S -p 5350'; do
	# shellcheck disable=SC2086 # several
	client back 50 $arguments || fail "$arguments: $(tail -n 3 "$TMP/back")"
	[[ $arguments = *-S* ]] || nothing_lost back
done
listeners "$UDP" "{address: $SERVER4, port: 3479, transport: tls}"
reload "TLS where TCP was"
client back 50 -t -S -p 3479 || fail "TLS: $(tail -n 3 "$TMP/back")"
! UCLIENT_SECONDS=20 client none 1 -t -p 3479 || fail "it still takes plain text"

wait $udp || fail "the client over UDP: $(tail -n 3 "$TMP/udp")"
wait $tcp || fail "the client over TCP: $(tail -n 3 "$TMP/tcp")"
nothing_lost udp
nothing_lost tcp

# ---- fairlead-cp finds another file ----

assert_eq "the same processes" "$(cp_pid) $(dp_pid)" "$pids"
had=$(sessions_at 3478)
client udp 900 &
udp=$!
client tcp 900 -t &
tcp=$!
await 20 has_sessions 3478 $((had + 2)) || fail "no allocations: $(fl sessions)"
client stays 900 -p 3479 &
stays=$!
await 20 has_sessions 3479 1 || fail "no allocation: $(fl sessions)"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
before "$UDP" "{address: $SERVER4, port: 3485}"
start_cp
await 20 attached || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log" "$RUN/fairlead-dp.log")"
has_sessions 3479 1 || fail "its allocation is gone: $(fl sessions)"
has_sessions 3478 $((had + 2)) || fail "the others' are gone: $(fl sessions)"
client back 50 -p 3485 || fail "the listener of the new file: $(tail -n 3 "$TMP/back")"
nothing_lost back
refused 3479 || fail "the one that is not in it: $(<"$TMP/refused")"
fl config diff | grep -q '^Nothing differs' || fail "what runs is not the file: $(fl config diff)"
wait $stays || fail "the client: $(tail -n 3 "$TMP/stays")"
nothing_lost stays

# ---- nobody else noticed ----

wait $udp || fail "the client over UDP: $(tail -n 3 "$TMP/udp")"
wait $tcp || fail "the client over TCP: $(tail -n 3 "$TMP/tcp")"
nothing_lost udp
nothing_lost tcp
assert_eq "the same fairlead-dp" "$(dp_pid)" "${pids#* }"
