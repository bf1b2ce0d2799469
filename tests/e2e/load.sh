# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# tests/e2e/load.py from a test. Several may run, each under a name.
declare -A LOAD_IN LOAD_OUT

# load_start NAME ARGUMENT...: returns once it runs.
load_start()
{
	local name=$1 in out
	shift
	mkfifo "$TMP/$name.in" "$TMP/$name.out"
	python3 "$ROOT/tests/e2e/load.py" "$@" <"$TMP/$name.in" >"$TMP/$name.out" 2>"$TMP/$name.log" &
	STARTED+=($!)
	exec {in}>"$TMP/$name.in" {out}<"$TMP/$name.out"
	LOAD_IN[$name]=$in LOAD_OUT[$name]=$out
	load_answer "$name" "load.py $*" 60
}

# load_answer NAME WHAT SECONDS: the next line, into REPLY.
load_answer()
{
	read -r -t "$3" -u "${LOAD_OUT[$1]}" REPLY ||
		fail "$1: no answer to $2: $(tail -n 3 "$TMP/$1.log")"
	[[ $REPLY != *'"failed"'* ]] || fail "$1: $(jq -r .failed <<<"$REPLY")"
}

# load NAME COMMAND [KEY]: its answer, or a member of it, in REPLY.
load()
{
	echo "$2" >&"${LOAD_IN[$1]}"
	load_answer "$1" "$2" 60
	[[ -z ${3:-} ]] || REPLY=$(jq -c ".$3" <<<"$REPLY")
}

# load_ended NAME NUMBER: whether so many of its connections have come to their end; for await.
load_ended()
{
	load "$1" ended ends
	((REPLY == $2))
}

# load_reaches NAME KEY NUMBER: for await.
load_reaches()
{
	load "$1" count "$2"
	((REPLY >= $3))
}

# load_more NAME KEY NUMBER: waits until its count has grown by that.
load_more()
{
	load "$1" count "$2"
	await 20 load_reaches "$1" "$2" $((REPLY + $3)) || fail "$1: $2 stands still: $REPLY"
}

# load_clean NAME: what was under way since the last pause has come, once, to the right place.
load_clean()
{
	local key answer
	load "$1" pause
	answer=$REPLY
	for key in lost twice wrong; do
		assert_num "$1: $key of $(jq .sent <<<"$answer") packets" "$(jq ".$key" <<<"$answer")" -eq 0
	done
	assert_num "$1: packets of the flow that got least" "$(jq .least <<<"$answer")" -gt 0
	note "$1: $(jq .sent <<<"$answer") packets, none lost"
}

# offered: what the hosts' kernels gave to the wire, or could not, since they started.
offered()
{
	local ns_dev sum=0 n
	for ns_dev in fl-client/client0 fl-peer/peer0; do
		n=$(in_ns "${ns_dev%/*}" ip -s -j link show "${ns_dev#*/}" | jq '.[0].stats64.tx | .packets + .dropped')
		sum=$((sum + n))
	done
	echo "$sum"
}

# unheard: how many of them did not reach the relay, but for a constant; unheard_since NUMBER: how
# many more since it said that, which were lost on the way. To be asked while nothing flows, since the
# counters are read one after the other; a straggler of the first time makes it less than none.
unheard() { echo $(($(offered) - $(counter rx))); }
unheard_since()
{
	local n=$(($(unheard) - $1))
	echo $((n > 0 ? n : 0))
}
