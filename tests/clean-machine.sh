#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The README's commands on machines that have nothing: a minimal Debian 12 and a Debian 13, each in
# a chroot of its own, with a clone of what is committed here. Network namespaces and huge pages are
# this machine's, so nothing else of Fairlead may run meanwhile: that is for the caller to see to.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=$ROOT/build-machines # minimal systems, kept from run to run; not in build/, which is given back
MACHINES=(bookworm trixie)
LOCK=/run/fairlead-tests.lock # of tests/run.sh: those in the machines see a /run of their own
PATTERN=
SUITE=
PACKAGE=
SERVICE=
KEEP=
MOUNTED=

usage()
{
	cat <<-END
	Usage: tests/clean-machine.sh [--suite [PATTERN] | --package | --service] [--keep] [bookworm | trixie]...

	Makes the machines, and in each runs conf/quickstart.sh --check: installs, builds, relays.

	  --suite [PATTERN]  tests/run.sh as well: all of it, or what PATTERN finds
	  --package          instead: tests/package_test.sh, which builds, installs, upgrades and purges
	  --service          the same, and then its units in a guest with systemd: tests/vm/service_check.sh
	  --keep             leave the machine as it is then, in build-machines/NAME

	The last line of each is its verdict; exits 0 if all are good.
	END
}

say() { echo "clean-machine: $*"; }

die()
{
	echo "clean-machine: $*" >&2
	exit 1
}

