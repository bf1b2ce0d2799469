#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The README's commands on machines that have nothing: a minimal Debian 12 and a Debian 13, each in
# a chroot of its own, with a clone of what is committed here. Network namespaces and huge pages are
# this machine's, so nothing else of Fairlead may run meanwhile: that is for the caller to see to.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=conf/await.sh
. "$ROOT/conf/await.sh"
# shellcheck source=tests/null_config.sh
. "$ROOT/tests/null_config.sh"
CACHE=$ROOT/build-machines # minimal systems, kept from run to run; not in build/, which is given back
MACHINES=(bookworm trixie)
LOCK=/run/fairlead-tests.lock # of tests/run.sh: those in the machines see a /run of their own
PATTERN=
SUITE=
PACKAGE=
SERVICE=
IMAGE=
COMPILER=
# Debian, compiler, another Debian beside it, and what comes from there.
declare -A COMPILERS=(
	[gcc-13]="trixie gcc-13"
	[gcc-15]="sid gcc-15 experimental libssl-dev openssl libcmocka-dev"
)
KEEP=
MOUNTED=
IMAGE_WORK=

usage()
{
	cat <<-END
	Usage: tests/clean-machine.sh [--suite [PATTERN] | --package | --service] [--keep] [bookworm | trixie]...
	       tests/clean-machine.sh --image
	       tests/clean-machine.sh --compiler [NAME]...

	Makes the machines, and in each runs conf/quickstart.sh --check: installs, builds, relays.

	  --suite [PATTERN]  tests/run.sh as well: all of it, or what PATTERN finds
	  --package          instead: tests/package_test.sh, which builds, installs, upgrades and purges
	  --service          the same, and then its units in a guest with systemd: tests/vm/service_check.sh
	  --image            instead: conf/Containerfile's image, upon a minimal Debian 13, and its programs (buildah)
	  --compiler         instead: the whole tree is built with a compiler and libraries of doc/arch/tests.md that
	                     neither has by itself, and tests of what differs are run; NAME is of ${!COMPILERS[*]}
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
	GUEST_ROOT=$1 GUEST_DISK=1024 GUEST_SECONDS=2700 VM_EARLIER=/root/earlier.deb VM_DEB=/root/fairlead.deb \
		VM_LATER=/root/later.deb "$ROOT/tests/vm/driver.sh" vmxnet3 service
}

# ---- the image ----

bud() { buildah --root "$CACHE/containers" --runroot "$IMAGE_WORK/runroot" --storage-driver vfs "$@" 9>&-; }

# image_run ARGUMENT...: in the image's container, with what its volumes are and rights as its head says.
image_run()
{
	bud run -v "$IMAGE_WORK/etc:/etc/fairlead:ro" -v "$IMAGE_WORK/run:/run/fairlead" -v "$IMAGE_WORK/state:/var/lib/fairlead" "$@"
}

image_attached() { image_run fairlead-image fairlead --json status 2>/dev/null | grep -q '"attached": *true'; }

