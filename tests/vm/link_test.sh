#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A NIC whose link is down when the relay starts, or goes down under traffic, and comes back: the relay says so
# (R69), of what a client sends over TCP meanwhile nothing is lost (R19), and UDP is relayed as before.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

monitor set_link core off
relay_is_up
await 20 link_is core false || fail "port core: it starts without a link, and 'fairlead ports' has it up"
says_why() { [[ $(fl_json status '.problems[].what') == *"port core: the link is down: look at its cable"* ]]; }
no_more() { ! says_why; }
await 10 says_why || fail "'fairlead status' does not say that core has no link: $(fl_json status .problems)"
monitor set_link core on
await 20 link_is core true || fail "port core: its first link is up, and 'fairlead ports' has it down"
await 10 no_more || fail "'fairlead status' says that core has no link when it has"
start_peer
relays "UDP, after a start without a link" 100 -n 50 -m 2 -c -e "$PEER4" "$SERVER4"
to_peers() { counter relay_to_peer; }
some_passed() { (($(to_peers) > before + 10)); }

# times_told NAME up|down: by the log.
times_told() { grep -c "port $1: its link is $2" "$RUN/fairlead-dp.log" || true; }

# link_breaks NAME MESSAGES: while a client sends, one message each 20 ms. What it is sent back gets old, and
# goes (tcp.media-age-ms). Towards peers nothing is held up: the client must still send when the link is back.
link_breaks()
{
	local messages=$2 client before link back
	local -A told=([down]=$(times_told "$1" down) [up]=$(times_told "$1" up))
	before=$(to_peers)
	UCLIENT_SECONDS=120 uclient "$TMP/tcp-$1.log" -t -n "$messages" -m 1 -z 20 -c -e "$PEER4" "$SERVER4" &
	client=$!
	await 30 some_passed || fail "port $1: the client's messages do not pass"
	monitor set_link "$1" off
	await 20 link_is "$1" false || fail "port $1: the link is down, and 'fairlead ports' has it up"
	back=$(uclient_received "$TMP/tcp-$1.log")
	monitor set_link "$1" on
	await 20 link_is "$1" true || fail "port $1: the link is up again, and 'fairlead ports' has it down"
	for link in down up; do
		assert_num "port $1: times that the log has its link $link" "$(times_told "$1" $link)" -gt "${told[$link]}"
	done
	wait "$client" || fail "port $1: the client ended: $(tail -n 3 "$TMP/tcp-$1.log")"
	PASSED=$(($(to_peers) - before))
	note "port $1: $PASSED of $messages messages passed, $(uclient_received "$TMP/tcp-$1.log") came back, $back of them before"
	# What was held up comes at once, and more than tcp.media-queue of it goes.
	assert_num "port $1: messages that came back" "$(uclient_received "$TMP/tcp-$1.log")" -gt $((back + 10))
}

link_breaks access 1000
assert_eq "messages that passed, sent over a link that was down for a while" "$PASSED" 1000
link_breaks core 1000
relays "UDP afterwards" 100 -n 50 -m 2 -c -e "$PEER4" "$SERVER4"
relay_is_well
