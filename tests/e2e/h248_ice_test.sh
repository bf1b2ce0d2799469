#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R12, R32, R35 by H.248: a=ice-ufrag and a=ice-pwd of Local make a termination a lite agent (RFC 8445 2.5), by erlang-megaco. aioice,
# a full agent that nobody here wrote, is nominated with what the reply told it, and has its media echoed; with another password it
# gets nowhere, and after ICE has begun anew neither does it with the old one.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$E2E/calls.sh"
# shellcheck source=tests/e2e/mgc.sh
. "$E2E/mgc.sh"

relay_config 's/^  h248-address: .*/  h248-address: 0.0.0.0/' \
	"s|^  h248-controllers: .*|  h248-controllers: [{address: $CONTROL_PEER}]|" >"$TMP/quickstart"
control_network
start_peer 3480
of_ice() { grep -o "a=ice-$1:[A-Za-z0-9+/]*" <<<"$REPLY" | sed -n '1s/.*://p'; }
candidate() { grep -o 'a=candidate:1 1 UDP [0-9]* [0-9.]* [0-9]* typ host' <<<"$REPLY" | sed -n '1s/a=candidate://p'; }
# agent UFRAG PASSWORD CANDIDATE: whether aioice, in fl-client, gets an echo by it.
agent()
{
	in_client timeout 40 /usr/bin/python3 - "$@" >"$TMP/agent" 2>&1 <<-'END'
		import asyncio, sys
		import aioice

		async def main():
		    c = aioice.Connection(ice_controlling=True, components=1, use_ipv6=False)
		    await c.gather_candidates()
		    c.remote_username, c.remote_password, c.remote_is_lite = sys.argv[1], sys.argv[2], True
		    await c.add_remote_candidate(aioice.Candidate.from_sdp(sys.argv[3]))
		    await c.add_remote_candidate(None)
		    await asyncio.wait_for(c.connect(), 20)
		    for number in range(20):
		        await c.send(b"\x80\0 %d" % number)
		        assert await asyncio.wait_for(c.recv(), 5) == b"\x80\0 %d" % number
		    await c.close()

		asyncio.run(main())
	END
}

mgc_start "$CONTROL_PEER" pretty
await 30 registered restart || fail "the gateway does not register: $(tail -n 3 "$MGC_SAID")"
local_ice='Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP -\na=rtcp-mux\na=ice-ufrag:$\na=ice-pwd:$\n}'
ask "Context = \$ { Add = ip/access/\$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, $local_ice } } }, $(add core "$PEER4" 3480) }"
C=$(number) A=$(added 1) UFRAG=$(of_ice ufrag) PASSWORD=$(of_ice pwd) CANDIDATE=$(candidate)
replied a=ice-lite
[[ -n $UFRAG && -n $PASSWORD && $CANDIDATE == *" $SERVER4 "* ]] || fail "no credentials, or no candidate: $REPLY"
! agent "$UFRAG" "${PASSWORD}x" "$CANDIDATE" || fail "another password is taken"
agent "$UFRAG" "$PASSWORD" "$CANDIDATE" || fail "no echo: $(tail -n 3 "$TMP/agent") $(fl context list)"
note "aioice is nominated, and has its media echoed"

# ---- anew ----

ask "Context = $C { Modify = $A { Media { Stream = 1 { LocalControl { Mode = SendReceive }, $local_ice } } } }"
! agent "$UFRAG" "$PASSWORD" "$CANDIDATE" || fail "the credentials of before are taken"
agent "$(of_ice ufrag)" "$(of_ice pwd)" "$(candidate)" || fail "no echo after ICE began anew: $(tail -n 3 "$TMP/agent")"
ask "Context = $C { W-Subtract = * { Audit { } } }"
wrong
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
