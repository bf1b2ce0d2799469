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
# shellcheck source=tests/e2e/start.sh
. "$E2E/start.sh"

# ---- fairlead-dp ----

refuses fairlead-dp "ports[0].device (access, net_nosuch0): " 's/net_null0/net_nosuch0/'
refuses fairlead-dp "ports[1].device (core, net_af_xdp1,iface=nosuch): " 's/net_null1/net_af_xdp1,iface=nosuch/'
refuses fairlead-dp "ports[0].device (access, 0000:7f:1f.7): " 's/"net_null0"/"0000:7f:1f.7"/'
refuses fairlead-dp "dataplane.hugepages: port access is behind no IOMMU and needs " \
	's/"net_null0"/"vmbus:635a7ae3-091e-4410-ae59-667c4f8c04ee"/; s/^  hugepages:.*/  hugepages: no/'
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
refuses fairlead-dp "dataplane.memory-mb: 10485" \
	's/^  hugepages:.*/  hugepages: no/; s/^  memory-mb:.*/  memory-mb: 1048576/'
assert "it says what there is" grep -qE 'MB of ordinary pages are wanted, [0-9]+ MB of them to share .*, and the machine has [0-9]+ MB left' "$TMP/said"
refuses fairlead-dp "dataplane.socket: cannot listen on /proc/nosuch/dp.sock: " \
	's|^  socket: .*/dp.sock|  socket: /proc/nosuch/dp.sock|'
refuses fairlead-dp "dataplane.socket: $OWN_RUN/dp.sock is served by another fairlead-dp" \
	"s|^  socket: .*/dp.sock|  socket: $OWN_RUN/dp.sock|"
assert "the running fairlead-dp keeps its socket" test -S "$OWN_RUN/dp.sock"
echo precious >"$TMP/file"
refuses fairlead-dp "dataplane.socket: $TMP/file is in the way: not a socket" \
	"s|^  socket: .*/dp.sock|  socket: $TMP/file|"
assert_eq "a file where the socket should be" "$(cat "$TMP/file")" precious

# Its interfaces by another path: to try to open them would make it deaf.
config "s|net_null0|net_af_xdp0,iface=access|"
rc=0
said=$(in_relay timeout 30 "$BUILD/fairlead-dp" --config "$WRONG" 2>&1) || rc=$?
assert_num "exit code with the interface of another fairlead-dp" $rc -eq 1
[[ $said == *"ports[0].device (access, net_af_xdp0,iface=access): is used by another fairlead-dp (pid $dp)"* ]] ||
	fail "fairlead-dp says '$said'"
assert "the running fairlead-dp hears" in_client ping -q -c 2 -i 0.2 -W 5 "$SERVER4"

# So few open files that libraries would end the process before it says a word.
for program in fairlead-dp fairlead-cp; do
	config 's/nothing/changes/'
	rc=0
	said=$(prlimit --nofile=16 "$BUILD/$program" --config "$WRONG" 2>&1) || rc=$?
	assert_num "exit code of $program with 16 files" $rc -eq 1
	assert_eq "$program with 16 files" "$said" \
		"$program: 16 files may be open and 256 are needed at least: raise that (ulimit -n, LimitNOFILE=)"
done

# ---- too little memory (R73) ----

# However much is missing: from what the check sees, which is a wrong configuration (EX_CONFIG), and the
# first table that has no room, to the start that fails behind them.
for ((mb = 64, last = 0; !last; mb += 8)); do
	config "s|^  socket: .*/dp.sock|  socket: /proc/nosuch/dp.sock|
		s/^  memory-mb:.*/  memory-mb: $mb/; s/^  hugepages:.*/  hugepages: no/"
	CODES=1,78 run fairlead-dp "$mb MB"
	said=$(tail -n 1 "$TMP/said")
	[[ $said != "fairlead-dp: $WRONG: dataplane.socket: "* ]] || last=1
	((last)) || [[ $said == "fairlead-dp: $WRONG:"?(+([0-9]):)" dataplane.memory-mb: "* ]] ||
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
# more MBUFS: so many buffers, and little else.
more()
{
	echo "s/^  mbufs:.*/  mbufs: $1/; s/^  connections:.*/  connections: 256/; s/^  streams:.*/  streams: 64/
		s/^  srtp:.*/  srtp: 0/; s/^  hugepages:.*/  hugepages: yes/"
}
# A little more than there is, which the check leaves to the start: the most buffers that it lets pass.
MBUFS=90000
checked() { config "$(more $MBUFS)" && CODES=1,78 run fairlead-dp "$MBUFS buffers" && ! grep -q "too few: tables" "$TMP/said"; }
until checked; do
	((MBUFS -= 1000))
	assert_num "buffers" $MBUFS -gt 60000
done
refuses fairlead-dp "dataplane.memory-mb: " "$(more $MBUFS)"
echo "$HAD" >$PAGES
trap on_exit EXIT

# ---- fairlead-cp ----

refuses fairlead-cp "control.socket: cannot listen at /proc/nosuch/control.sock: " \
	's|^  socket: .*/control.sock|  socket: /proc/nosuch/control.sock|'
refuses fairlead-cp "control.socket: " "s|^  socket: .*/control.sock|  socket: $OWN_RUN/control.sock|"
assert "the running fairlead-cp keeps its socket" test -S "$OWN_RUN/control.sock"
refuses fairlead-cp "control.state: cannot use the state file $TMP" "s|^  state: .*|  state: $TMP|"
refuses fairlead-cp "auth: cannot write the nonce key /proc/nosuch/" 's|^  state: .*|  state: /proc/nosuch/state|'
refuses fairlead-cp "control.state: the state file $OWN_RUN/allocations.state is in use by another" \
	"s|^  state: .*|  state: $OWN_RUN/allocations.state|"
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
lock $OWN_STATE/users.db "BEGIN EXCLUSIVE"
rc=0
said=$(fl user add another --password-file - 2>&1 <<<secret) || rc=$?
assert_num "exit code of 'user add'" "$rc" -eq 1
[[ $said == "fairlead user: user database $OWN_STATE/users.db is locked by another program"* ]] ||
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
