#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The TCP stack against Linux's across an impairment box: every byte arrives as it was sent, both
# ways, whoever opens and whoever closes first (RFC 9293 3.5, 3.6), from 1 byte to many MB, one
# connection and hundreds, with loss, reordering, duplicates, delay, broken bits and a slow link; no
# connection stalls, and nothing is left of any (R5 to R8, R43, R74).
#
#   linux_test.sh            what the suite runs, in about two minutes
#   linux_test.sh --long     every plan under every profile, IPv4 and IPv6, bulk of 1 GB
#   linux_test.sh --kernel   Linux to Linux: tries the test, not the stack
#   linux_test.sh [--long] --only PROFILE
. "$(dirname "$0")/lib.sh"

LONG='' KERNEL='' ONLY=''
while (($#)); do
	case $1 in
	--long) LONG=1 ;;
	--kernel) KERNEL=1 ;;
	--only) ONLY=$2; shift ;;
	*) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
	esac
	shift
done

# name|rules forth (from Linux)|rules back|largest size of "many"|bytes of "bulk"
PROFILES='clean|||1000000|67108864
loss1|loss=1|loss=1|100000|8000000
loss5|loss=5,delay=2|loss=5,delay=2|30000|1000000
lossup|loss=5,delay=1||30000|1000000
lossdown||loss=5,delay=1|30000|1000000
reorder|reorder=25:3,delay=2|reorder=25:3,delay=2|100000|4000000
dup|dup=10,reorder=5:2|dup=10,reorder=5:2|100000|8000000
bits|error=2|error=2|100000|4000000
delay|delay=150,jitter=10|delay=150,jitter=10|100000|4000000
rate|rate=20000,queue=60000,delay=5|rate=20000,queue=60000,delay=5|30000|6000000
all|loss=2,dup=2,reorder=10:5,error=1,delay=20,jitter=5|loss=2,dup=2,reorder=10:5,error=1,delay=20,jitter=5|30000|500000
long|delay=300,loss=0.5|delay=1|10000|200000'

# plan PROFILE ARGUMENT...: one run of linux_peer.py.
plan()
{
	local what="${*:2}"
	in_ns fltcp-linux python3 "$TCP/linux_peer.py" ${KERNEL:+--kernel} --socket "$AGENT_SOCKET" \
		--plan "${@:2}" >"$TMP/plan.log" 2>&1 || {
		tail -n 40 "$TMP"/agent.log "$TMP/plan.log"
		kill -0 "$AGENT_PID" 2>/dev/null || fail "the agent died"
		fail "$1, $what: $(tail -n 1 "$TMP/plan.log")"
	}
	note "$1: $(cat "$TMP/plan.log")"
}

# profile NAME RULES RULES MANY BULK: the box, and what is tried through it.
profile()
{
	box_up --seed 42 --forth "$2" --back "$3"
	if [[ -n $LONG ]]; then
		for family in 4 6; do
			plan "$1" sizes --family $family --timeout 600
			plan "$1" ends --family $family --timeout 600
			plan "$1" many --family $family --conns 500 --bytes "$4" --timeout 600
			plan "$1" bulk --family $family --timeout 3600 \
				--bytes $(($5 == 67108864 ? 1 << 30 : 8 * $5))
		done
	else
		case $1 in
		clean)
			plan "$1" sizes
			plan "$1" sizes --family 6
			plan "$1" ends
			plan "$1" ends --family 6
			plan "$1" many --conns 400 --bytes "$4"
			plan "$1" bulk --bytes "$5"
			;;
		all) plan "$1" sizes && plan "$1" many --conns 100 --bytes "$4" ;;
		*)
			plan "$1" many --conns 60 --bytes "$4"
			plan "$1" bulk --bytes $(($5 / 4)) --family 6
			;;
		esac
	fi
	box_down
	box_fine
}

# The box itself lost nothing.
box_fine()
{
	assert_eq "frames that the box's sockets lost" "$(jq -s 'map(.missed? // 0) | add' \
		<(grep '^{' "$TMP/box.log"))" 0
}

topology ${KERNEL:+kernel}
sysctl_in fltcp-linux ipv4/tcp_wmem='4096 262144 16777216' ipv4/tcp_rmem='4096 131072 16777216'
if [[ -n $KERNEL ]]; then kernel_up agent "$AGENT_SOCKET"; else agent_up; fi
while IFS='|' read -r name forth back many bulk; do
	[[ -n $ONLY && $name != "$ONLY" ]] || profile "$name" "$forth" "$back" "$many" "$bulk"
done <<<"$PROFILES"
[[ -n $KERNEL ]] || agent_down
note "every byte both ways, and nothing is left"
