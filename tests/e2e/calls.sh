# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# SIP for tests: kamailio in fl-peer (kamailio/sip.cfg), sipp as user agents (sipp/*.xml), and a network
# of control beside the relay's, since the kernel sees nothing of access and core in fl-relay:
#
#   fl-client 192.0.2.6 --- 192.0.2.5 fl-peer 192.0.2.2 --- 192.0.2.1 fl-relay
CONTROL_CLIENT=192.0.2.6 CONTROL_SIP=192.0.2.5 CONTROL_PEER=192.0.2.2 CONTROL_RELAY=192.0.2.1
SIP=5060
export CONTROL_CLIENT CONTROL_PEER

# control_network: it goes with the namespaces.
control_network()
{
	ip link add control1 netns "$NS-relay" type veth peer name control2 netns "$NS-peer"
	ip link add control6 netns "$NS-client" type veth peer name control5 netns "$NS-peer"
	in_relay ip addr add "$CONTROL_RELAY/30" dev control1
	in_peer ip addr add "$CONTROL_PEER/30" dev control2
	in_peer ip addr add "$CONTROL_SIP/30" dev control5
	in_client ip addr add "$CONTROL_CLIENT/30" dev control6
	in_relay ip link set control1 up
	in_peer ip link set control2 up
	in_peer ip link set control5 up
	in_client ip link set control6 up
}

# kamailio_start [DEFINE...]: of sip.cfg, beside where Fairlead's service reaches it.
kamailio_start()
{
	local define defines=()
	for define in "SIP_TCP=tcp:$PEER4:$SIP" "SIP_TCP6=tcp:[$PEER6]:$SIP" "$@"; do
		defines+=(-A "$define")
	done
	start "$TMP/kamailio.log" in_peer kamailio -DD -E -f "$E2E/kamailio/sip.cfg" -m 32 -M 4 -Y "$TMP" \
		"${defines[@]}"
	KAMAILIO=$PID
	await 20 listens_tcp "$NS-peer" $SIP ||
		fail "kamailio does not listen: $(tail -n 3 "$TMP/kamailio.log")"
}

kamailio_stop()
{
	kill "$KAMAILIO"
	await 20 ended "$KAMAILIO" || fail "kamailio does not end"
}

# stunnel_start PORT LINE...: TLS for sipp, which has none: what comes to this port of fl-client goes
# where these lines of stunnel's configuration say.
stunnel_start()
{
	local port=$1
	shift
	printf '%s\n' foreground=yes "pid=" debug=notice "[sip]" client=yes "accept = 127.0.0.1:$port" \
		"sni = sip.fairlead.test" "verifyChain = yes" "CAfile = $CA" "checkHost = sip.fairlead.test" \
		"$@" >"$TMP/stunnel$port.conf"
	start "$TMP/stunnel$port.log" in_client stunnel "$TMP/stunnel$port.conf"
	await 10 listens_tcp "$NS-client" "$port" ||
		fail "stunnel does not listen: $(tail -n 2 "$TMP/stunnel$port.log")"
}

# sipp NAME in_client|in_peer PARTS OPTION...: runs a scenario of these parts of sipp/ ("invite byed");
# messages go to $TMP/NAME.messages. Ends with sipp's exit code.
sipp()
{
	local name=$1 where=$2 part
	{
		echo '<?xml version="1.0" encoding="us-ascii"?>'
		echo "<scenario name=\"$3\">"
		for part in $3; do
			grep -v 'scenario\|<?xml' "$E2E/sipp/$part.xml"
		done
		echo '</scenario>'
	} >"$TMP/$name.xml"
	shift 3
	"$where" timeout 60 sipp -sf "$TMP/$name.xml" -trace_msg -message_file "$TMP/$name.messages" \
		-trace_err -error_file "$TMP/$name.errors" -nostdin -timeout 20 -timeout_error "$@" \
		>"$TMP/$name.log" 2>&1 </dev/null
}

# received_all NAME EXPRESSION: lines of the messages that sipp received, by a sed expression.
# received: the last.
received_all()
{
	sed -n '/^[A-Z]* message received/,/^-----/p' "$TMP/$1.messages" | tr -d '\r' | sed -n "$2"
}
received() { received_all "$@" | tail -n 1; }
