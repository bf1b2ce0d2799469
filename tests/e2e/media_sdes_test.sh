#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R12, R24, R39: a phone with SRTP by SDES on the access side (baresip, mediaenc=srtp-mand) and one without in the
# core, by a real kamailio whose rtpengine module asks for RTP/AVP towards the one and RTP/SAVP towards the
# other. Each calls the other; each has a tone of its own, which the other one records; nothing is dropped, and
# SRTP ends at one termination. An independent endpoint of libsrtp changes its keys by offers again
# (srtp_rekey.py), and fairlead-cp is killed in between.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"
command -v baresip >/dev/null || fail "baresip is not there"
declare -A SIP_AT=([phone]=$CONTROL_CLIENT:5070 [core]=$PEER4:5080) MEDIA_AT=([phone]=$CLIENT4 [core]=$PEER4)
declare -A IN=([phone]=in_client [core]=in_peer) HZ=([phone]=440 [core]=1000) MEDIAENC=([phone]=srtp-mand [core]="")
declare -A PHONE

# phone_start WHO ANSWER [COMMAND]: baresip, which answers calls by itself (auto) or not (manual).
phone_start()
{
	local who=$1 dir=$TMP/$CALL-$1 device
	mkdir -p "$dir/heard"
	device=$("${IN[$who]}" ip -o addr show to "${MEDIA_AT[$who]}" | awk '{print $2; exit}')
	cat >"$dir/config" <<-END
		sip_listen ${SIP_AT[$who]}
		net_interface $device
		module_path /usr/lib/baresip/modules
		module g711.so
		module ausine.so
		module aufile.so
		module srtp.so
		module sndfile.so
		module_app account.so
		module_app menu.so
		audio_source ausine,${HZ[$who]}
		ausrc_srate 48000
		ausrc_channels 2
		snd_path $dir/heard
		rtp_stats yes
	END
	echo "<sip:$who@$DOMAIN;transport=udp>;outbound=\"sip:$CONTROL_SIP:$SIP;transport=udp\";regint=60;answermode=$2;audio_codecs=pcmu${MEDIAENC[$who]:+;mediaenc=${MEDIAENC[$who]}}" >"$dir/accounts"
	: >"$dir/contacts"
	start "$dir/log" "${IN[$who]}" baresip -f "$dir" "${@:3}"
	PHONE[$who]=$PID
	await 20 grep -qa "200 OK" "$dir/log" || fail "$CALL: $who does not register: $(tail -n 5 "$dir/log")"
}

# heard WHO: the other one's tone.
heard()
{
	local file seconds part
	file=$(find "$TMP/$CALL-$1/heard" -name "*dec*.wav" | head -n 1)
	[[ -n $file ]] || fail "$CALL: $1 has recorded nothing: $(tail -n 5 "$TMP/$CALL-$1/log")"
	read -r seconds part < <(python3 "$E2E/tone.py" "$file" "$2")
	awk "BEGIN { exit !($seconds >= 1 && $part > 0.9) }" ||
		fail "$CALL: $1 heard $part of the tone of $2 Hz, in $seconds s"
}

rtp_passed() { (($(counters 0) >= $1 && $(counters 1) >= $1)); }
counters() { fl --json context show "$CONTEXT" | jq ".terminations[$1].counters.packets"; }
one_context() { [[ $(contexts) == 1 ]]; }

# calls NAME CALLER: rings, talks for 150 packets each way, hangs up.
calls()
{
	local caller=$2 called=core
	[[ $caller == phone ]] || called=phone
	CALL=$1
	phone_start $called auto
	phone_start "$caller" manual -e "/dial sip:$called@$DOMAIN"
	await 20 one_context || fail "$CALL: no context: $(tail -n 5 "$TMP/$CALL-$caller/log")"
	CONTEXT=$(fl --json context list | jq -r '.contexts[0].context')
	await 20 rtp_passed 150 || fail "$CALL: no media: $(fl context show "$CONTEXT"); $(tail -n 5 "$TMP/$CALL-$caller/log")"
	assert_eq "$CALL: terminations of SRTP" "$(fl_json status .gateway.srtp)" 1
	kill "${PHONE[$caller]}"
	await 10 ended "${PHONE[$caller]}" || fail "$CALL: $caller does not end"
	over
	kill "${PHONE[$called]}"
	await 10 ended "${PHONE[$called]}" || fail "$CALL: $called does not end"
	heard phone "${HZ[core]}"
	heard core "${HZ[phone]}"
	note "$CALL: both heard the other's tone"
}

media_relay
kamailio_commands "udp:$CONTROL_RELAY:2223" SDES=1
drops_mark
calls from-srtp phone
calls to-srtp core
none_refused

# ---- keys that change ----

coproc REKEY { python3 "$E2E/srtp_rekey.py" "$NS-client" "$NS-peer" "$NS-relay" $CLIENT4 $PEER4 2>&1; }
rekey=$REKEY_PID
read -r -t 30 -u "${REKEY[0]}" said && [[ $said == talks ]] || fail "keys that change: $said $(cat <&"${REKEY[0]}")"
pid=$(cp_pid)
kill -KILL "$pid"
await 10 ended "$pid" || fail "fairlead-cp survives SIGKILL"
start_cp
await 20 synced || fail "fairlead-cp does not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
exec {out}<&"${REKEY[0]}"
echo >&"${REKEY[1]}"
read -r -t 30 -u "$out" said && [[ $said == "done" ]] || fail "keys that change: $said $(cat <&"$out")"
wait "$rekey" || fail "keys that change: srtp_rekey.py fails"
note "keys changed in a call, and fairlead-cp was killed"

await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
# What comes before the answer has no keys; baresip opens NATs by packets that are no SRTP; a stranger's key and
# packets by a key that the worker has not obeyed yet are ours.
total() { awk "\$1 == \"$1\" { print \$2 }" "$TMP/drops.now"; }
drops >"$TMP/drops.now"
assert_num "packets with a wrong tag" "$(total srtp_auth)" -le 25
assert_num "packets that are no SRTP" "$(total srtp_bad)" -le 5
assert_eq "drops that were not expected" "$(drops_except ip_dst nd_other icmp_no_session relay_port srtp_key srtp_bad srtp_auth)" ""