# image_starts: both processes, each with the rights that its container has by the head of conf/Containerfile.
image_starts()
{
	local dir=$IMAGE_WORK owner name RIGHTS=(NET_ADMIN NET_RAW BPF SYS_ADMIN IPC_LOCK SYS_RAWIO SYS_NICE SETUID)
	owner=$(bud run fairlead-image sh -c 'echo "$(id -u fairlead):$(id -g fairlead)"') || return
	mkdir -p "$dir/etc/tls" && install -d -m 750 "$dir/run" "$dir/state"
	# net_null is of no package that ours depends on.
	null_config "$dir/src/conf/fairlead.yaml" |
		sed 's|net_null\(.\)|"net_memif\1,role=server,id=\1,socket-abstract=no,socket=/tmp/m\1.sock"|' >"$dir/etc/fairlead.yaml"
	for name in ecdsa rsa; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=relay.fairlead.test \
			-keyout "$dir/etc/tls/$name.key" -out "$dir/etc/tls/$name.pem" 2>/dev/null
	done
	chown "$owner" "$dir/run" "$dir/state" && chown "0:${owner#*:}" "$dir/etc/fairlead.yaml" && chmod 640 "$dir/etc/fairlead.yaml" || return
	image_run --user fairlead fairlead-image fairlead-cp --check-config /etc/fairlead/fairlead.yaml || return
	for name in fairlead fairlead-cp fairlead-dp; do image_run fairlead-image $name --version || return; done
	# To buildah "--cap-drop all" is the last word.
	image_run "${RIGHTS[@]/#/--cap-add=CAP_}" fairlead-image setpriv --bounding-set "-all$(printf ',+%s' "${RIGHTS[@],,}")" \
		fairlead-dp >"$dir/dp.log" 2>&1 &
	await 60 grep -q ready "$dir/dp.log" || { tail -n 20 "$dir/dp.log"; return 1; }
	image_run --user fairlead fairlead-image fairlead-cp --config /etc/fairlead/fairlead.yaml >"$dir/cp.log" 2>&1 &
	await 30 image_attached || { tail -n 20 "$dir/cp.log"; return 1; }
	image_run fairlead-image fairlead status
}

# What was started ends with this process: see main().
image_end() { [[ -n $KEEP ]] || rm -rf "$IMAGE_WORK" "$CACHE/containers"; }

image()
{
	local begin=$SECONDS rc=0 dir
	IMAGE_WORK=$(mktemp -d)
	base trixie
	dir=$CACHE/base-image
	discard "$dir" && mkdir "$dir" && tar -C "$dir" -xf "$CACHE/trixie.tar" && same_network "$dir" || return
	tar -C "$dir" -cf "$IMAGE_WORK/base.tar" . && discard "$dir"
	git clone -q "$ROOT" "$IMAGE_WORK/src"
	say "image: $(git -C "$ROOT" describe --always)"
	export BUILDAH_ISOLATION=chroot
	printf 'FROM scratch\nADD base.tar /\n' >"$IMAGE_WORK/Containerfile"
	bud bud -q -t debian:trixie-slim "$IMAGE_WORK" || return
	bud bud --pull-never -t fairlead -f "$IMAGE_WORK/src/conf/Containerfile" "$IMAGE_WORK/src" >"$IMAGE_WORK/log" 2>&1 ||
		{ tail -n 25 "$IMAGE_WORK/log"; return 1; }
	bud images
	bud from -q --pull-never --name fairlead-image fairlead && image_starts || rc=$?
	say "image: $( ((rc == 0)) && echo good || echo "FAILED, exit code $rc"), $((SECONDS - begin)) s"
	return $rc
}

# compiler_build CC: in the machine. Of another OpenSSL than that of Debian's libevent the linker warns, with reason: a
# control process made so is not run.
compiler_build()
{
	local name log=/var/tmp/log
	cd /fairlead || return
	$1 --version | head -n 1
	dpkg-query -W -f '${Package} ${Version}\n' libssl-dev libcmocka-dev libdpdk-dev
	CC=$1 LDFLAGS=-Wl,--no-fatal-warnings meson setup build -Dwerror=true >$log 2>&1 && ninja -C build >>$log 2>&1 ||
		{ grep -m 20 -e 'error:' -e ERROR $log || tail -n 20 $log; return 1; }
	for name in accel handshake_accel crypto_cpus config; do
		meson test -C build --no-rebuild -t 3 $name >$log 2>&1 || { tail -n 30 $log; return 1; }
		echo "ok      test_$name"
	done
}

# compiler_install DEBIAN CC [OTHER PACKAGE...]: in the machine.
compiler_install()
{
	local apt=(apt-get -q -y --no-install-recommends) log=/var/tmp/log
	export DEBIAN_FRONTEND=noninteractive
	"${apt[@]}" update >$log 2>&1 || return
	/fairlead/conf/quickstart.sh --install build && "${apt[@]}" install "$2" g++ git >>$log 2>&1 || { tail -n 20 $log; return 1; }
	[[ -n ${3:-} ]] || return 0
	echo "deb http://deb.debian.org/debian $3 main" >/etc/apt/sources.list.d/other.list
	"${apt[@]}" update >>$log 2>&1 && "${apt[@]}" install -t "$3" "${@:4}" >>$log 2>&1 || { tail -n 20 $log; return 1; }
}

