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
# shellcheck source=tests/e2e/phones.sh
. "$(dirname "$0")/phones.sh"
ENCIPHERED=srtp-mand MODULE=srtp KEYED=1

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
