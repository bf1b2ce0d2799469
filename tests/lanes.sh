#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests side by side, each as if it were alone on the machine: a lane has its own mounts, processes and
# network namespaces, with a /run and a state directory that no other lane sees. Half of an
# end-to-end test is waiting, for its own relay to come up, for timers, for a client's patience.
#
#   lanes.sh LANES DIRECTORY <JOBS   each line of JOBS is NAME LOG COMMAND...; the command is run by
#                                    bash, which knows the functions that the caller has exported.
#                                    When one has ended, "NAME RC SECONDS" is written. Where the
#                                    machine can make no lanes, one after another is run.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
STATE=/var/lib/fairlead-quickstart
PAGES=/proc/sys/vm/nr_hugepages
UNSHARE=(unshare --mount --net --pid --fork --kill-child --mount-proc)

# next: sets JOB to the number of a job that no lane has taken.
next()
{
	local n
	exec 8<>"$DIR/next"
	flock 8
	read -r n <&8
	JOB=$n
	echo $((n + 1)) >"$DIR/next"
	exec 8>&-
}

# Huge pages for all lanes, or one relay would take those that another has just counted.
pages_up()
{
	local size
	size=$(awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo)
	[[ -n $size ]] || return 0
	PAGES_MORE=$((LANES * 1024 * 1024 / size))
	trap 'pages_add -$PAGES_MORE' EXIT # not as many as before: others may have added theirs
	pages_add $PAGES_MORE
}
pages_add()
{
	local n=$(($(cat $PAGES) + $1))
	echo $((n > 0 ? n : 0)) >$PAGES
}

# What a lane has for itself.
lane_make()
{
	mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=755 tmpfs "$STATE" &&
		ip link set lo up && mkdir -p /run/lock
}

# Runs in the lane.
lane()
{
	local name log command begin rc
	trap 'exit 143' TERM
	next
	while read -r name log command < <(sed -n "${JOB}p" "$DIR/jobs"); do
		begin=$SECONDS rc=0
		bash -c "$command" >"$log" 2>&1 </dev/null || rc=$?
		echo "$name $rc $((SECONDS - begin))"
		next
	done
	"$ROOT/conf/quickstart.sh" --down >/dev/null 2>&1 </dev/null
}

case ${1:-} in
--lane)
	DIR=$2
	lane_make && lane
	;;
[1-9]*)
	LANES=$1 DIR=$2
	mkdir -p "$DIR" "$STATE"
	cat >"$DIR/jobs"
	echo 1 >"$DIR/next"
	# unshare waits for its lane whatever SIGTERM says; when it is gone, so is all of the lane.
	trap 'kill -KILL $(jobs -rp) 2>/dev/null; wait; exit 143' INT TERM
	pages_up
	if ! "${UNSHARE[@]}" mount -t tmpfs tmpfs /run; then
		lane
		exit
	fi
	for ((i = 0; i < LANES; i++)); do
		"${UNSHARE[@]}" "$ROOT/tests/lanes.sh" --lane "$DIR" &
	done
	wait
	;;
*)
	sed -n '/^# Tests/,/^[^#]/s/^# \?//p' "$0" >&2
	exit 2
	;;
esac
