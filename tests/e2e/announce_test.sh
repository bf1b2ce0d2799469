#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Addresses on the link, as Linux takes them: its bridge that listens to MLD has the groups of our IPv6 addresses from
# our reports, unasked and as an answer to its query (RFC 3810); the entry of a neighbour whose address we took over gets
# our MAC (RFC 5227 2.3, RFC 4861 7.2.6); an address that Linux has is not announced, the log says who has it, and when
# it is given up we announce it; and whoever asks for one of ours before using it does not get it (RFC 4862 5.4, RFC
# 5227 2.1.1).
#
#   fl-client  client0, a bridge --- leg0 ---- access  fl-relay
#                               \--- leg1 ---- rival   fl-peer, another machine there
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
OTHER=02:00:00:00:00:99 # of a machine that had our addresses
GROUP=ff02::1:ff00:1    # of SERVER6 (RFC 4291 2.7.1)

bridged()
{
	local ns
	"$ROOT/conf/quickstart.sh" --down >/dev/null
	for ns in fl-client fl-relay; do
		ip netns add $ns
		in_ns $ns ip link set lo up
	done
	ip link add access netns fl-relay type veth peer name leg0 netns fl-client
	in_client ip link add client0 type bridge mcast_snooping 1
	in_client ip link set leg0 master client0 up
	in_client ethtool -K leg0 rx off tx off tso off gso off gro off >/dev/null
	RELAY_STAYS_DOWN=1 relay_start "$SAMPLE" >"$TMP/quickstart" || fail "$(tail -n 3 "$TMP/quickstart")"
	OURS=$(in_relay ip -j link show dev access | jq -r '.[0].address')
	in_client ip link add leg1 type veth peer name rival netns fl-peer
	in_client ip link set leg1 master client0 up
	in_peer ip link set rival up
	THEIRS=$(in_peer ip -j link show dev rival | jq -r '.[0].address')
}

# begins_anew: another fairlead-dp, which asks for its addresses and announces them.
begins_anew()
{
	local dp
	dp=$(dp_pid)
	kill "$dp"
	await 20 ended "$dp" || fail "fairlead-dp does not end"
	"$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" || fail "$(tail -n 3 "$TMP/quickstart")"
}

# seen CAPTURE FILTER: frames of ours there, by tshark.
seen() { tshark -n -r "$TMP/$1.pcapng" -Y "eth.src == $OURS && ($2)" 2>/dev/null | wc -l; }
was_seen() { (($(seen "$1" "$2") > 0)); }
reported() { in_client bridge mdb show dev client0 | grep -q "port leg0 grp $GROUP "; }
# stale: Linux has our addresses at another machine, and sends nothing there.
stale()
{
	local a
	for a in "$SERVER4" "$SERVER6"; do in_client ip neigh replace "$a" lladdr $OTHER dev client0 nud stale; done
}
# has_mac MAC ADDRESS...: of all these neighbours.
has_mac()
{
	local mac=$1 a
	for a in "${@:2}"; do in_client ip neigh show "$a" dev client0 | grep -q "lladdr $mac" || return 1; done
}
neighbours() { in_client ip neigh show dev client0 | xargs; }

ARP_SAYS="arp.isannouncement && arp.src.proto_ipv4 == $SERVER4"
ND_SAYS="icmpv6.type == 136 && icmpv6.nd.na.target_address == $SERVER6 && ipv6.dst == ff02::1"

# ---- multicast ----

bridged
await 20 reported || fail "the bridge has no $GROUP: $(in_client bridge mdb show | xargs)"
capture query in_client leg0
in_client bridge mdb del dev client0 port leg0 grp $GROUP
in_client ip link set client0 type bridge mcast_querier 1
await 20 reported || fail "after its query the bridge has no $GROUP: $(in_client bridge mdb show | xargs)"
IS_EXCLUDE="icmpv6.mldr.mar.record_type == 2 && icmpv6.mldr.mar.multicast_address == $GROUP"
await 40 was_seen query "$IS_EXCLUDE" || fail "the query is not answered"
captures_end
note "the bridge knows our groups"

# ---- takeover ----

stale
capture takeover in_client leg0
has_mac $OTHER "$SERVER4" "$SERVER6" || fail "before it: $(neighbours)"
begins_anew
await 20 has_mac "$OURS" "$SERVER4" "$SERVER6" || fail "Linux does not believe that we have the addresses: $(neighbours)"
await 10 was_seen takeover "$ARP_SAYS" || fail "no announcement by ARP"
await 10 was_seen takeover "$ND_SAYS" || fail "no unsolicited advertisement"
captures_end
# Or it would have learnt by its own question.
asked=$(tshark -n -r "$TMP/takeover.pcapng" -Y "eth.src != $OURS && (arp.dst.proto_ipv4 == $SERVER4 || icmpv6.nd.ns.target_address == $SERVER6)" 2>/dev/null | wc -l)
assert_eq "questions of Linux for our addresses" "$asked" 0
note "neighbours learn of a takeover"

# ---- they have our addresses ----

in_peer ip addr add "$SERVER4/32" dev rival
in_peer ip addr add "$SERVER6/128" dev rival nodad
capture theirs in_client leg0
begins_anew
for a in "$SERVER4" "$SERVER6"; do
	await 20 grep -qF "port access: address $a is also claimed by $THEIRS: one of both must change" "$RUN/fairlead-dp.log" ||
		fail "the log has no sentence about $a: $(tail -n 5 "$RUN/fairlead-dp.log")"
done
assert_num "claims of others, of port access" "$(fl_json ports '.ports[] | select(.info.name == "access").info.address_conflicts')" -ge 2
# The link-local address is asked for and announced beside them, and these three are over.
await 20 was_seen theirs "icmpv6.type == 143" || fail "no group is reported"
for filter in "$ARP_SAYS" "$ND_SAYS"; do assert_eq "announcements of what they have" "$(seen theirs "$filter")" 0; done
captures_end
in_peer ip addr del "$SERVER4/32" dev rival
in_peer ip addr del "$SERVER6/128" dev rival
stale
await 30 has_mac "$OURS" "$SERVER4" "$SERVER6" || fail "given up, they are not announced: $(neighbours)"
note "an address of others is told, and announced when they have given it up"

# ---- they ask for our addresses ----

in_client sh -c 'echo 1 >/proc/sys/net/ipv6/conf/client0/accept_dad'
in_client ip addr add "$SERVER6/128" dev client0
dad_failed() { in_client ip -6 addr show dev client0 dadfailed | grep -q "$SERVER6/"; }
await 20 dad_failed || fail "Linux takes our $SERVER6: $(in_client ip -6 addr show dev client0 | xargs)"
in_client ip addr del "$SERVER6/128" dev client0
rc=0
in_client busybox arping -D -q -c 2 -w 4 -I client0 "$SERVER4" || rc=$?
assert_eq "exit code of arping -D, which says that somebody has $SERVER4" $rc 1
rc=0
in_client busybox arping -D -q -c 2 -w 4 -I client0 10.1.0.77 || rc=$?
assert_eq "exit code of arping -D for an address that nobody has" $rc 0
note "nobody gets an address of ours"
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
