#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R70: either process is killed under load and started again. Without fairlead-cp no relayed packet
# is lost, the next one lists the same allocations, answers what was asked meanwhile, and clients
# refresh as if nothing had been (RFC 8656 sections 7 to 10, 12), over the same TCP connections where
# they came over TCP. A new fairlead-dp is given every session over UDP again, and media goes on
# through the same relayed addresses; TCP connections are gone, and clients allocate anew. Whenever fairlead-cp dies,
# the clients, fairlead-cp and fairlead-dp agree on the allocations afterwards. Asked to end, both
# leave nothing behind.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"
KILLS=20

kill_cp() { local pid; pid=$(cp_pid); kill -KILL "$pid"; await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"; }

revive_cp()
{
	start_cp
	await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
}

# What is there but for its times, in the order of relayed addresses; of one transport, if it is told.
sessions()
{
	fl --json sessions --peers --limit 0 | jq -S --arg t "${1:-}" '.sessions |
		map(select($t == "" or .transport == $t) | del(.age_s, .expires_s, .to_peer, .to_client) | .permissions[] |= .peer | .channels[] |= del(.expires_s)) | sort_by(.relayed)'
}

agreed()
{
	local n
	n=$(fl_json status .allocations.count)
	[[ $n == "$1" && $(counter sessions) == "$1" ]] &&
		[[ $(fl --json sessions --limit 0 | jq '.sessions | length') == "$1" ]]
}

state() { echo "fairlead-cp has $(fl_json status .allocations.count) allocations, fairlead-dp $(counter sessions)"; }

# ---- fairlead-cp is killed under media ----

relay_start "$SAMPLE" >"$TMP/quickstart" # without what other clients left
load_start media media --legs 16 --rate 1000
load_start stream media --tcp --legs 8 --rate 400
# both COMMAND...: for the clients over UDP and for those over TCP.
both() { "$1" media "${@:2}"; "$1" stream "${@:2}"; }
both load go
both load_more received 1000
sessions >"$TMP/before"
connections=$(counter tcp_accepted)
kill_cp
both load ask
both load_more received 2000
assert "fairlead-dp notices nothing" test -e "/proc/$(dp_pid)/exe"
revive_cp
both load_more received 1000
load media answered
assert_eq "requests that waited in the ring" "$REPLY" '{"answered": 16, "errors": []}'
load stream answered
assert_eq "requests over TCP that waited in the ring" "$REPLY" '{"answered": 8, "errors": []}'
sessions >"$TMP/after"
diff "$TMP/before" "$TMP/after" || fail "the new fairlead-cp lists other allocations"
both load renew
both load_clean
assert_eq "connections accepted meanwhile" "$(counter tcp_accepted)" "$connections"

# ---- fairlead-dp is killed under media ----

sessions udp >"$TMP/before"
both load go
both load_more received 1000
dp=$(dp_pid)
generation=$(fl_json status .dataplane.generation)
kill -KILL "$dp"
await 10 ended "$dp" || fail "fairlead-dp survives SIGKILL"
"$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" || fail "fairlead-dp does not come back"
await 20 synced || fail "the new fairlead-dp is not given the sessions"
[[ $(fl_json status .dataplane.generation) != "$generation" ]] || fail "fairlead-dp is the old one"
load_more media received 1000
both load pause # what was sent to a dead process is lost, as it must be
await 20 load_ended stream 8 || fail "of 8 connections to a dead process $REPLY have ended"
sessions >"$TMP/after" # those over TCP are gone
diff "$TMP/before" "$TMP/after" || fail "after fairlead-dp came back there are other allocations"
load media go
load_more media received 2000
load_clean media
load media renew
load stream open
load stream go
load_more stream least 20
load_clean stream
load stream renew
both load quit
await 10 agreed 0 || fail "left after all clients are gone: $(state)"

# ---- fairlead-cp is killed at any moment ----

load_start churn churn
for ((i = 0; i < KILLS; i++)); do
	load_more churn made $((RANDOM % 30 + 1))
	kill_cp
	start_cp
done
await 20 synced || fail "fairlead-cp does not attach after $KILLS deaths"
load_more churn made 10
load churn pause live
await 10 agreed "$REPLY" ||
	fail "clients have $REPLY allocations: $(state)"
note "$KILLS deaths, $(jq -c . <<<"$REPLY") allocations at the end"
load churn quit
await 10 agreed 0 || fail "left after all clients are gone: $(state)"
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
assert_eq "faults on the link" "$(fl_json status .link.faults)" 0

# ---- both are asked to end ----

# left PID...: files of fairlead-dp that those processes left.
left()
{
	local pid
	for pid; do
		find /dev/hugepages /run/dpdk /dev/shm -name "fl${pid}*" 2>/dev/null
	done
}

killed=$dp dp=$(dp_pid) cp=$(cp_pid)
kill "$cp"
await 10 ended "$cp" || fail "fairlead-cp does not end when asked"
assert "fairlead-cp's socket is gone" test ! -e "$OWN_RUN/control.sock"
kill "$dp"
await 10 ended "$dp" || fail "fairlead-dp does not end when asked"
# The file stays, in a directory that is not fairlead-dp's.
! in_relay grep -F " $OWN_RUN/dp.sock" /proc/net/unix || fail "somebody listens at fairlead-dp's socket"
assert_eq "files left of fairlead-dp" "$(left "$killed" "$dp")" ""
assert "the ports are still there" in_relay ip link show access
"$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" || fail "nothing starts after both had ended"
