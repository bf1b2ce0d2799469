#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every test there is, on a machine that may be new: packages, builds (gcc, clang, sanitizers),
# unit tests, fuzzers for a bounded time, static checks, and the end-to-end tests against the
# set-up of conf/quickstart.sh. The last line is "N passed, N failed".
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT" || exit 1
LOGS=$ROOT/build-logs
LOGS_KEPT=5 # of earlier runs: build-logs.1 is the last one's
# shellcheck source=tests/jobs.sh
. "$ROOT/tests/jobs.sh"
CRASHES=$ROOT/build-crashes # inputs that made a fuzzer fail: tried first in each run, until removed
FOUND=$ROOT/build-found # what fuzzers found beyond their corpora: see tests/fuzz/merge.sh
LONG=
PATTERN=
REST=() # what is neither
for arg; do
	case $arg in
	--long) LONG=1 ;;
	-*) REST+=("$arg") ;;
	*) [[ -n $PATTERN ]] && REST+=("$arg") || PATTERN=$arg ;;
	esac
done
FUZZ_SECONDS=${FUZZ_SECONDS:-${LONG:+600}}
FUZZ_SECONDS=${FUZZ_SECONDS:-3}
E2E_SECONDS=${E2E_SECONDS:-${LONG:+7200}}
E2E_SECONDS=${E2E_SECONDS:-600}
LANES=${LANES:-2} # half of an end-to-end test is waiting
LOCK=/run/fairlead-tests.lock
TARGETS=()
PASSED=0
FAILED=0

usage()
{
	cat <<-END
	Usage: tests/run.sh [--long] [PATTERN] [--help]

	Runs every test, or those whose name the extended regular expression PATTERN finds. Names:

	  build:gcc build:clang build:sanitized build:tsan
	  unit:NAME:release unit:NAME:sanitized    meson's tests (tests/meson.build)
	  tsan:NAME                                what threads share, by ThreadSanitizer
	  fuzz:NAME                                tests/fuzz, each on its corpus and then on its own
	  static:NAME                              tests/check-*.sh, shellcheck, licences
	  tcp:NAME                                 tests/tcp/NAME_test.sh
	  e2e:check e2e:NAME                       conf/quickstart.sh --check, tests/e2e/NAME_test.sh
	  e2e-sanitized:NAME                       the hostile ones of these on the sanitized programs
	  hostile:NAME                             tests/hostile/NAME.py beside honest clients
	  vm:DRIVER                                the relay on PCI NICs of a virtual machine: tests/vm/driver.sh
	  vm:DRIVER:e2e                            the end-to-end tests there that tests/vm/e2e_not.txt does not except;
	                                           that of virtio with --long, or each asked for by name.
	                                           VM_TESTS="NAME..." runs only these of them
	  vm:numa                                  workers on two NUMA nodes of one: tests/vm/numa.sh
	  vm:tap                                   rte_flow by a kernel's filters: tests/vm/tap.sh
	  vm:sctp                                  H.248 over the kernel's SCTP: tests/vm/sctp.sh
	  vm:steer                                 an RSS key that steers, on PCI: tests/vm/driver.sh virtio vm:steer
	  vm:bond-MEMBER                           a bond of virtio and virtio, e1000e, af_packet or af_xdp: tests/vm/bond_test.sh
	  vm:bare                                  no IOMMU, isolated CPUs, a page of 1 GB: tests/vm/bare_test.sh
	                                           e1000, igb, tap, steer and bare: with --long, or asked for by name
	  upgrade:boundary                         with --long, or asked for by name: programs from before the last
	                                           two changes of the boundary are upgraded to these under load
	  many:sessions                            likewise: a million sessions listed, filtered and killed, in
	                                           50 MB and without a pause of the control process
	  many:records                             likewise: 50,000 sessions a second begin and end on one core, and
	                                           each of their records is in the file
	  machine:NAME                             with --long: the README's commands in a new Debian
	  package:NAME                             with --long, or asked for by a pattern that begins so: the
	                                           package built, installed, upgraded and purged there,
	                                           and its services in a guest
	  compiler:NAME                            the same way: the tree built by gcc-13 and gcc-15, with the
	                                           libraries of doc/arch/tests.md, and tests of what differs

	--long is for a night: ten minutes of each fuzzer, a hundred seeds beside Linux, every impairment, a
	minute of each hostile program, the whole rig of benchmarks, new machines, and compilers that they have
	not. It also builds a release with clang, and runs twice, in a release and sanitized, what runs once
	when all is asked for.

	FUZZ_SECONDS=N  time of each fuzzer ($FUZZ_SECONDS)
	E2E_SECONDS=N   most a test of the kinds tcp, e2e and vm may take ($E2E_SECONDS)
	LANES=N         so many of these at a time ($LANES): tests/lanes.sh

	A test that is skipped has shown nothing and counts as failed. Logs are in build-logs/, those of
	earlier runs in build-logs.1/ and so on; what made a fuzzer fail is in build-crashes/,
	and is tried first by each later run. What a fuzzer found is in build-found/, where each
	later run goes on; tests/fuzz/merge.sh takes it into the corpus.
	One run at a time on a machine, for all have the same network namespaces.
	END
}

