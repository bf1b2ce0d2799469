#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R12, R24: a phone with ICE and RTCP on the port of RTP on the access side (baresip, medianat=ice), and one with
# neither in the core, by a real kamailio whose rtpengine module takes ICE away towards the one and offers it to
# the other. Each calls the other; each has a tone of its own, which the other one records; the phone is nominated
# by its checks, and renews its consent.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
# shellcheck source=tests/e2e/phones.sh
. "$(dirname "$0")/phones.sh"
MODULE=ice
CONFIG_OF=([phone]=$'module stun.so\n\t\trtcp_mux yes')
ACCOUNT_OF=([phone]=";medianat=ice;stunserver=\"stun:$SERVER4:3478\"")

# The termination that the phone is at has ICE: its remote is who was nominated.
nominated()
{
	local side
	side=$(fl --json context show "$CONTEXT" | jq '[.terminations[] | .counters.ice_checks > 0] | index(true)')
	[[ $side != null ]] || fail "$CALL: no checks came: $(fl context show "$CONTEXT")"
	note "$CALL: nominated: $(fl --json context show "$CONTEXT" | jq -c ".terminations[$side] | {latched, counters}")"
}

media_relay
kamailio_commands "udp:$CONTROL_RELAY:2223" ICE=1
drops_mark
calls from-ice phone nominated
calls to-ice core nominated
none_refused
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
