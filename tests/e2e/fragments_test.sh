#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Datagrams larger than the link: put together when they come in fragments, cut again when they leave
# (RFC 791 section 3.2, RFC 8200 section 4.5, RFC 8656 sections 12.5 and 15), to peers and to clients,
# by channel and by indication, over IPv4 and IPv6: 3,000 bytes, the last size that fits and the
# first that does not, and 9,000. Nothing is lost, changed or left waiting.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"

# relays SIZE FAMILY FRAGMENTS: those are made or not.
relays()
{
	local name=$1-$2 in out whole
	in=$(counter frag_in) out=$(counter frag_out) whole=$(counter reassembled)
	load_start "$name" media --legs 4 --rate 200 --size "$1" --family "$2"
	load "$name" go
	load_more "$name" least 15
	load_clean "$name"
	load "$name" quit
	if [[ $3 == yes ]]; then
		assert_num "$name: fragments received" $(($(counter frag_in) - in)) -ge 60
		assert_num "$name: fragments sent" $(($(counter frag_out) - out)) -ge 60
		assert_num "$name: put together" $(($(counter reassembled) - whole)) -ge 30
	else
		assert_eq "$name: fragments received" "$(counter frag_in)" "$in"
		assert_eq "$name: fragments sent" "$(counter frag_out)" "$out"
	fi
}

# What an indication has around the data: header, peer's address, DATA and FINGERPRINT.
INDICATION4=44 INDICATION6=56
drops_mark
relays $((1500 - 28 - INDICATION4)) 4 no
relays $((1500 - 48 - INDICATION6)) 6 no
for size in 1473 3000 9000; do
	relays $size 4 yes
	relays $size 6 yes
done
assert_eq "reasons to drop" "$(drops_except ip_dst nd_other icmp_no_session)" ""

# A peer whose packets fit whole, but not in an indication, is told the size that does (RFC 1191,
# RFC 8201) and does as told.
needed() { drops | sed -n 's/^frag_needed //p'; }
for family in 4 6; do
	in_peer ip "-$family" route flush cache
	was=$(needed)
	load_start "told-$family" media --legs 4 --rate 200 --size 1440 --family $family
	load "told-$family" go
	load_more "told-$family" least 15
	load "told-$family" pause lost
	assert_num "IPv$family: lost until the peer was told" "$REPLY" -gt 0
	assert_eq "IPv$family: lost for the size and nothing else" $(($(needed) - was)) "$REPLY"
	load "told-$family" go
	load_more "told-$family" least 15
	load_clean "told-$family"
	load "told-$family" quit
done
await 10 accounted || fail "packets are not accounted for: $(fl --json accounting)"
nothing_held() { [[ $(counter held) == 0 ]]; }
await 10 nothing_held || fail "$(counter held) packets are held"
