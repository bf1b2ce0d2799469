#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients behind a firewall that lets nothing out but an HTTP proxy's CONNECT (R5, R6): squid in front
# of the TCP listener on port 80, and in front of it, through a small helper that asks for CONNECT,
# coturn's client and aioice; and our own client, which asks itself.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"
PROXY=3128 HELPER=3478

squid_start $PROXY 80 443
start "$TMP/helper.log" in_client /usr/bin/python3 "$E2E/connect_helper.py" $HELPER $PROXY "$SERVER4" 80
await 10 listens_tcp fl-client $HELPER || fail "the helper does not listen"

drops_mark
start_peer
accepted=$(counter tcp_accepted)
also relays "channels through squid" 100 -t -n 50 -m 2 -c -e "$PEER4" 127.0.0.1
also relays "indications through squid" 100 -t -n 50 -m 2 -c -s -e "$PEER4" 127.0.0.1
all_end
in_client timeout 50 /usr/bin/python3 "$E2E/aioice_client.py" tcp 127.0.0.1 $HELPER || fail "see above"
in_client timeout 50 /usr/bin/python3 - "$SERVER4" "$PEER4" $PROXY <<'END' || fail "see above"
import os, sys
sys.path.insert(0, os.environ["E2E"])
import stunlib as s

server, peer, proxy = sys.argv[1], sys.argv[2], ("127.0.0.1", int(sys.argv[3]))
c = s.Client(server, 80, via=proxy)
assert c.allocate().error() == 0
assert c.bind(0x4000, peer, 3480).error() == 0
for size in (1, 100, 1001, 1400):
    payload = os.urandom(size)
    c.send_channel(0x4000, payload)
    assert c.receive(s.PATIENCE) == (0x4000, payload), f"{size} bytes did not come back"
assert c.refresh((s.LIFETIME, s.u32(0))).error() == 0
END
assert_num "connections through squid" "$(counter tcp_accepted)" -ge $((accepted + 8))
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	no_permission relay_port no_session tcp_closed tcp_port tcp_seq)" ""
