#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# coturn's client relays through Fairlead in every way it knows over UDP (R5, RFC 8656): channels
# and indications, IPv4 and IPv6 on either side, dual allocations, DONT-FRAGMENT, padding, EVEN-PORT
# pairs, wrong and broken requests; 20 clients at once; and every packet is accounted for (R74).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"

# mangles WHAT ARGUMENT...: the client breaks messages at random (-R) and waits for ever for replies
# to those that must be dropped unanswered (RFC 8489 6.3), so it may end or be ended.
mangles()
{
	local what=$1 rc=0
	shift
	UCLIENT_SECONDS=8 uclient "$TMP/$what.log" "$@" || rc=$?
	((rc == 0 || rc == 124)) || fail "$what: exit code $rc: $(tail -n 2 "$TMP/$what.log")"
}

drops_mark
start_peer
v4=(-e "$PEER4") v6=(-x -e "$PEER6")
few=(-n 50 -m 2)
also relays "channels" 100 "${few[@]}" -c "${v4[@]}" "$SERVER4"
also relays "indications" 100 "${few[@]}" -c -s "${v4[@]}" "$SERVER4"
also relays "even port pairs" 100 "${few[@]}" "${v4[@]}" "$SERVER4"
also relays "even port pairs, indications" 100 "${few[@]}" -s "${v4[@]}" "$SERVER4"
also relays "IPv6 to IPv6" 100 "${few[@]}" -c "${v6[@]}" "$SERVER6"
also relays "IPv6 to IPv6, indications" 100 "${few[@]}" -c -s "${v6[@]}" "$SERVER6"
also relays "IPv4 to IPv6" 100 "${few[@]}" -c "${v6[@]}" "$SERVER4"
also relays "IPv6 to IPv4" 100 "${few[@]}" -c -X "${v4[@]}" "$SERVER6"
all_end
also relays "dont fragment" 100 "${few[@]}" -c -s -g "${v4[@]}" "$SERVER4"
also relays "dont fragment, channels" 100 "${few[@]}" -c -g "${v4[@]}" "$SERVER4"
also relays "padded" 100 "${few[@]}" -c -D -l 101 "${v4[@]}" "$SERVER4"
also relays "extra requests" 100 "${few[@]}" -c -G "${v4[@]}" "$SERVER4"
also relays "large" 100 "${few[@]}" -c -l 1350 "${v4[@]}" "$SERVER4"
also relays "dual, IPv4 peer" 100 "${few[@]}" -Z "${v4[@]}" "$SERVER4"
also relays "dual, IPv6 peer" 100 "${few[@]}" -Z -e "$PEER6" "$SERVER6"
also relays "dual, indications" 100 "${few[@]}" -Z -s "${v4[@]}" "$SERVER4"
all_end
expected=(ip_dst nd_other icmp_no_session)
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except "${expected[@]}")" ""

relays "20 clients" 20000 -n 1000 -m 20 -z 5 -c "${v4[@]}" "$SERVER4"

# -N binds one peer to a second channel and gives up at the 400 that this must get (RFC 8656 12.2;
# coturn's own server says the same), so it is run with permissions only.
also relays "wrong requests" 100 -n 50 -m 2 -N -c -s "${v4[@]}" "$SERVER4"
also mangles "broken requests" -n 20 -R -c "${v4[@]}" "$SERVER4"
also mangles "broken requests, indications" -n 20 -R -c -s "${v4[@]}" "$SERVER4"
also mangles "broken requests, dual" -n 20 -R -Z "${v4[@]}" "$SERVER4"
also mangles "broken and wrong requests" -n 20 -N -R -s "${v4[@]}" "$SERVER4"
all_end
relays "afterwards" 50 -n 50 -c "${v4[@]}" "$SERVER4"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# What is broken is up to chance: any reason that a client's message can have, and no other.
assert_eq "drops that were not expected" "$(drops_except "${expected[@]}" stun_bad stun_attr \
	stun_fingerprint stun_method stun_unknown_attr chandata_bad send_bad no_session no_channel \
	no_permission peer_family)" ""
