# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# For tests of programs that must not start: each time one sentence with file and key, another exit
# code than 0, and no process, socket or directory left. Sourced behind lib.sh.
SAMPLE_RUNS=$CONFIG
WRONG=$TMP/wrong.yaml

# config SED: the sample on its own sockets and files and on ports of memory, edited.
config()
{
	sed -e "s|$OWN_RUN/|$TMP/|; s|$OWN_STATE/|$TMP/|" \
		-e "s|net_af_xdp\(.\),iface=[a-z]*|net_null\1|" \
		-e 's/^  memory-mb:.*/  memory-mb: 192/; s/^  sessions:.*/  sessions: 1024/' \
		-e 's/^  allocations-max:.*/  allocations-max: 1024/; s/^  peers:.*/  peers: 1024/' \
		-e 's/^  metrics-port:.*/  metrics-port: 0/' -e "$1" "$SAMPLE_RUNS" >"$WRONG"
}

# run PROGRAM: it must refuse; what it said is in $TMP/said. Exit codes other than 1 in CODES.
run()
{
	local rc=0 pid
	"$BUILD/$1" --config "$WRONG" >"$TMP/said" 2>&1 </dev/null &
	pid=$!
	STARTED+=("$pid")
	await 30 ended "$pid" || fail "$1 goes on with: $2: $(tail -n 3 "$TMP/said")"
	wait "$pid" || rc=$?
	[[ ,${CODES:-1}, == *,$rc,* ]] || fail "$1: exit code $rc with: $2: $(tail -n 3 "$TMP/said")"
	[[ ! -e /run/dpdk/fl$pid ]] || fail "$1 leaves /run/dpdk/fl$pid: $2"
}

# refuses PROGRAM SENTENCE SED: as its last line, which names the file.
refuses()
{
	config "$3"
	run "$1" "$2"
	assert_eq "$1: sentences about: $2" "$(grep -c "^$1: $WRONG:" "$TMP/said")" 1
	[[ $(tail -n 1 "$TMP/said") == "$1: $WRONG:"?(+([0-9]):)" $2"* ]] ||
		fail "$1 says '$(tail -n 1 "$TMP/said")', not '$2'"
	[[ -e $TMP/keep ]] || no_sockets "$1: $2"
}

no_sockets()
{
	local left
	left=$(find "$TMP" -type s)
	assert_eq "sockets left by $1" "$left" ""
}
