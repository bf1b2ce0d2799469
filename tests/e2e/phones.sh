# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two baresips for tests of media, after calls.sh and agents.sh: the phone on the access side, enciphered
# as ENCIPHERED says, the core without. Each has a tone of its own, which the other one records.
#
#   ENCIPHERED=srtp-mand MODULE=srtp; calls NAME phone; calls NAME core
#
# CONFIG_OF are more lines of a phone's configuration, ACCOUNT_OF more of its account.
command -v baresip >/dev/null || fail "baresip is not there"
declare -A SIP_AT=([phone]=$CONTROL_CLIENT:5070 [core]=$PEER4:5080) MEDIA_AT=([phone]=$CLIENT4 [core]=$PEER4)
declare -A IN=([phone]=in_client [core]=in_peer) HZ=([phone]=440 [core]=1000)
declare -A PHONE CONFIG_OF ACCOUNT_OF

# phone_start WHO ANSWER [COMMAND]: baresip, which answers calls by itself (auto) or not (manual).
phone_start()
{
	local who=$1 dir=$TMP/$CALL-$1 device menc=""
	[[ $who != phone ]] || menc=${ENCIPHERED:+;mediaenc=$ENCIPHERED}
	mkdir -p "$dir/heard"
	device=$("${IN[$who]}" ip -o addr show to "${MEDIA_AT[$who]}" | awk '{print $2; exit}')
	cat >"$dir/config" <<-END
		sip_listen ${SIP_AT[$who]}
		net_interface $device
		module_path /usr/lib/baresip/modules
		module g711.so
		module ausine.so
		module aufile.so
		${MODULE:+module $MODULE.so}
		module sndfile.so
		${CONFIG_OF[$who]:-}
		module_app account.so
		module_app menu.so
		audio_source ausine,${HZ[$who]}
		ausrc_srate 48000
		ausrc_channels 2
		snd_path $dir/heard
		rtp_stats yes
	END
	echo "<sip:$who@$DOMAIN;transport=udp>;outbound=\"sip:$CONTROL_SIP:$SIP;transport=udp\";regint=60;answermode=$2;audio_codecs=pcmu$menc${ACCOUNT_OF[$who]:-}" >"$dir/accounts"
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

# calls NAME CALLER [COMMAND]: rings, talks for 150 packets each way, when the command is run, hangs up. KEYED: how
# many keys of SRTP there are.
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
	[[ -z ${KEYED:-} ]] || assert_eq "$CALL: terminations of SRTP" "$(fl_json status .gateway.srtp)" "$KEYED"
	[[ -z ${3:-} ]] || "$3"
	kill "${PHONE[$caller]}"
	await 10 ended "${PHONE[$caller]}" || fail "$CALL: $caller does not end"
	over
	kill "${PHONE[$called]}"
	await 10 ended "${PHONE[$called]}" || fail "$CALL: $called does not end"
	heard phone "${HZ[core]}"
	heard core "${HZ[phone]}"
	note "$CALL: both heard the other's tone"
}