say() { echo "== $*"; }
want() { [[ -z $PATTERN || $1 =~ $PATTERN ]]; }
whole() { [[ -z $PATTERN && -z $LONG ]]; } # the run that everybody waits for

# want_kind KIND: whether the pattern may find names of this kind, told by its beginning.
want_kind()
{
	local kind='^\^?(build|unit|tsan|fuzz|static|tcp|e2e|e2e-sanitized|hostile|vm|upgrade|many|machine|package|compiler)(:|$)'
	[[ $PATTERN =~ $kind ]] || return 0
	[[ ${BASH_REMATCH[1]} == "$1" ]]
}

passed() { PASSED=$((PASSED + 1)); echo "   ok      $1${2:+ ($2)}"; }

# failed NAME WHY [LOG]
failed()
{
	FAILED=$((FAILED + 1))
	echo "   FAILED  $1: $2${3:+ ($3)}"
	[[ -z ${3:-} || ! -s ${3:-} ]] || tail -n 15 "$3" | sed 's/^/           | /'
}

# none KIND WHY: absence is no success.
none() { ! want "$1" || failed "$1" "$2"; }

log_of() { echo "$LOGS/$(tr -c 'A-Za-z0-9_.\n-' '_' <<<"$1").log"; }

# try NAME COMMAND...: one test that is one command. Skipped (77) is failed.
try()
{
	local name=$1 log rc=0 begin=$SECONDS
	shift
	want "$name" || return 0
	log=$(log_of "$name")
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	judge "$name" $rc "$log" $((SECONDS - begin))
	return $rc
}

# judge NAME RC LOG SECONDS: what became of a test.
judge()
{
	case $2 in
	0) passed "$1" "$4 s" ;;
	77) failed "$1" "was skipped" "$3" ;;
	124 | 137) failed "$1" "took too long" "$3" ;;
	*) failed "$1" "exit code $2" "$3" ;;
	esac
}

# What was built and written belongs to whom the tree belongs to, also under sudo.
give_back()
{
	chown -R --reference="$ROOT" "$ROOT"/build "$ROOT"/build-{clang,sanitized,tsan,found,crashes} "$LOGS"* 2>/dev/null
}

finish()
{
	((PASSED + FAILED)) || failed "$PATTERN" "no test has such a name"
	echo "$PASSED passed, $FAILED failed"
	((FAILED == 0))
	exit
}

# ---- machine ----

need_root()
{
	((EUID != 0)) || return 0
	command -v sudo >/dev/null || { echo "tests/run.sh needs root, and there is no sudo" >&2; exit 1; }
	exec sudo FUZZ_SECONDS="$FUZZ_SECONDS" E2E_SECONDS="$E2E_SECONDS" LANES="$LANES" VM_TESTS="${VM_TESTS:-}" \
		"$ROOT/tests/run.sh" "$@"
}

