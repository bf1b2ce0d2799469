#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A NIC whose link goes down under traffic, and comes back: the relay says so (R69), of what a client sends over
# TCP meanwhile nothing is lost (R19), and UDP is relayed as before.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

relay_is_up
start_peer
to_peers() { counter relay_to_peer; }
some_passed() { (($(to_peers) > before + 10)); }

# link_breaks NAME MESSAGES: while a client sends, one message each 20 ms. What it is sent back gets old, and
# goes (tcp.media-age-ms). Towards peers nothing is held up: the client must still send when the link is back.
link_breaks()
{
	local messages=$2 client before link back
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
		assert "port $1: the log has its link" grep -q "port $1: its link is $link" "$RUN/fairlead-dp.log"
	done
	wait "$client" || fail "port $1: the client ended: $(tail -n 3 "$TMP/tcp-$1.log")"
	PASSED=$(($(to_peers) - before))
	note "port $1: $PASSED of $messages messages passed, $(uclient_received "$TMP/tcp-$1.log") came back, $back of them before"
	# What was held up comes at once, and more than tcp.media-queue of it goes.
	assert_num "port $1: messages that came back" "$(uclient_received "$TMP/tcp-$1.log")" -gt $((back + 10))
}

link_breaks access 200
assert_eq "messages that passed, sent over a link that was down for a while" "$PASSED" 200
link_breaks core 1000
relays "UDP afterwards" 100 -n 50 -m 2 -c -e "$PEER4" "$SERVER4"
relay_is_well
