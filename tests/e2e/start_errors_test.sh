#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What keeps a program from starting, beyond a wrong file (config_test.sh): devices, CPUs and huge
# pages that are not there, memory that is too small, places that cannot be written, sockets, state
# files and databases that are another's. Each time one sentence with file and key, another exit
# code than 0, and no process, socket or directory left. A database that is locked while the relay
# runs disturbs nobody. The running relay notices none of it.
#
# Alone: it counts the machine's huge pages.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

dp=$(dp_pid) cp=$(cp_pid) relay=$CONFIG
WRONG=$TMP/wrong.yaml

# config SED: the sample on its own sockets and files and on ports of memory, edited.
config()
{
	sed -e "s|$RUN/|$TMP/|; \|/tls/|!s|$STATE/|$TMP/|" \
		-e "s|net_af_xdp\(.\),iface=[a-z]*|net_null\1|" \
		-e 's/^  memory-mb:.*/  memory-mb: 192/; s/^  sessions:.*/  sessions: 1024/' \
		-e 's/^  allocations-max:.*/  allocations-max: 1024/; s/^  peers:.*/  peers: 1024/' \
		-e 's/^  metrics-port:.*/  metrics-port: 0/' -e "$1" "$relay" >"$WRONG"
}

# run PROGRAM: it must refuse; what it said is in $TMP/said.
run()
{
	local rc=0 pid
	"$BUILD/$1" --config "$WRONG" >"$TMP/said" 2>&1 </dev/null &
	pid=$!
	STARTED+=("$pid")
	await 30 ended "$pid" || fail "$1 goes on with: $2: $(tail -n 3 "$TMP/said")"
	wait "$pid" || rc=$?
	((rc == 1)) || fail "$1: exit code $rc with: $2: $(tail -n 3 "$TMP/said")"
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

# ---- fairlead-dp ----

refuses fairlead-dp "ports[0].device (access, net_nosuch0): " 's/net_null0/net_nosuch0/'
refuses fairlead-dp "ports[1].device (core, net_af_xdp1,iface=nosuch): " 's/net_null1/net_af_xdp1,iface=nosuch/'
refuses fairlead-dp "ports[0].device (access, 0000:7f:1f.7): " 's/"net_null0"/"0000:7f:1f.7"/'
refuses fairlead-dp "dataplane.workers: there is no CPU 900 here" 's/^  workers:.*/  workers: [900]/'
refuses fairlead-dp "dataplane.main-cpu: there is no CPU 900 here" 's/^  main-cpu:.*/  main-cpu: 900/'
refuses fairlead-dp "dataplane: DPDK does not start (CPUs, memory-mb, eal, or privileges?)" \
	's/^  eal:.*/  eal: [--vfio-intr=nosuch]/'
assert "EAL names the argument that it does not take" grep -q vfio-intr "$TMP/said"
refuses fairlead-dp "ports[0].device (access, net_nosuch0): " \
	's/^  log-levels:.*/  log-levels: ["lib.eal:info"]/; s/net_null0/net_nosuch0/'
assert "what a component logs can be turned up" grep -q "^EAL: Detected CPU lcores" "$TMP/said"
refuses fairlead-dp "dataplane.hugepages: " \
	's/^  hugepages:.*/  hugepages: yes/; s/^  memory-mb:.*/  memory-mb: 1048576/'
refuses fairlead-dp "dataplane.socket: cannot listen on /proc/nosuch/dp.sock: " \
	's|^  socket: .*/dp.sock|  socket: /proc/nosuch/dp.sock|'
refuses fairlead-dp "dataplane.socket: $RUN/dp.sock is served by another fairlead-dp" \
	"s|^  socket: .*/dp.sock|  socket: $RUN/dp.sock|"
assert "the running fairlead-dp keeps its socket" test -S "$RUN/dp.sock"
echo precious >"$TMP/file"
refuses fairlead-dp "dataplane.socket: cannot listen on $TMP/file: " \
	"s|^  socket: .*/dp.sock|  socket: $TMP/file|"
assert_eq "a file where the socket should be" "$(cat "$TMP/file")" precious

# ---- too little memory (R73) ----

# However much is missing: from the first table that has no room to the start that fails behind them.
for ((mb = 64, last = 0; !last; mb += 8)); do
	config "s|^  socket: .*/dp.sock|  socket: /proc/nosuch/dp.sock|
		s/^  memory-mb:.*/  memory-mb: $mb/; s/^  hugepages:.*/  hugepages: no/"
	run fairlead-dp "$mb MB"
	said=$(tail -n 1 "$TMP/said")
	[[ $said != "fairlead-dp: $WRONG: dataplane.socket: "* ]] || last=1
	((last)) || [[ $said == "fairlead-dp: $WRONG: dataplane.memory-mb: "* ]] ||
		fail "fairlead-dp says '$said' with $mb MB"
done
assert_num "MB that are enough" $((mb - 8)) -gt 64

# As many huge pages again as memory-mb has are left to others.
PAGES=/proc/sys/vm/nr_hugepages
HAD=$(cat $PAGES)
pages_back()
{
	local rc=$?
	echo "$HAD" >$PAGES
	set +e
	(exit $rc) # for on_exit
	on_exit
}
trap pages_back EXIT
free_kb() { awk '/^HugePages_Free:/ { n = $2 } /^Hugepagesize:/ { print n * $2 }' /proc/meminfo; }
page_kb=$(awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo)
missing=$((2 * 192 * 1024 - $(free_kb)))
((missing <= 0)) || echo $((HAD + (missing + page_kb - 1) / page_kb)) >$PAGES
assert_num "kB in free huge pages" "$(free_kb)" -ge $((2 * 192 * 1024))
refuses fairlead-dp "dataplane.memory-mb: 192 MB are too few" \
	's/^  mbufs:.*/  mbufs: 100000/; s/^  hugepages:.*/  hugepages: yes/'
echo "$HAD" >$PAGES
trap on_exit EXIT

# ---- fairlead-cp ----

refuses fairlead-cp "control.socket: cannot listen at /proc/nosuch/control.sock: " \
	's|^  socket: .*/control.sock|  socket: /proc/nosuch/control.sock|'
refuses fairlead-cp "control.socket: " "s|^  socket: .*/control.sock|  socket: $RUN/control.sock|"
assert "the running fairlead-cp keeps its socket" test -S "$RUN/control.sock"
refuses fairlead-cp "control.state: cannot use the state file $TMP" "s|^  state: .*|  state: $TMP|"
refuses fairlead-cp "auth: cannot write the nonce key /proc/nosuch/" 's|^  state: .*|  state: /proc/nosuch/state|'
refuses fairlead-cp "control.state: the state file $RUN/allocations.state is in use by another" \
	"s|^  state: .*|  state: $RUN/allocations.state|"
refuses fairlead-cp "auth: cannot open user database /proc/nosuch/users.db" \
	's|^  users-db: .*|  users-db: /proc/nosuch/users.db|'
printf 'garbage%.0s' {1..2000} >"$TMP/garbage.db"
refuses fairlead-cp "auth: user database $TMP/garbage.db is damaged or not a database" \
	"s|^  users-db: .*|  users-db: $TMP/garbage.db|"

# lock FILE SQL: another program does that to the database and stays.
lock()
{
	rm -f "$TMP/lock" # what the last one said is not this one's
	start "$TMP/lock" python3 -uc 'import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None)
for q in sys.argv[2:]: c.execute(q).fetchall()
print("locked"); time.sleep(600)' "$@"
	LOCK=$PID
	await 10 grep -q locked "$TMP/lock" || fail "the database is not locked: $(cat "$TMP/lock")"
}
unlock() { kill "$LOCK" && await 10 ended "$LOCK"; }

lock "$TMP/locked.db" "CREATE TABLE t (x)" "PRAGMA locking_mode = EXCLUSIVE" "BEGIN EXCLUSIVE"
refuses fairlead-cp "auth: user database $TMP/locked.db is locked by another program" \
	"s|^  users-db: .*|  users-db: $TMP/locked.db|"
unlock || fail "the lock stays"

# ---- a lock while the relay runs ----

CONFIG=$relay
lock $STATE/users.db "BEGIN EXCLUSIVE"
rc=0
said=$(fl user add another --password-file - 2>&1 <<<secret) || rc=$?
assert_num "exit code of 'user add'" "$rc" -eq 1
[[ $said == "fairlead user: user database $STATE/users.db is locked by another program"* ]] ||
	fail "'user add' says '$said'"
start_peer
uclient "$TMP/uclient" -c -e "$PEER4" -n 20 -m 2 "$SERVER4" || fail "$(tail -n 3 "$TMP/uclient")"
assert_eq "messages while the database is locked" "$(uclient_received "$TMP/uclient")" 40
unlock || fail "the lock stays"
! fl user list | grep -q another || fail "the refused user is there"

assert_eq "fairlead-dp" "$(dp_pid)" "$dp"
assert_eq "fairlead-cp" "$(cp_pid)" "$cp"
assert "still attached" attached
assert "fairlead-dp lives" test -e "/proc/$dp/exe"
assert "fairlead-cp lives" test -e "/proc/$cp/exe"
