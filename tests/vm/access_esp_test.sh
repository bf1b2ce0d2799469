#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R18, R19, R81, R82: phones whose ESP is Linux' own (xfrm with the keys that TS 33.203 makes of CK and IK). By each
# transform a phone has a file of a web server behind the protected port, over TCP on the worker's stack, in
# transport mode; then one behind a NAT of the kernel's by tunnel mode in UDP, its address inside; it is pinged
# there, has STUN answered, and moves to another port of the NAT. Nothing of it is in clear, and nothing gets in
# that is. What Linux counts of its own associations says that it took all of ours.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/web.sh
. "$E2E/web.sh"

OURS=10.1.0.4 OURS6=fd00:1::4
SERVER=5063 # protected port
CK=b40ba9a3c58b2a05bbf0d987b21bf8cb IK=f769bcd751044604127672711c6d3441
GCM_SALT=89273db6 GMAC_SALT=dbc2b1c2 # of these keys (TS 33.203 Annex I)
INNER=10.77.0.9 NATTED=192.168.7.2

modprobe -a xfrm_algo xfrm_user esp4 esp6 xfrm4_tunnel authenc echainiv seqiv gcm ctr cbc ecb sha1_generic cmac \
	nf_tables nft_chain_nat nft_masq nf_conntrack drbg jitterentropy_rng dummy 2>"$TMP/modprobe.log" || true

listen() { printf 's/^relays:/  - {address: "%s", port: %s, transport: %s%s}\\n&/' "$@"; }
relay_config "s|^    addresses: \[10.1.0.1/24|&, $OURS/24, \"$OURS6/64\"|" \
	"/^ipsec:/,/^turn:/s|^  addresses: .*|  addresses: [$OURS, \"$OURS6\"]|" \
	"/^ipsec:/,/^turn:/s|^  inner: .*|  inner: [10.77.0.0/16]|" \
	"/^ipsec:/,/^turn:/s|^  keepalive: .*|  keepalive: 2|" \
	"s/^services:/&\\n  - {name: web, backend: $PEER4, port: 8080}/" \
	"$(listen $OURS $SERVER tcp ", service: web")" "$(listen $OURS6 $SERVER tcp ", service: web")" \
	"$(listen $OURS $SERVER udp "")" >"$TMP/up.log" 2>&1 || not_up
FAULTS=$(dma_faults)
web_files 1
web_start
WANT=$(sha256sum <"$TMP/www/file")

# ask METHOD JSON: at the control socket; its result.
ask()
{
	PYTHONPATH=$E2E python3 - "$OWN_RUN/control.sock" "$1" "$2" <<-'END'
	import json, sys
	from gatelib import Rpc
	print(json.dumps(Rpc(sys.argv[1]).ask(sys.argv[2], **json.loads(sys.argv[3]))))
	END
}

# xfrm NAMESPACE WORD...
xfrm() { ip -n "$1" xfrm "${@:2}"; }

# how TRANSFORM: Linux' words for it, in HOW.
how()
{
	case $1 in
	cbc) HOW=(auth-trunc 'hmac(sha1)' "0x${IK}00000000" 96 enc 'cbc(aes)' "0x$CK") ;;
	null) HOW=(auth-trunc 'hmac(sha1)' "0x${IK}00000000" 96 enc 'ecb(cipher_null)' '') ;;
	gcm) HOW=(aead 'rfc4106(gcm(aes))' "0x$CK$GCM_SALT" 128) ;;
	gmac) HOW=(aead 'rfc4543(gcm(aes))' "0x$IK$GMAC_SALT" 128) ;;
	esac
}

# offers TRANSFORM: Security-Client of a phone that offers nothing better, at $port.
offers()
{
	names "$1" | sed "s/\"//g; s/: /=/g; s/, /; /; s/.*/ipsec-3gpp; &; spi-c=$((port + 10000)); spi-s=$((port + 10001)); \
port-c=$port; port-s=$((port + 1)), ipsec-3gpp; alg=hmac-md5-96; ealg=des-ede3-cbc/"
}

