#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The page as Chromium shows it, of a relay that is well, of one that is drained and of one whose workers stand
# still: health in a word with its reasons, listeners, relays, ports, certificates with days left, and a
# line of what was before the page was opened, which the control process remembers. It takes nothing from
# elsewhere, and its JSON is bounded.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
chromium=$(command -v chromium) || fail "there is no chromium: apt-get install chromium"

fetch() { in_relay curl -sSf "http://127.0.0.1:9643$1"; }
# shows TEXT...: the page has all of them.
shows()
{
	local text
	# shellcheck disable=SC2024
	in_relay env HOME="$TMP" timeout -k 5 60 "$chromium" --headless --no-sandbox --disable-gpu --enable-logging=stderr \
		--virtual-time-budget=4000 --dump-dom http://127.0.0.1:9643/ >"$TMP/dom" 2>"$TMP/chromium.log" ||
		fail "chromium: $(tail -n 3 "$TMP/chromium.log")"
	for text; do
		grep -qF -- "$text" "$TMP/dom" || fail "the page lacks $text"
	done
	! grep -q "Content Security Policy" "$TMP/chromium.log" || fail "$(grep "Content Security" "$TMP/chromium.log")"
	! grep -q "CONSOLE.*Uncaught" "$TMP/chromium.log" || fail "$(grep CONSOLE "$TMP/chromium.log")"
}

for file in / /page.css /page.js /chart.js; do
	fetch "$file" >"$TMP/file"
	! grep -oE '(src|href|url)[=(]"?(https?:)?//' "$TMP/file" || fail "$file loads from elsewhere"
done

# What a client did is seen in intervals that have ended.
packets() { (($(fetch /history | jq '[.packets[] // 0] | max // 0') > 0)); }
answers() { (($(fetch /history | jq '[.latency_us[] // 0] | max // 0') > 0)); }
# Its allocations are there until they expire.
sessions() { (($(fetch /history | jq '.sessions | max // 0') > 0)); }
start_peer
uclient "$TMP/uclient.log" -n 200 -m 4 -e "$PEER4" "$SERVER4" || fail "uclient: $(tail -n 2 "$TMP/uclient.log")"
await 30 packets || fail "no packets in $(fetch /history)"
await 30 answers || fail "nobody was answered in $(fetch /history)"
await 30 sessions || fail "no sessions in $(fetch /history)"
assert_eq "lists of one length" "$(fetch /history | jq '[.time, .packets, .drops, .sessions, .contexts, .load, .latency_us | length] | unique | length')" 1
assert_num "points" "$(fetch /history | jq '.points - (.time | length)')" -ge 0

days=$(fl --json tls | jq '[.certificates[].days_left] | min')
shows '>well</p>' 'aria-label="Packets received a second"' 'class="line" d="M' "$SERVER4:3478</td>" "$RELAY4</td>" \
	'>access</td><td class="text good">up</td>' "<td>$days</td>"
! grep -q 'class="bad"' "$TMP/dom" || fail "something is bad: $(grep -o '<[^>]*class="bad"[^<]*<' "$TMP/dom")"

fl drain >"$TMP/drain"
shows '>draining</p>' 'the node is being drained'
fl undrain >"$TMP/drain"

dp_goes_on() { kill -CONT "$(cat "$RUN/fairlead-dp.pid")"; }
stands() { fetch /status | jq -e '.status.problems[] | select(.about == "worker")' >"$TMP/problem"; }
goes() { ! stands; }
AT_END=dp_goes_on
kill -STOP "$(cat "$RUN/fairlead-dp.pid")"
await 20 stands || fail "workers that stand still are not told"
shows '>failing</p>' 'has made no turn for'
dp_goes_on
await 20 goes || fail "that they go on is not told"
shows '>well</p>'
