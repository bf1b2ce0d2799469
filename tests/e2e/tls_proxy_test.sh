#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R4: clients behind an HTTP proxy, which lets CONNECT through to port 443 and nothing else: squid, and
# tinyproxy. openssl s_client -proxy gives the TLS connection, in TLS 1.2 and 1.3, and our own client
# relays through it; coturn's client goes through a helper that asks for CONNECT; 50 users come from the
# proxy's one address at once.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/uclient.sh
. "$(dirname "$0")/uclient.sh"
SQUID=3128 TINY=8888 HELPER=5349

cat >"$TMP/tinyproxy.conf" <<END
Port $TINY
Listen 127.0.0.1
Timeout 60
MaxClients 100
ConnectPort 443
END
squid_start $SQUID 443
start "$TMP/tinyproxy.log" in_client tinyproxy -d -c "$TMP/tinyproxy.conf"
await 20 listens_tcp fl-client $TINY || fail "tinyproxy does not listen: $(tail -n 2 "$TMP/tinyproxy.log")"
start "$TMP/helper.log" in_client /usr/bin/python3 "$E2E/connect_helper.py" $HELPER $TINY "$SERVER4" 443
await 10 listens_tcp fl-client $HELPER || fail "the helper does not listen"

drops_mark
start_peer
relayed=$(to_clients)
also relays "channels through tinyproxy" 100 -t -S -n 50 -m 2 -c -e "$PEER4" 127.0.0.1
also relays "indications through tinyproxy" 100 -t -S -n 50 -m 2 -c -s -e "$PEER4" 127.0.0.1
all_end
assert_eq "messages relayed to clients" $(($(to_clients) - relayed)) 200
in_client timeout 50 python3 "$E2E/tls_proxy.py" $SQUID $TINY || fail "see above"
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session \
	no_permission relay_port no_session tcp_closed tcp_cookie tcp_port tcp_seq)" ""