# compiler NAME: a row of COMPILERS.
compiler()
{
	local row dir=$CACHE/compiler-$1 begin=$SECONDS rc=0
	read -ra row <<<"${COMPILERS[$1]}"
	base "${row[0]}"
	discard "$dir" && mkdir "$dir" && tar -C "$dir" -xf "$CACHE/${row[0]}.tar" && same_network "$dir" &&
		git clone -q --no-hardlinks "$ROOT" "$dir/fairlead" && mount_all "$dir" ||
		die "$1: the machine cannot be made"
	say "$1: Debian ${row[0]}, $(git -C "$ROOT" describe --always)"
	inside "$dir" bash -c "$(declare -f compiler_install compiler_build)
		compiler_install ${row[*]} && compiler_build ${row[1]}" </dev/null || rc=$?
	unmount_all
	[[ -n $KEEP ]] || discard "$dir"
	say "$1: $( ((rc == 0)) && echo good || echo "FAILED, exit code $rc"), $((SECONDS - begin)) s"
	return $rc
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

# Nothing else of Fairlead runs here, and nothing begins to.
alone()
{
	if [[ ${TESTS_LOCKED:-} != "$LOCK" ]]; then # by tests/run.sh --long
		exec 9>>"$LOCK"
		flock --nonblock 9 || die "tests/run.sh is at work on this machine: $(cat "$LOCK")"
		echo "process $$, tests/clean-machine.sh in $ROOT" >"$LOCK"
	fi
	! ip netns list 2>/dev/null | grep -q '^fl-' || die "a relay of conf/quickstart.sh is up here: take it down first"
}

main()
{
	local name rc=0 make=machine chosen=() args=("$@")
	while (($#)); do
		case $1 in
		--help | -h) usage; return ;;
		--keep) KEEP=1 ;;
		--package) PACKAGE=1 ;;
		--image) IMAGE=1 ;;
		--compiler) COMPILER=1 ;;
		--service) PACKAGE=1 SERVICE=1 ;;
		--suite)
			SUITE=1
			if [[ -n ${2:-} && $2 != -* && " ${MACHINES[*]} " != *" $2 "* ]]; then
				PATTERN=$2
				shift
			fi
			;;
		bookworm | trixie) chosen+=("$1") ;;
		*)
			[[ -n $COMPILER && -n ${COMPILERS[$1]:-} ]] || { usage >&2; return 2; }
			chosen+=("$1")
			;;
		esac
		shift
	done
	[[ -z $PACKAGE || -z $SUITE ]] && [[ -z $IMAGE || -z $PACKAGE$SUITE${chosen[*]} ]] || { usage >&2; return 2; }
	((EUID == 0)) || die "needs root, for chroot and mounts"
	if [[ -z ${CLEAN_MACHINE_APART:-} ]]; then
		CLEAN_MACHINE_APART=1 exec unshare --mount ${IMAGE:+--pid --fork --kill-child --mount-proc} "$0" "${args[@]}"
	fi
	for name in debootstrap git ${IMAGE:+buildah openssl}; do
		command -v "$name" >/dev/null ||
			die "$name is not installed; conf/quickstart.sh --install test${IMAGE:+ image} does that"
	done
	if [[ -n $IMAGE ]]; then
		mkdir -p "$CACHE"
		trap image_end EXIT
		image
		return
	fi
	if [[ -n $COMPILER ]]; then # nothing that a relay of this machine would meet
		make=compiler
		((${#chosen[@]})) || chosen=("${!COMPILERS[@]}")
	else
		alone
		((${#chosen[@]})) || chosen=("${MACHINES[@]}")
	fi
	mkdir -p "$CACHE"
	trap on_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	for name in "${chosen[@]}"; do
		"$make" "$name" || rc=1
	done
	return $rc
}

main "$@"
