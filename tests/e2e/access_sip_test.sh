#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R18, R19, R22: SIP in UDP inside associations, to kamailio as P-CSCF and registrar and back (TS 33.203 7.1). Two
# phones of our own, whose ESP goes in UDP, register, one in transport mode and one in a tunnel, and send each
# other MESSAGEs, also longer than an MTU: kamailio knows each by a port of ours, and reaches it there. A phone
# whose NAT has another port is found; in clear nobody gets through.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

OURS=10.1.0.4 SIP=5060
CK=b40ba9a3c58b2a05bbf0d987b21bf8cb IK=f769bcd751044604127672711c6d3441

cat >"$TMP/kamailio.cfg" <<END
debug=1
log_stderror=yes
children=2
auto_aliases=no
listen=udp:$PEER4:$SIP
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "nathelper.so"
modparam("registrar", "received_avp", "\$avp(received)")
modparam("nathelper", "received_avp", "\$avp(received)")
request_route {
	force_rport();
	if (is_method("REGISTER")) {
		fix_nated_register();
		if (!save("location")) sl_reply_error();
		exit;
	}
	if (!lookup("location")) {
		sl_send_reply("404", "Not Found");
		exit;
	}
	t_relay();
}
END
relay_config "s|^    addresses: \[10.1.0.1/24|&, $OURS/24|" \
	"/^ipsec:/,/^turn:/s|^  addresses: .*|  addresses: [$OURS]|" \
	"/^ipsec:/,/^turn:/s|^  sip-port: .*|  sip-port: 10000|" \
	"/^ipsec:/,/^turn:/s|^  inner: .*|  inner: [10.77.0.0/16]|" \
	"s|^services:|&\\n  - {name: pcscf, backend: $PEER4, port: $SIP}|" \
	"s|^relays:|  - {address: $OURS, port: 5063, transport: udp, service: pcscf}\\n&|" >"$TMP/quickstart"
start "$TMP/kamailio.log" in_peer kamailio -DD -E -f "$TMP/kamailio.cfg" -m 32 -M 4 -Y "$TMP"
await 20 listens fl-peer $SIP || fail "kamailio does not listen: $(tail -n 3 "$TMP/kamailio.log")"
drops_mark
PYTHONPATH=$E2E:$E2E/../tcp timeout 100 python3 "$E2E/access_sip.py" $OURS "$CLIENT4" "$RELAY4" $CK $IK >"$TMP/phone.log" 2>&1 ||
	fail "$(tail -n 5 "$TMP/phone.log"); $(fl drops | head -n 5 | xargs); $(tail -n 3 "$TMP/kamailio.log")"
assert_num "datagrams of phones that were passed on" "$(counter edge_in)" -ge 11
assert_num "and of the back end" "$(counter edge_out)" -ge 11
assert "what came in clear: $(fl drops)" grep -q esp_clear <(fl drops)
assert_eq "what else was dropped" "$(drops_except esp_clear ip_dst nd_other)" ""
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
note "$(cat "$TMP/phone.log")"
