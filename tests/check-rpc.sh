#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a program may count on of the control socket does not change without its version: while RPC_VERSION stays,
# no method goes, none takes more rights than before, and no parameter goes or has to be given that had not to.
#   check-rpc.sh [ROOT [STAMP]]                  compares doc/rpc.md, which is made of the table, with tests/rpc.list
#   check-rpc.sh --update [--force-unreleased]   records what came, and once RPC_VERSION was raised what went
# A line of the record is a method, the right that it takes, and each of its parameters, with a question mark if it
# may be left out.
set -euo pipefail
export LC_ALL=C
root=$(dirname "$0")/.. stamp='' update=no force=no
case ${1:-} in
--update)
	update=yes
	[ "${2:-}" != --force-unreleased ] || force=yes
	[ $# = 1 ] || [ $force = yes ] || { echo "check-rpc.sh: what is '$2'?" >&2 && exit 2; }
	;;
*)
	root=${1:-$root}
	[ -z "${2:-}" ] || stamp=$(realpath -m "$2") # where ninja is, which is not the tree
	;;
esac
cd "$root"
record=tests/rpc.list page=doc/rpc.md

fail() {
	printf 'tests/check-rpc.sh: %s\n' "$*" >&2
	exit 1
}

# Version and lines of the page; the names of methods have no blank or bar in them.
version=$(sed -nE 's/.*\bRPC_VERSION = ([0-9]+) \};$/\1/p' cp/admin/describe.h)
[ -n "$version" ] || fail "cp/admin/describe.h does not define RPC_VERSION as a plain number"
grep -q "^the same\. Version $version:" $page || fail "$page is not of version $version: run ninja -C build rpc-doc"
is=$(sed -nE 's/^\| `([^`]+)` \|([^|]*)\| (look|operate|administer) \|.*/\1 \3 \2/p' $page | sed -E 's/ +/ /g; s/ $//' | sort)
[ -n "$is" ] || fail "$page has no methods"
[ "$(wc -l <<<"$is")" = "$(grep -c '^| `' $page)" ] || fail "$page has rows that are no method with its parameters and right"
was_version='' was=''
if [ -e $record ]; then
	was_version=$(head -n 1 $record)
	was=$(tail -n +2 $record)
fi

# What of the record a program would miss, and what it does not know that it has to give.
missed() {
	awk 'function rank(may) { return may == "look" ? 1 : may == "operate" ? 2 : 3 }
	     function parameter(i) { name = $i; free = sub(/\?$/, "", name) }
	     FNR == NR {
		may[$1] = $2
		for (i = 3; i <= NF; i++) { parameter(i); now[$1, name] = free ? "free" : "must" }
		next
	     }
	     !($1 in may) { print "method " $1 " is gone"; next }
	     {
		known[$1] = 1
		if (rank(may[$1]) > rank($2)) print $1 " takes the right " may[$1] ", and took " $2
		for (i = 3; i <= NF; i++) {
			parameter(i)
			knew[$1, name] = 1
			if (!(($1, name) in now)) print $1 " has no parameter " name " any more"
			else if (free && now[$1, name] == "must") print $1 " must have " name ", which might be left out"
		}
	     }
	     END {
		for (k in now) {
			split(k, of, SUBSEP)
			if (of[1] in known && !(k in knew) && now[k] == "must") print of[1] " must have " of[2] ", which is new"
		}
	     }' <(printf '%s\n' "$is") <(printf '%s\n' "$was") | sort | paste -sd ';' | sed 's/;/; /g'
}
gone=''
[ -z "$was" ] || gone=$(missed)

if [ $update = yes ]; then
	if [ -n "$gone" ] && [ "$version" -le "$was_version" ] && [ $force = no ]; then
		fail "$gone; but RPC_VERSION is $version, and version $was_version is recorded: raise it in" \
			"cp/admin/describe.h first. (--force-unreleased records the change under the same" \
			"version, which is right only if no release has what went.)"
	fi
	[ -z "$was_version" ] || [ "$version" -ge "$was_version" ] ||
		fail "RPC_VERSION went back from $was_version to $version"
	printf '%s\n%s\n' "$version" "$is" >$record
	exit
fi

[ -z "$gone" ] || [ "$version" != "$was_version" ] ||
	fail "$gone; but RPC_VERSION is still $version: programs count on it. Let it stay as it was beside what is" \
		"new, or raise the version in cp/admin/describe.h and run tests/check-rpc.sh --update (with" \
		"--force-unreleased instead of raising it, while no release has what went)."
[ "$version" = "$was_version" ] && [ "$is" = "$was" ] ||
	fail "doc/rpc.md has methods or parameters that $record, of version ${was_version:-none}, has not:" \
		"run tests/check-rpc.sh --update"
[ -z "$stamp" ] || touch "$stamp"
