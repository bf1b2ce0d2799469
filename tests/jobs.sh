# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What tests/run.sh runs in a lane, in a shell of its own: each test with the relay of that lane. ROOT,
# LOGS and E2E_SECONDS come from there, and it exports these functions.

# relay_up: the relay of this lane, of the build that FAIRLEAD_BUILD names. A test that broke it does
# not break the next.
relay_up()
{
	local exe log=/run/fairlead-up.log
	exe=$(readlink "/proc/$(cat /run/fairlead-quickstart/fairlead-dp.pid 2>/dev/null)/exe")
	[[ ${exe% (deleted)} == "$FAIRLEAD_BUILD"/* ]] || conf/quickstart.sh --down >"$log" 2>&1
	# Its predecessor's sockets may be busy for longer than quickstart.sh waits.
	for _ in 1 2; do
		timeout 120 conf/quickstart.sh --detach >"$log" 2>&1 && return
	done
	echo "the relay does not come up:"
	cat "$log"
	return 1
}

# e2e_job NAME
e2e_job()
(
	export FAIRLEAD_BUILD=$ROOT/build
	relay_up && timeout -k 20 "$E2E_SECONDS" bash "tests/e2e/$1_test.sh"
)

# e2e_sanitized_job NAME: its result, and no report.
e2e_sanitized_job()
(
	local rc=0 report reports=$LOGS/sanitizer-$1
	export E2E_BUILD=$ROOT/build-sanitized FAIRLEAD_BUILD=$ROOT/build-sanitized
	export LSAN_OPTIONS=suppressions=$ROOT/tests/lsan.supp:print_suppressions=0
	export ASAN_OPTIONS=$ASAN_OPTIONS:log_path=$reports UBSAN_OPTIONS=$UBSAN_OPTIONS:log_path=$reports
	relay_up && timeout -k 20 "$E2E_SECONDS" bash "tests/e2e/$1_test.sh" || rc=$?
	for report in "$reports".*; do
		[[ -e $report ]] || continue
		echo "a sanitizer reports:"
		head -n 40 "$report"
		rc=1
	done
	exit $rc
)