# names TRANSFORM: alg and ealg of Security headers.
names()
{
	case $1 in
	cbc) echo '"alg": "hmac-sha-1-96", "ealg": "aes-cbc"' ;;
	null) echo '"alg": "hmac-sha-1-96", "ealg": "null"' ;;
	gcm) echo '"alg": "null", "ealg": "aes-gcm"' ;;
	gmac) echo '"alg": "aes-gmac", "ealg": "null"' ;;
	esac
}

# has_file NAMESPACE CURL...: what the web server has, and all of it.
has_file()
{
	local got
	got=$(ip netns exec "$1" curl -sS --max-time 60 "${@:2}" 2>"$TMP/curl.log" | sha256sum) || true
	[[ $got == "$WANT" ]] || fail "not the file: $(cat "$TMP/curl.log"); Linux: $(esp_errors "$1"); $(fl drops | grep esp_ | xargs); \
in $(counter esp_in), out $(counter esp_out)"
}

# esp_errors NAMESPACE: what Linux did not take, or could not send.
# shellcheck disable=SC2016
esp_errors() { ip netns exec "$1" awk '$2 { print $1 "=" $2 }' /proc/net/xfrm_stat | xargs; }

# ---- transport mode ----

port=5100
transport()
{
	local ours=$2 ue=$3 at phone in out
	port=$((port + 2))
	phone=$(ask ipsec.add "{\"remote\": \"$ue\", \"local\": \"$ours\", \"user\": \"$1-$ue\",
		\"ck\": \"$CK\", \"ik\": \"$IK\", \"security_client\": \"$(offers "$1")\"}")
	assert_eq "$1: what both headers agree on" "$(ask ipsec.verify "{\"phone\": $(jq .phone <<<"$phone"), \"security_verify\":
		$(jq .security_server <<<"$phone"), \"security_client\": \"$(offers "$1")\"}" | jq -r .verdict)" agreed
	in=$((port + 10000)) out=$(jq '.lanes[0].spi_in' <<<"$phone")
	how "$1"
	at=(reqid "$port" mode transport replay-window 64 "${HOW[@]}")
	xfrm fl-client state add src "$ue" dst "$ours" proto esp spi "$out" "${at[@]}"
	xfrm fl-client state add src "$ours" dst "$ue" proto esp spi "$in" "${at[@]}"
	xfrm fl-client policy add src "$ue" dst "$ours" sport "$port" dport $SERVER dir out \
		tmpl src "$ue" dst "$ours" proto esp reqid "$port" mode transport
	xfrm fl-client policy add src "$ours" dst "$ue" sport $SERVER dport "$port" dir in \
		tmpl src "$ours" dst "$ue" proto esp reqid "$port" mode transport
	has_file fl-client --local-port "$port" "http://$([[ $ours == *:* ]] && echo "[$ours]" || echo "$ours"):$SERVER/file"
	phone=$(ask ipsec.show "{\"phone\": $(jq .phone <<<"$phone")}")
	assert_num "$1: bytes that went to the phone" "$(jq .bytes_out <<<"$phone")" -ge 1048576
	assert_eq "$1: dropped" "$(jq .dropped <<<"$phone")" 0
	note "$1 at $ours: $(jq -c '[.packets_in, .packets_out]' <<<"$phone") packets"
}
for t in null cbc gcm gmac; do transport $t $OURS $CLIENT4; done
transport cbc $OURS6 $CLIENT6
transport gcm $OURS6 $CLIENT6
assert_eq "what Linux did not take" "$(esp_errors fl-client)" ""

# What is not protected does not get there, in either direction.

! in_client curl -s --max-time 3 --local-port 6000 "http://$OURS:$SERVER/file" >/dev/null ||
	fail "the protected port is reached without ESP"
assert "the drops: $(fl drops)" grep -q esp_clear <(fl drops)


# ---- tunnel mode in UDP, behind a NAT ----

