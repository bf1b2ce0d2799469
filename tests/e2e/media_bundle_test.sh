#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R12, R24, R39: Chromium with sound and picture in one bundle (RFC 9143), over one port, ICE and DTLS, and a phone of
# plain RTP in the core that has a port for each. The browser offers it and is answered, then it is offered it, then it
# offers by max-bundle, where the picture is bundle-only: in its bundle or nowhere. Each time it hears and sees what
# comes back from the phone's two ports, to which its streams came apart.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/calls.sh
. "$(dirname "$0")/calls.sh"
# shellcheck source=tests/e2e/agents.sh
. "$(dirname "$0")/agents.sh"

chromium=$(command -v chromium) || fail "there is no chromium: apt-get install chromium"
media_relay 0
drops_mark

# bundled NAME offer|answer called|calls [POLICY]: what the browser does, and the phone.
bundled()
{
	local phone ports
	CALL=$1
	start "$TMP/$CALL-phone.log" in_peer python3 "$E2E/bundle_phone.py" "$3" "$CONTROL_RELAY" "$PEER4" "$TMP/$CALL.offer" "$TMP/$CALL.answer"
	phone=$PID
	start "$TMP/$CALL-page.log" in_client env "HOME=$TMP" node "$E2E/node/bundle.cjs" "$chromium" "$TMP/$CALL-profile" "$2" \
		"$TMP/$CALL.offer" "$TMP/$CALL.answer" "${4:-balanced}"
	await 80 grep -q "^hears and sees\|^browser:" "$TMP/$CALL-page.log" || fail "$CALL: the page says nothing"
	grep -q "^hears and sees" "$TMP/$CALL-page.log" ||
		fail "$CALL: $(tail -n 3 "$TMP/$CALL-page.log"), $(tail -n 2 "$TMP/$CALL-phone.log"), $(drops)"
	assert_eq "$CALL: transports" "$(sed -n 's/^hears and sees //p' "$TMP/$CALL-page.log" | jq .transports)" 1
	await 20 ended "$PID" || fail "$CALL: Chromium does not end"
	# Of each port another source, and none of the other's.
	ports=$(tail -n 1 "$TMP/$CALL-phone.log" | jq -c '[.audio, .video | keys]')
	assert_eq "$CALL: sources of sound and picture: $ports" "$(jq -c '[(.[0] | length), (.[1] | length), (.[0] - .[1] | length)]' <<<"$ports")" "[1,1,1]"
	note "$CALL: $(tail -n 1 "$TMP/$CALL-page.log")"
	kill "$phone"
}

# m_lines FILE: their ports.
m_lines() { tr -d '\r' <"$TMP/$1" | awk '/^m=/ { printf "%s ", $2 }'; }

# answered_by_one NAME: the browser is told one port, the same in each of its m-lines.
answered_by_one()
{
	local audio video
	read -r audio video <<<"$(m_lines "$1.answer")"
	assert_num "$1: port that the browser is told" "$audio" -gt 0
	assert_eq "$1: ports that the browser is told" "$video" "$audio"
	grep -q "^a=group:BUNDLE 0 1" "$TMP/$1.answer" || fail "$1: no bundle is answered"
}

# end_calls: their contexts are gone.
end_calls()
{
	fl --json context list | jq -r '.contexts[].context' | while read -r context; do fl context delete "$context" >/dev/null; done
}

bundled offered offer called
answered_by_one offered
end_calls
bundled answered answer calls
grep -q "^a=group:BUNDLE 0 1" "$TMP/answered.offer" || fail "answered: no bundle is offered"
end_calls
bundled bundle-only offer called max-bundle
assert_eq "bundle-only: m-lines that the browser offers" "$(m_lines bundle-only.offer)" "9 0 "
assert_eq "bundle-only: of them so" "$(grep -c "^a=bundle-only" "$TMP/bundle-only.offer")" 1
answered_by_one bundle-only
await 5 accounted || fail "a packet is not accounted for: $(fl accounting)"
assert_eq "packets of no m-line" "$(drops | sed -n 's/^gate_bundle //p')" 0
