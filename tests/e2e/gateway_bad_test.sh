#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R27, R73: controllers that do wrong. Garbage and floods over UDP and WebSocket, sources that are not
# allowed, controllers that disappear at every point of a call: what they leave ends by the timer
# named for it. Ports are not given out twice and rest. Afterwards there are no contexts, memory is
# what it was, and good controllers were served all the time.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# bad STEP [WORD]: of gateway_bad.py
bad()
{
	timeout 150 /usr/bin/python3 "$E2E/gateway_bad.py" "$@" >"$TMP/$1.log" 2>&1 ||
		fail "$1: $(tail -n 3 "$TMP/$1.log")"
	note "$1${2:+ $2}: $(tail -n 1 "$TMP/$1.log")"
}

# rss PID: its memory in kB, without what it shares.
rss() { awk '/^RssAnon:/ { print $2 }' "/proc/$1/status"; }

# What is freed goes back at once, so that memory is what is in use, however fast commands came.
export MALLOC_CONF=dirty_decay_ms:0,muzzy_decay_ms:0
relay_config 's/^  ng-websocket-port: .*/  ng-websocket-port: 2224/' \
	's/^  ng-allow: .*/  ng-allow: [127.0.0.0\/16]/' 's/^  ng-rate: .*/  ng-rate: 500/' \
	's/^  answer-timeout: .*/  answer-timeout: 3/' '/^gateway:/,/^turn:/s/^  connect-timeout: .*/  connect-timeout: 3/' \
	's/^  ended-timeout: .*/  ended-timeout: 1/' 's/^  inactivity: .*/  inactivity: 4/' \
	's/^  lifetime: 14400/  lifetime: 9/' >"$TMP/quickstart"
# These take what memory is taken once.
bad garbage
bad websockets
bad ports
bad quiet
cp_before=$(rss "$(cp_pid)") dp_before=$(rss "$(dp_pid)")
cp=$(cp_pid) dp=$(dp_pid)
bad stranger
bad flood
bad unanswered
bad unconnected
bad undeleted
bad garbage
bad websockets
bad ports
bad quiet
assert_eq "fairlead-cp is the same" "$(cp_pid)" "$cp"
assert_eq "fairlead-dp is the same" "$(dp_pid)" "$dp"
assert_eq "contexts of fairlead-cp" "$(fl_json status .gateway.contexts)" 0
assert_eq "contexts of fairlead-dp" "$(counter gate_contexts)" 0
assert_eq "streams of fairlead-dp" "$(counter gate_streams)" 0
# A sanitizer keeps what is freed.
if [[ -z ${E2E_BUILD:-} ]]; then
	assert_num "memory fairlead-cp took meanwhile, kB" $(($(rss "$cp") - cp_before)) -lt 2048
	assert_num "memory fairlead-dp took meanwhile, kB" $(($(rss "$dp") - dp_before)) -lt 2048
fi
assert_eq "faults on the link" "$(fl_json status .link.faults)" 0
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