ip netns add fl-ue
ip -n fl-client link add ue0 type veth peer name net0 netns fl-ue
ip -n fl-client addr add 192.168.7.1/24 dev ue0
ip -n fl-client link set ue0 up
ip -n fl-ue addr add $NATTED/24 dev net0
ip -n fl-ue addr add $INNER/32 dev lo
ip -n fl-ue link set lo up
ip -n fl-ue link set net0 up
ip -n fl-ue route add default via 192.168.7.1
in_client sysctl -qw net.ipv4.ip_forward=1
# nat PORTS: its ports from now on.
nat()
{
	in_client nft -f - <<-END
	table ip nat
	delete table ip nat
	table ip nat {
		chain out {
			type nat hook postrouting priority 100
			ip saddr 192.168.7.0/24 meta l4proto udp masquerade to :$1
		}
	}
	END
}
nat 20000-20009
# Receiving needs a socket that says what comes to it; what it cannot read is not for us.
start "$TMP/encap.log" ip netns exec fl-ue python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 4500))
s.setsockopt(socket.IPPROTO_UDP, 100, 2)
print("open", flush=True)
time.sleep(600)'
await 10 grep -q open "$TMP/encap.log" || fail "no socket for ESP in UDP: $(cat "$TMP/encap.log")"
phone=$(ask ipsec.add "{\"remote\": \"$CLIENT4\", \"inner\": \"$INNER\", \"mod\": \"UDP-enc-tun\", \"user\": \"natted\",
	$(names cbc), \"ck\": \"$CK\", \"ik\": \"$IK\", \"spi_c\": 7001}")
name=$(jq .phone <<<"$phone")
how cbc
at=(reqid 9 mode tunnel replay-window 64 "${HOW[@]}" encap espinudp 4500 4500 0.0.0.0)
xfrm fl-ue state add src $NATTED dst $OURS proto esp spi "$(jq '.lanes[0].spi_in' <<<"$phone")" "${at[@]}"
xfrm fl-ue state add src $OURS dst $NATTED proto esp spi 7001 "${at[@]}"
xfrm fl-ue policy add src $INNER dst $OURS dir out tmpl src $NATTED dst $OURS proto esp reqid 9 mode tunnel
xfrm fl-ue policy add src $OURS dst $INNER dir in tmpl src $OURS dst $NATTED proto esp reqid 9 mode tunnel

ip netns exec fl-ue ping -q -c 3 -i 0.2 -W 5 -I $INNER $OURS >"$TMP/ping.log" 2>&1 ||
	fail "no echo through the tunnel: $(tail -n 2 "$TMP/ping.log"); $(esp_errors fl-ue); $(fl drops | head -n 5)"
remote() { ask ipsec.show "{\"phone\": $name}" | jq -r .remote; }
assert "where its NAT has it: $(remote)" grep -q "^$CLIENT4:2000[0-9]$" <(remote)
has_file fl-ue --interface $INNER "http://$OURS:$SERVER/file"
ip netns exec fl-ue timeout 20 turnutils_stunclient -L $INNER -p $SERVER $OURS >"$TMP/stun.log" 2>&1 ||
	fail "no STUN through the tunnel: $(tail -n 3 "$TMP/stun.log")"
assert "the address it has inside: $(cat "$TMP/stun.log")" grep -q "reflexive addr: $INNER" "$TMP/stun.log"
assert "its keep-alives" await 20 test "$(counter esp_kept_alive)" -ge 0
# The NAT forgets it, and has other ports: the next packet of its own says where it is.
nat 30000-30009
in_client sh -c 'command -v conntrack >/dev/null && conntrack -F >/dev/null 2>&1' || true
ip -n fl-client link set ue0 down
ip -n fl-client link set ue0 up
moved()
{
	ip netns exec fl-ue ping -q -c 1 -W 2 -I $INNER $OURS >/dev/null 2>&1
	[[ $(remote) == "$CLIENT4:3000"[0-9] ]]
}
in_client sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1 net.netfilter.nf_conntrack_udp_timeout_stream=1
await 60 moved || fail "it is not found at its new port: $(remote)"
has_file fl-ue --interface $INNER "http://$OURS:$SERVER/file"
assert_num "moves" "$(counter esp_moved)" -ge 2
assert_eq "what Linux did not take in the tunnel" "$(esp_errors fl-ue)" ""
assert_num "keep-alives sent" "$(counter esp_kept_alive)" -ge 1
note "$(fl phones)"

# What is over is over at once.
ask ipsec.delete "{\"phone\": $name}" >"$TMP/last"
assert_num "bytes that went through the tunnel" "$(jq .bytes_out "$TMP/last")" -ge 2097152
! ip netns exec fl-ue ping -q -c 1 -W 2 -I $INNER $OURS >/dev/null 2>&1 || fail "an association that has ended is served"
relay_is_well
