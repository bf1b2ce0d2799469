#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R70 for contexts of TLS and TCP: fairlead-cp is killed while bytes pass, which go on; the next one
# has the same contexts, takes orders for them, and tells of an end that came while nobody was there
# to hear of it (R54); a port that was given back just before stays in quarantine. When fairlead-dp is killed
# its connections are gone, and their contexts end with that reason; none is left behind. Those of
# RTP are in call_test.sh.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

context() { fl --json context "$@"; }
of() { jq -r "$2" <<<"$1"; }
kill_hard()
{
	kill -KILL "$1"
	await 10 ended "$1" || fail "$2 survives SIGKILL"
}
follow()
{
	start "$TMP/events.$1" "$BUILD/fairlead" --config "$CONFIG" --json context events --after 0 --follow
	EVENTS=$TMP/events.$1
}
happened() { jq -es "any(.[]; $1)" "$EVENTS" >/dev/null 2>&1; }
# What a context is, but for what passes with time.
record()
{
	context show "$1" | jq -S 'del(.age_s, .expires_s, .terminations[].use, .terminations[].counters, .terminations[].state_s)'
}

relay_start "$SAMPLE" >"$TMP/quickstart" # without what other tests left
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=phone \
	-keyout "$TMP/phone.key" -out "$TMP/phone.pem" 2>/dev/null
fp="sha-256 $(openssl x509 -in "$TMP/phone.pem" -noout -fingerprint -sha256 | cut -d= -f2)"
start "$TMP/server" in_peer python3 -uc '
import socket, threading
def echo(c):
	while d := c.recv(4096):
		c.sendall(d.upper())
	c.close()
s = socket.create_server(("'$PEER4'", 2855))
while True:
	threading.Thread(target=echo, args=(s.accept()[0],), daemon=True).start()'
await 5 listens_tcp fl-peer 2855 || fail "no server"

# call N: a context of TLS and TCP whose bytes pass; sets ID, and writes to descriptor 3 + N.
call()
{
	local c fd=$((3 + $1))
	c=$(context add --call "restart-$1" --a "transport=tls,realm=access,latch=on,fingerprints=$fp" \
		--b "transport=tcp,tcp_role=client,realm=core,remote=$PEER4:2855")
	ID=$(of "$c" .context)
	mkfifo "$TMP/in.$1"
	start "$TMP/phone.$1" in_client sh -c "openssl s_client -quiet -no_ign_eof \
		-connect $(of "$c" '.terminations[0].local') -cert $TMP/phone.pem -key $TMP/phone.key \
		-CAfile $CA <$TMP/in.$1"
	eval "exec $fd>$TMP/in.$1"
	passes "$1" "hello-$1"
}
# passes N WORD: it comes back in capitals.
passes()
{
	eval "echo $2 >&$((3 + $1))"
	await 10 grep -qx "${2^^}" "$TMP/phone.$1" || fail "$2 does not come back: $(fl context show "$ID")"
}

call 0
stays=$ID
call 1
ends=$ID
record "$stays" >"$TMP/before"

# ---- fairlead-cp ----

c=$(context add --a transport=udp,realm=access)
freed=$(of "$c" '.terminations[0].local' | cut -d: -f2)
context delete "$(of "$c" .context)" >/dev/null
pid=$(cp_pid)
kill_hard "$pid" fairlead-cp
ID=$stays
eval "echo nobody-listens >&3"
await 10 grep -qx NOBODY-LISTENS "$TMP/phone.0" || fail "bytes stop with fairlead-cp"
exec 4>&- # close_notify, of which nobody hears yet
start_cp
await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
! context add --a "transport=udp,realm=access,port=$freed" >"$TMP/again" 2>&1 ||
	fail "port $freed does not rest: $(cat "$TMP/again")"
grep -q "port $freed .* quarantine" "$TMP/again" || fail "why is port $freed refused? $(cat "$TMP/again")"
follow 1
record "$stays" >"$TMP/after"
diff "$TMP/before" "$TMP/after" >&2 || fail "$stays is not what it was"
passes 0 after-cp
await 10 happened ".context == \"$ends\" and .what == \"ended\" and .side == 0 and .why == \"close-notify\"" ||
	fail "nobody told of the end: $(cat "$EVENTS"; fl context show "$ends")"
context modify "$stays" --lifetime 1000 >/dev/null
assert_num "lifetime" "$(of "$(context show "$stays")" .expires_s)" -le 1001
passes 0 after-order

# ---- fairlead-dp ----

pid=$(dp_pid)
kill_hard "$pid" fairlead-dp
"$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" 2>&1 || fail "fairlead-dp does not come back"
await 20 synced || fail "fairlead-cp does not attach anew: $(tail -n 3 "$RUN/fairlead-cp.log")"
await 10 happened ".context == \"$stays\" and .what == \"context_ended\" and .why == \"dataplane\"" ||
	fail "nobody told that connections are gone: $(cat "$EVENTS")"
assert_eq "contexts" "$(fl_json status .gateway.contexts)" 0
assert_eq "contexts in the dataplane" "$(counter gate_contexts)" 0
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