# base NAME: the minimal system, once.
base()
{
	local new=$CACHE/$1.new
	[[ ! -e $CACHE/$1.tar ]] || return 0
	say "$1: making a minimal system"
	rm -rf "$new"
	debootstrap --variant=minbase "$1" "$new" >"$CACHE/$1.log" 2>&1 ||
		die "$1: debootstrap: $(tail -n 3 "$CACHE/$1.log")"
	rm -rf "$new"/var/cache/apt/archives/*.deb
	tar -C "$new" -cf "$CACHE/$1.tar.new" . && mv "$CACHE/$1.tar.new" "$CACHE/$1.tar" ||
		die "$1: the minimal system cannot be kept"
	rm -rf "$new"
}

# What this machine needs to reach its packages, that one needs as well.
same_network()
{
	cp -L /etc/resolv.conf /etc/hosts "$1/etc/" 2>/dev/null || true
	cp -a /etc/apt/apt.conf.d/. "$1/etc/apt/apt.conf.d/" 2>/dev/null || true
	rm -f "$1"/etc/apt/apt.conf.d/docker-*
	[[ ! -d /usr/local/share/ca-certificates ]] || cp -a /usr/local/share/ca-certificates "$1/usr/local/share/"
	mkdir -p "$1/etc/ssl/certs"
	cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/" 2>/dev/null || true
}

# discard DIRECTORY: a machine, but never what is mounted in it: /dev there is this machine's own.
discard()
{
	! grep -q " $1[/ ]" /proc/self/mounts || die "$1: something is mounted there: is another run at work?"
	rm -rf --one-file-system "$1"
}

# What is mounted here is in a mount namespace of this script's own, and so gone with it however it ends.
mount_all()
{
	local dir
	MOUNTED=$1
	# A mount point of its own: "ip netns exec" makes / a slave of another's.
	mount --bind "$1" "$1" || return
	mount -t proc proc "$1/proc" || return
	for dir in sys dev; do
		mount --rbind "/$dir" "$1/$dir" && mount --make-rslave "$1/$dir" || return
	done
	mount -t tmpfs -o mode=755 tmpfs "$1/run"
}

unmount_all()
{
	local dir
	[[ -n $MOUNTED ]] || return 0
	for dir in run dev sys proc; do
		umount -R -l "$MOUNTED/$dir" 2>/dev/null || true
	done
	umount -R -l "$MOUNTED" 2>/dev/null || true
	MOUNTED=
}

on_exit()
{
	local rc=$?
	trap - EXIT
	[[ -z $MOUNTED ]] || chroot "$MOUNTED" /fairlead/conf/quickstart.sh --down >/dev/null 2>&1 || true
	unmount_all
	exit $rc
}

inside()
{
	local dir=$1
	shift
	chroot "$dir" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		${FUZZ_SECONDS:+"FUZZ_SECONDS=$FUZZ_SECONDS"} "$@" 9>&-
}

# service DIRECTORY: the package that was built there, with systemd as process 1 of a guest.
service()
{
	inside "$1" /fairlead/tests/vm/service_root.sh || return
	unmount_all # the guest has its own
	GUEST_ROOT=$1 GUEST_SECONDS=1500 VM_LATER=/root/later.deb "$ROOT/tests/vm/driver.sh" vmxnet3 service
}

# machine NAME: false if one of the commands fails there.
machine()
{
	local dir=$CACHE/$1 begin=$SECONDS rc=0
	base "$1"
	discard "$dir" && mkdir "$dir" && tar -C "$dir" -xf "$CACHE/$1.tar" && same_network "$dir" &&
		git clone -q --no-hardlinks "$ROOT" "$dir/fairlead" && mount_all "$dir" ||
		die "$1: the machine cannot be made"
	say "$1: Debian $(<"$dir/etc/debian_version"), $(git -C "$ROOT" describe --always)"
	if [[ -n $PACKAGE ]]; then
		inside "$dir" /fairlead/tests/package_test.sh || rc=$?
	else
		say "$1: conf/quickstart.sh --check"
		inside "$dir" /fairlead/conf/quickstart.sh --check || rc=$?
	fi
	if ((rc == 0)) && [[ -n $SUITE ]]; then
		say "$1: tests/run.sh $PATTERN"
		inside "$dir" /fairlead/tests/run.sh ${PATTERN:+"$PATTERN"} || rc=$?
	fi
	if ((rc == 0)) && [[ -n $SERVICE ]]; then
		say "$1: tests/vm/service_check.sh"
		service "$dir" || rc=$?
	fi
	unmount_all
	[[ -n $KEEP ]] || discard "$dir"
	say "$1: $( ((rc == 0)) && echo good || echo "FAILED, exit code $rc"), $((SECONDS - begin)) s"
	return $rc
}

main()
{
	local name rc=0 chosen=() args=("$@")
	while (($#)); do
		case $1 in
		--help | -h) usage; return ;;
		--keep) KEEP=1 ;;
		--package) PACKAGE=1 ;;
		--service) PACKAGE=1 SERVICE=1 ;;
		--suite)
			SUITE=1
			if [[ -n ${2:-} && $2 != -* && " ${MACHINES[*]} " != *" $2 "* ]]; then
				PATTERN=$2
				shift
			fi
			;;
		bookworm | trixie) chosen+=("$1") ;;
		*) usage >&2; return 2 ;;
		esac
		shift
	done
	[[ -z $PACKAGE || -z $SUITE ]] || { usage >&2; return 2; }
	((EUID == 0)) || die "needs root, for chroot and mounts"
	if [[ -z ${CLEAN_MACHINE_APART:-} ]]; then
		CLEAN_MACHINE_APART=1 exec unshare --mount "$0" "${args[@]}"
	fi
	for name in debootstrap git; do
		command -v "$name" >/dev/null || die "$name is not installed"
	done
	if [[ ${TESTS_LOCKED:-} != "$LOCK" ]]; then # by tests/run.sh --long
		exec 9>>"$LOCK"
		flock --nonblock 9 || die "tests/run.sh is at work on this machine: $(cat "$LOCK")"
		echo "process $$, tests/clean-machine.sh in $ROOT" >"$LOCK"
	fi
	! ip netns list 2>/dev/null | grep -q '^fl-' || die "a relay of conf/quickstart.sh is up here: take it down first"
	((${#chosen[@]})) || chosen=("${MACHINES[@]}")
	mkdir -p "$CACHE"
	trap on_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	for name in "${chosen[@]}"; do
		machine "$name" || rc=1
	done
	return $rc
}

main "$@"
