#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R18, R24, R25: what is inside associations, with a phone of our own whose ESP goes in UDP: RTP reaches a
# context whose access side is a realm at an address with IPsec, and comes back by ESP; in clear it does not get
# there. Controllers hear by ipsec.events that associations were used, moved, and are over, and why.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

OURS=10.1.0.4
CK=b40ba9a3c58b2a05bbf0d987b21bf8cb IK=f769bcd751044604127672711c6d3441

relay_config "s|^    addresses: \[10.1.0.1/24|&, $OURS/24|" \
	"/^ipsec:/,/^turn:/s|^  addresses: .*|  addresses: [$OURS]|" \
	"/^ipsec:/,/^turn:/s|^  inner: .*|  inner: [10.77.0.0/16]|" \
	"s|^realms:|&\\n  - {name: phones}|" \
	"s|^relays:|&\\n  - {address: $OURS, port-min: 20000, port-max: 29999, turn: false, realm: phones}|" >"$TMP/quickstart"
drops_mark
PYTHONPATH=$E2E:$E2E/../tcp timeout 100 python3 "$E2E/access_esp.py" $OURS "$CLIENT4" "$PEER4" $CK $IK >"$TMP/phone.log" 2>&1 ||
	fail "$(tail -n 5 "$TMP/phone.log"); $(fl drops | head -n 5 | xargs)"
assert_num "packets of the phone" "$(counter esp_in)" -ge 51
assert_num "packets to it" "$(counter esp_out)" -ge 50
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
note "$(cat "$TMP/phone.log")"
