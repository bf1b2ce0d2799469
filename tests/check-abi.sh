#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The boundary between the two processes does not change without its version.
#   check-abi.sh [ROOT [STAMP]]                  compares the tree with tests/abi.digest
#   check-abi.sh --update [--force-unreleased]   records the tree, once CTL_ABI_VERSION was raised
# The digest is of meaning, not of looks: comments and white space do not count, nor do the names
# and help texts of counters and drop reasons.
set -euo pipefail
export LC_ALL=C
root=$(dirname "$0")/.. stamp='' update=no force=no
case ${1:-} in
--update)
	update=yes
	[ "${2:-}" != --force-unreleased ] || force=yes
	[ $# = 1 ] || [ $force = yes ] || { echo "check-abi.sh: what is '$2'?" >&2 && exit 2; }
	;;
*)
	root=${1:-$root}
	[ -z "${2:-}" ] || stamp=$(realpath -m "$2") # where ninja is, which is not the tree
	;;
esac
cd "$root"
record=tests/abi.digest

# Standard input without comments, and without space that separates nothing.
normalise() {
	tr '\n' '\001' | sed -E 's:/\*([^*]|\*+[^*/])*\*+/: :g; s://[^\x01]*::g' | tr '\001' ' ' |
		tr -s '[:space:]' ' ' | sed -E 's/ ?([^[:alnum:]_ ]) ?/\1/g'
	echo
}

# Everything of the boundary's own headers but the version; of those that serve others as well,
# only the types; of the .def files the symbols and their order.
boundary() {
	sed '/#define CTL_ABI_VERSION/d' lib/ctl_abi.h | normalise
	normalise <lib/msg.def
	normalise <lib/ring.h
	normalise <lib/counter.h
	normalise <lib/tcp_end.h
	awk '/^(struct|enum) .*\{/, /^\};/' lib/{addr,be,bpf,codec,fingerprint,quality,srtp_suite}.h | normalise
	awk -F'[(,]' '/^(CODEC|COUNTER|DROP|END|STAGE)\(/ { print $1, $2 }' lib/{codec,counter,drop,tcp_end,stage}.def
}

fail() {
	printf 'tests/check-abi.sh: %s\n' "$*" >&2
	exit 1
}

version=$(sed -nE 's/^#define CTL_ABI_VERSION ([0-9]+)u?$/\1/p' lib/ctl_abi.h)
[ -n "$version" ] || fail "lib/ctl_abi.h does not define CTL_ABI_VERSION as a plain number"
digest=$(boundary | sha256sum | cut -d' ' -f1)
was_version='' was_digest=''
[ ! -e $record ] || read -r was_version was_digest <$record

if [ $update = yes ]; then
	if [ -n "$was_version" ] && [ "$digest" != "$was_digest" ] &&
		[ "$version" -le "$was_version" ] && [ $force = no ]; then
		fail "the boundary changed, but CTL_ABI_VERSION is $version and version $was_version is" \
			"recorded: raise it in lib/ctl_abi.h first. (--force-unreleased records the change" \
			"under the same version, which is right only if no release has that version.)"
	fi
	[ -z "$was_version" ] || [ "$version" -ge "$was_version" ] ||
		fail "CTL_ABI_VERSION went back from $was_version to $version"
	printf '%s %s\n' "$version" "$digest" >$record
	exit
fi

if [ "$digest" != "$was_digest" ] && [ "$version" = "$was_version" ]; then
	fail "the boundary (ctl_abi.h, ring.h, addr.h, counter.h, tcp_end.h or a .def file in lib/)" \
		"changed, but CTL_ABI_VERSION is still $version: raise it in lib/ctl_abi.h and run" \
		"tests/check-abi.sh --update (with --force-unreleased instead of raising it, while no" \
		"release has version $version)."
fi
[ "$version $digest" = "$was_version $was_digest" ] ||
	fail "CTL_ABI_VERSION is $version, recorded is '${was_version:-nothing}':" \
		"run tests/check-abi.sh --update"
[ -z "$stamp" ] || touch "$stamp"
