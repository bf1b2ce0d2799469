#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R74: truncated, oversized and lying packets of each layer, from both sides: Ethernet, ARP and ND
# (RFC 826, RFC 4861 section 7.1), IPv4 and IPv6, overlapping fragments (RFC 5722), UDP, STUN (RFC
# 8489 section 6.3), ChannelData and Send (RFC 8656 sections 11 and 12), forged ICMP (RFC 8656
# section 11.5), sources that are the relay's own. Each is dropped under exactly one reason and moves
# nothing else; the media of another client is untouched, every packet is accounted for.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"

relay_start "$SAMPLE" >"$TMP/quickstart" # without what other clients left
dp=$(dp_pid) cp=$(cp_pid)
load_start media media --legs 8 --rate 400
load media go
load_more media received 200
sessions=$(counter sessions) punted=$(counter punt)
python3 "$E2E/badinput.py" "$BUILD/fairlead" "$CONFIG" >"$TMP/sent" || fail "see above"
note "$(cat "$TMP/sent") bad frames, each under its reason"
load_more media received 200
load_clean media
assert_eq "sessions" "$(counter sessions)" "$sessions"
# The good client asked for its allocation: Allocate twice, CreatePermission, Refresh.
assert_eq "requests that reached fairlead-cp" $(($(counter punt) - punted)) 4
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
assert_eq "fairlead-dp" "$(dp_pid)" "$dp"
assert "fairlead-dp lives" test -e "/proc/$dp/exe"
assert "fairlead-cp lives" test -e "/proc/$cp/exe"
load media renew
load media quit