# A second run would take down the first one's relay, and find its own builds half made. flock keeps
# the lock to itself: what a test leaves running does not hold it.
lock_machine()
{
	local rc=0
	if [[ ${TESTS_LOCKED:-} != "$LOCK" ]]; then
		TESTS_LOCKED=$LOCK flock --nonblock --close --conflict-exit-code 75 "$LOCK" "$ROOT/tests/run.sh" "$@" || rc=$?
		((rc != 75)) || echo "tests/run.sh: another run is at work on this machine: $(cat "$LOCK")" >&2
		exit "$rc"
	fi
	echo "process $$ in $ROOT" >"$LOCK"
	trap give_back EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# Logs of earlier runs, oldest last.
logs_rotate()
{
	local i
	rm -rf "$LOGS.$LOGS_KEPT"
	for ((i = LOGS_KEPT - 1; i > 0; i--)); do
		[[ ! -e $LOGS.$i ]] || mv "$LOGS.$i" "$LOGS.$((i + 1))"
	done
	[[ ! -e $LOGS ]] || mv "$LOGS" "$LOGS.1"
	mkdir -p "$LOGS"
}

install()
{
	conf/quickstart.sh --install "$@" || {
		failed packages "not all could be installed"
		finish
	}
}

# What only tests need comes while the programs are built.
install_begin()
{
	say "packages"
	install build sanitize
	conf/quickstart.sh --install run check perf test &
	INSTALLING=$!
}

install_end()
{
	wait "$INSTALLING" || install run check perf test
}

# ---- builds ----

# build NAME DIR CC OPTION...: a failure counts even when the pattern is about something else. Of
# TARGETS, or all there is.
build()
{
	local name=$1 dir=$2 cc=$3 log begin=$SECONDS
	shift 3
	log=$(log_of "$name")
	# Hundreds of programs are linked: clang's linker takes a third of the time.
	[[ $cc != clang ]] || local -x CC_LD=lld
	if { [[ -f $dir/build.ninja ]] || CC=$cc meson setup "$dir" -Dwerror=true "$@"; } >"$log" 2>&1 </dev/null &&
		ninja -C "$dir" "${TARGETS[@]}" >>"$log" 2>&1 </dev/null; then
		! want "$name" || passed "$name" "$((SECONDS - begin)) s"
	else
		failed "$name" "does not build" "$log"
		return 1
	fi
}

# ---- unit tests ----

# unit_names DIR OPTION...: of meson's tests.
unit_names() { meson test -C "$1" --list "${@:2}" 2>/dev/null | grep / | sed 's/.* \/ //'; }

# unit DIR KIND: meson's tests, one by one from its log. In the run that everybody waits for each is
# made once: sanitized; in a release what looks at the programs themselves, and what is made once
# more before the clock wraps. Suite "builds" judges how the two differ.
unit()
{
	local dir=$1 kind=$2 name result log testlog=$1/meson-logs/testlog.json
	local -A left=() once=()
	say "unit tests, $kind"
	for name in $(unit_names "$dir" --no-suite tree); do
		left[$name]=1
		once[$name]=sanitized
		[[ $name != *_wrap ]] || once[$name]=release
	done
	((${#left[@]})) || { none "unit:all:$kind" "there are none"; return; }
	for name in $(unit_names "$dir" --suite perf --suite doc); do once[$name]=release; done
	for name in $(unit_names "$dir" --suite builds); do once[$name]=$kind; done
	for name in "${!left[@]}"; do
		want "unit:$name:$kind" || unset "left[$name]"
		! whole || [[ ${once[$name]} == "$kind" ]] || unset "left[$name]"
	done
	((${#left[@]})) || return 0
	log=$(log_of "unit:$kind")
	rm -f "$testlog"
	meson test -C "$dir" --no-suite tree --no-rebuild -t 3 "${!left[@]}" >"$log" 2>&1 </dev/null
	while read -r name result; do
		unset "left[$name]"
		if [[ $result == OK ]]; then
			passed "unit:$name:$kind"
		else
			python3 tests/testlog.py "$testlog" "$name" >"$(log_of "unit:$name:$kind")"
			failed "unit:$name:$kind" "$result" "$(log_of "unit:$name:$kind")"
		fi
	done < <(python3 tests/testlog.py "$testlog" 2>>"$log")
	for name in "${!left[@]}"; do
		failed "unit:$name:$kind" "did not run" "$log"
	done
}

# ---- threads ----

# Unit tests whose threads share what threads of the programs do: rings of the boundary, ticket keys,
# handshakes on crypto CPUs, records.
TSAN=(ring tickets crypto_cpus record_ring)

# With addresses that are not random, where that can be had: the runtime of an older clang does not
# know how far a newer kernel spreads them, and does not start.
tsan_try()
{
	local fixed=(setarch "$(uname -m)" --addr-no-randomize)
	"${fixed[@]}" true || fixed=()
	TSAN_OPTIONS=suppressions=$ROOT/tests/tsan.supp:print_suppressions=0 \
		timeout -k 20 120 "${fixed[@]}" "build-tsan/tests/test_$1"
}

tsan()
{
	local name
	say "threads"
	for name in "${TSAN[@]}"; do
		try "tsan:$name" tsan_try "$name"
	done
}

# ---- fuzzers ----

fuzz_one()
{
	local target=$1 name=$2 seeds=tests/fuzz/corpus/$2 f crashes=()
	local limits=(-timeout=10 -rss_limit_mb=2048 -artifact_prefix="$CRASHES/$2-")
	[[ -d $seeds ]] || { echo "there is no corpus $seeds"; return 1; }
	mkdir -p "$CRASHES" "$FOUND/$name"
	for f in "$CRASHES/$name"-*; do
		[[ ! -f $f ]] || crashes+=("$f")
	done
	((!${#crashes[@]})) || timeout 120 "$target" "${limits[@]}" "${crashes[@]}" || return
	timeout $((FUZZ_SECONDS + 120)) "$target" "${limits[@]}" -max_total_time="$FUZZ_SECONDS" \
		-print_final_stats=1 "$FOUND/$name" "$seeds"
}

# As many at a time as there are CPUs; told in their order.
fuzz()
{
	local target name names=() n=0 ends
	say "fuzzers, $FUZZ_SECONDS s each"
	ends=$(mktemp -d)
	for target in build-sanitized/tests/fuzz/fuzz_*; do
		[[ -f $target && -x $target ]] || continue
		n=$((n + 1))
		name=${target##*/fuzz_}
		want "fuzz:$name" || continue
		names+=("$name")
		while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n; done
		{
			begin=$SECONDS rc=0
			fuzz_one "$target" "$name" || rc=$?
			echo "$rc $((SECONDS - begin))" >"$ends/$name"
		} >"$(log_of "fuzz:$name")" 2>&1 </dev/null &
	done
	wait
	for name in "${names[@]}"; do
		local rc seconds
		read -r rc seconds <"$ends/$name"
		judge "fuzz:$name" "$rc" "$(log_of "fuzz:$name")" "$seconds"
	done
	rm -r "$ends"
	((n)) || none fuzz:all "no target was built"
}

# ---- static checks ----

licences()
{
	local rc=0 f
	while read -r f; do
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' ||
			{ echo "$f does not name its licence at the top"; rc=1; }
	done < <(find . -path './build*' -prune -o -path '*/node_modules' -prune -o \
		\( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \) -print)
	return $rc
}

scripts() { find . -path './build*' -prune -o -path '*/node_modules' -prune -o -name '*.sh' -print0 | xargs -0 shellcheck -S warning -x; }

static()
{
	local f
	say "static checks"
	try static:licences licences
	try static:shellcheck scripts
	try static:vm-e2e tests/vm/e2e.sh
	for f in tests/check-*.sh tests/test-checks.sh; do
		[[ -f $f ]] || { none static:checks "there is no tests/check-*.sh"; return; }
		try "static:$(basename "$f" .sh)" bash "$f" "$ROOT"
	done
}

# ---- what runs in lanes: see lanes.sh, and jobs.sh ----

JOBS=() # NAME LOG COMMAND..., as lanes.sh takes them

# job NAME COMMAND...: for the next free lane, unless it is not asked for.
job() { ! want "$1" || JOBS+=("$1 $(log_of "$1") ${*:2}"); }

# Whether a test of tests/e2e is to have the machine for itself, and says why in its head.
alone() { grep -q '^# Alone: ' "tests/e2e/$1_test.sh"; }

# e2e_names: the tests of tests/e2e there are.
e2e_names()
{
	local f
	for f in tests/e2e/*_test.sh; do
		[[ -f $f ]] || return
		basename "$f" _test.sh
	done
}

# Once is enough, with the sanitized programs, where a test judges both builds alike.
judged_sanitized()
{
	whole && [[ " ${HOSTILE[*]} " == *" $1 "* ]] &&
		! grep -qs E2E_BUILD "tests/e2e/$1_test.sh" "tests/e2e/$1.py"
}

# lanes N TITLE: the jobs there are, so many at a time; told as they end.
lanes()
{
	local n=$1 name rc seconds dir
	local -A left=()
	((${#JOBS[@]})) || return 0
	say "$2"
	# A lane does not reach the registry. Who needs the packages says why they are not there.
	[[ " ${JOBS[*]}" != *" vm:"* ]] || tests/vm/guest.sh --fetch >"$(log_of vm:fetch)" 2>&1
	[[ " ${JOBS[*]}" != *"vm:bare "* ]] || GUEST_KMODS=1 tests/vm/guest.sh --fetch >>"$(log_of vm:fetch)" 2>&1
	[[ " ${JOBS[*]}" != *" vm:igb"* ]] || tests/vm/driver.sh igb --fetch >>"$(log_of vm:fetch)" 2>&1
	[[ " ${JOBS[*]}" != *" e2e:"* && "${JOBS[*]}" != *":e2e "* ]] || tests/e2e/node/install.sh build >"$(log_of e2e:node)" 2>&1
	for name in "${JOBS[@]}"; do left[${name%% *}]=1; done
	dir=$(mktemp -d)
	while read -r name rc seconds; do
		judge "$name" "$rc" "$(log_of "$name")" "$seconds"
		unset "left[$name]"
	done < <(printf '%s\n' "${JOBS[@]}" | tests/lanes.sh "$n" "$dir")
	rm -r "$dir"
	JOBS=()
	for name in "${!left[@]}"; do
		failed "$name" "did not run"
	done
}

# ---- the TCP stack against Linux's ----

# What a test of the stack is given in a long run.
tcp_arguments()
{
	[[ -n $LONG ]] || return 0
	case $1 in
	linux) echo --long ;;
	differ) seq -f "--seed %.0f" "$(date +%Y%m%d)00" "$(date +%Y%m%d)99" | xargs ;;
	esac
}

tcp()
{
	local f n=0
	for f in tests/tcp/*_test.sh; do
		[[ -f $f ]] || continue
		n=$((n + 1))
		f=$(basename "$f" _test.sh)
		job "tcp:$f" timeout -k 20 "$E2E_SECONDS" bash "tests/tcp/${f}_test.sh" "$(tcp_arguments "$f")"
	done
	((n)) || none tcp:all "there is no tests/tcp/*_test.sh"
}

# ---- end to end ----

# Hostile input and restarts, with the sanitized programs: what main, ports, the loop and
# the command line do runs under no unit test. A report of a sanitizer fails the test it came in.
HOSTILE=(badinput badstream context_restart errors gateway_bad known_holes restart start_errors tls_bad)

e2e_sanitized()
{
	local name
	for name in "${HOSTILE[@]}"; do
		[[ -f tests/e2e/${name}_test.sh ]] || { failed "e2e-sanitized:$name" "there is no such test"; continue; }
		alone "$name" || job "e2e-sanitized:$name" e2e_sanitized_job "$name"
	done
}

e2e()
{
	local name
	[[ -n $(e2e_names) ]] || none e2e:all "there is no tests/e2e/*_test.sh"
	job e2e:check "FAIRLEAD_BUILD=$ROOT/build" timeout 300 conf/quickstart.sh --check
	for name in $(e2e_names); do
		alone "$name" || judged_sanitized "$name" || job "e2e:$name" e2e_job "$name"
	done
}

# Those that the load of others would disturb, or that look at what all lanes share.
alone_all()
{
	local name
	want_kind e2e || want_kind e2e-sanitized || return 0
	say "end to end, alone"
	conf/quickstart.sh --down >"$(log_of e2e:down)" 2>&1 </dev/null
	for name in $(e2e_names); do
		alone "$name" || continue
		judged_sanitized "$name" || [[ -z ${GCC:-} ]] || try "e2e:$name" e2e_job "$name"
		[[ " ${HOSTILE[*]} " != *" $name "* || -z ${SANITIZED:-} ]] ||
			try "e2e-sanitized:$name" e2e_sanitized_job "$name"
	done
	conf/quickstart.sh --down >"$(log_of e2e:down)" 2>&1 </dev/null
}

# ---- PCI NICs, in a virtual machine ----

vms()
{
	local d queues most
	for d in e1000e vmxnet3 virtio e1000 igb; do
		# The last two, and tap, sctp, steer and bare, in the night, or asked for by name.
		[[ $d != e1000 && $d != igb || -n $LONG || $PATTERN == *vm:$d* ]] || continue
		queues=1
		[[ $d != virtio && $d != igb ]] || queues=2 # QEMU spreads packets over the queues of these alone
		# Two guests at a time emulate more than the machine has.
		job "vm:$d" "VM_LONG=$LONG" "VM_QUEUES=$queues" "VM_SECONDS=$((3 * E2E_SECONDS / 2))" "GUEST_SECONDS=$((4 * E2E_SECONDS))" tests/vm/driver.sh "$d"
	done
	# Hours: each test takes some ten times what it takes here. The guest's time is not over before that of its tests.
	most=$((E2E_SECONDS < 1200 ? 1200 : E2E_SECONDS))
	for d in e1000e vmxnet3 virtio e1000 igb; do
		[[ $PATTERN != *vm:$d:e2e* ]] && [[ -z $LONG || $d != virtio ]] ||
			job "vm:$d:e2e" "VM_SECONDS=$most" "GUEST_SECONDS=$((most * $(tests/vm/e2e.sh | wc -l)))" tests/vm/driver.sh "$d" e2e
	done
	job vm:numa tests/vm/numa.sh
	[[ -z $LONG && $PATTERN != *vm:tap* ]] || job vm:tap tests/vm/tap.sh
	[[ -z $LONG && $PATTERN != *vm:sctp* ]] || job vm:sctp "GUEST_SECONDS=$((2 * E2E_SECONDS))" tests/vm/sctp.sh
	for d in virtio e1000e af_packet af_xdp; do
		[[ -z $LONG && $PATTERN != *vm:bond* ]] ||
			job "vm:bond-$d" "VM_SECOND=$d" "VM_SECONDS=$most" "GUEST_SECONDS=$((2 * most))" tests/vm/driver.sh virtio vm:bond
	done
	[[ -z $LONG && $PATTERN != *vm:bare* ]] || job vm:bare "VM_SECONDS=$most" "GUEST_SECONDS=$((2 * most))" tests/vm/driver.sh vmxnet3 vm:bare
	[[ -z $LONG && $PATTERN != *vm:steer* ]] || job vm:steer VM_QUEUES=2 "VM_SECONDS=$most" "GUEST_SECONDS=$((2 * most))" tests/vm/driver.sh virtio vm:steer
}

# ---- who takes all there is of a resource, beside honest clients ----

hostile()
{
	local f n=0
	for f in tests/hostile/*.py; do
		grep -q '^def take(' "$f" || continue
		n=$((n + 1))
		f=$(basename "$f" .py)
		job "hostile:$f" timeout -k 20 "$E2E_SECONDS" bash tests/hostile/besides.sh "$f"
	done
	((n)) || none hostile:all "there is no tests/hostile/*.py"
	lanes 1 "hostile programs beside honest clients" # newcomers among the honest are timed
}

# The README's commands where nothing is installed. They have namespaces of the same names, one at a time.
machines()
{
	local name
	say "new machines"
	for name in bookworm trixie; do
		try "machine:$name" tests/clean-machine.sh "$name"
	done
}

packages()
{
	local name
	say "packages in new machines"
	for name in bookworm trixie; do
		try "package:$name" tests/clean-machine.sh --service "$name"
	done
}

compilers()
{
	local name
	say "compilers that neither Debian has"
	for name in gcc-13 gcc-15; do
		try "compiler:$name" tests/clean-machine.sh --compiler "$name"
	done
}

main()
{
	local sanitize=('-Db_sanitize=address,undefined' -Db_lundef=false -Dfuzz=true
		-Dbuildtype=debugoptimized -Db_ndebug=false -Dc_args=-gline-tables-only)
	# ThreadSanitizer knows C's atomics, not the barriers of DPDK's rings.
	local threads=(-Db_sanitize=thread -Db_lundef=false -Dbuildtype=debugoptimized -Db_ndebug=false
		-Dc_args=-DRTE_USE_C11_MEM_MODEL)
	export ROOT LOGS E2E_SECONDS
	export -f relay_up e2e_job e2e_sanitized_job
	[[ -z $LONG ]] || export RIG=all HOSTILE_SECONDS=${HOSTILE_SECONDS:-60}
	case ${REST[0]:-} in
	-h | --help) usage; exit ;;
	?*) usage >&2; exit 2 ;;
	esac
	need_root "$@"
	lock_machine "$@"
	logs_rotate
	install_begin
	say "builds"
	if want_kind build || want_kind unit || want_kind tcp || want_kind e2e || want_kind vm || want_kind hostile || want_kind upgrade || want_kind many; then
		build build:gcc build gcc && GCC=1
	fi
	# The sanitized build has clang's opinion, of the tests as well.
	if want_kind build && want build:clang && ! whole; then
		TARGETS=(fairlead-dp fairlead-cp fairlead)
		build build:clang build-clang clang
		TARGETS=()
	fi
	if want_kind build || want_kind unit || want_kind fuzz || want_kind e2e-sanitized; then
		build build:sanitized build-sanitized clang "${sanitize[@]}" && SANITIZED=1
	fi
	if want_kind build || want_kind tsan; then
		TARGETS=("${TSAN[@]/#/tests/test_}" tests/accel/slow_provider.so)
		build build:tsan build-tsan clang "${threads[@]}" && THREADS=1
		TARGETS=()
	fi
	install_end
	if want_kind static; then static; fi
	export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	if want_kind unit && [[ -n ${GCC:-} ]]; then unit build release; fi
	if want_kind unit && [[ -n ${SANITIZED:-} ]]; then unit build-sanitized sanitized; fi
	if want_kind tsan && [[ -n ${THREADS:-} ]]; then tsan; fi
	if want_kind fuzz && [[ -n ${SANITIZED:-} ]]; then fuzz; fi
	if want_kind tcp && [[ -n ${GCC:-} ]]; then tcp; fi
	if want_kind e2e-sanitized && [[ -n ${SANITIZED:-} ]]; then e2e_sanitized; fi
	if want_kind e2e && [[ -n ${GCC:-} ]]; then e2e; fi
	if want_kind vm && [[ -n ${GCC:-} ]]; then vms; fi
	lanes "$LANES" "end to end"
	alone_all
	unset ASAN_OPTIONS UBSAN_OPTIONS
	if want_kind hostile && [[ -n ${GCC:-} ]]; then hostile; fi
	if [[ -n $LONG || $PATTERN =~ ^\^?upgrade ]] && [[ -n ${GCC:-} ]]; then try upgrade:boundary tests/upgrade.sh; fi
	if [[ -n $LONG || $PATTERN =~ ^\^?many ]] && [[ -n ${GCC:-} ]]; then
		try many:sessions build/perf/bench_sessions -a
		try many:records build/perf/bench_alloc -n 100000 -R -a -f 50000
	fi
	if want_kind machine && [[ -n $LONG ]]; then machines; fi
	if [[ -n $LONG || $PATTERN =~ ^\^?package ]] && want_kind package; then packages; fi
	if [[ -n $LONG || $PATTERN =~ ^\^?compiler ]] && want_kind compiler; then compilers; fi
	finish
}

main "$@"
