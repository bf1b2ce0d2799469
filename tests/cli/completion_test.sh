#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the shell completes is what the command line takes. completion_test.sh BUILD ROOT: commands,
# words, options and files complete where they may stand and nowhere else; no option is completed that
# a command refuses; and none that the sources know is missing.
set -euo pipefail
BUILD=$1 ROOT=$2
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT

fail()
{
	echo "completion: $*" >&2
	exit 1
}

"$BUILD/fairlead" completion bash >"$TMP/completion"
# shellcheck source=/dev/null
. "$TMP/completion"
[[ $(complete -p fairlead) == 'complete -F _fairlead fairlead' ]] || fail "nothing completes fairlead"

# completes WORD...: what the last one, which may be empty, becomes.
completes()
{
	COMP_WORDS=(fairlead "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_fairlead
	echo "${COMPREPLY[*]}"
}

# expect WANTED WORD...
expect()
{
	local got
	got=$(completes "${@:2}")
	[[ $got == "$1" ]] || fail "'${*:2}' completes to '$got', not '$1'"
}

expect "sessions" sess
expect "--config" --co
expect "status" --config FILE stat
expect "--user" sessions --u
expect "" sessions --user ""
expect "--limit" sessions --user status --l
expect "reload" tls r
expect "passwd" user p
expect "--replace" --json user add NAME --r
expect "--hold" context modify 7 --ho
expect "" context show --c
expect "bash" completion ba
expect "--watch" drops --w
expect "" drain --watc
touch "$TMP/fairlead.yaml"
expect "$TMP/fairlead.yaml" --config "$TMP/fair"
expect "$TMP/fairlead.yaml" user add x --password-file "$TMP/fair"

# ---- the other shells ----

# What each of them is told names the same words and options. Where the shell is here, it reads that
# without a complaint, and fish completes by it.
for shell in zsh fish; do
	"$BUILD/fairlead" completion "$shell" >"$TMP/$shell"
done
_fairlead_level ''
# shellcheck disable=SC2154 # what _fairlead_level() sets
for word in $words; do
	[[ $word == --* ]] || grep -qF -- "'$word:" "$TMP/zsh" || fail "zsh is not told of $word"
	grep -qE -- "-(a|l) ${word#--}( |\$)" "$TMP/fish" || fail "fish is not told of $word"
done
if command -v zsh >/dev/null; then
	zsh -f -n "$TMP/zsh" || fail "zsh does not read its completion"
	# shellcheck disable=SC2016 # zsh's
	got=$(timeout 20 zsh -f -c 'compdef() { :; }; . "$1"; _describe() { print -l -- $names; }; compadd() { shift; print -l -- "$@"; }
		_files() { print files; }; words=(fairlead --json user add x --p) CURRENT=6 PREFIX=--p; _fairlead; print +++
		words=(fairlead --config f con) CURRENT=4 PREFIX=con; _fairlead; print +++
		words=(fairlead --config f) CURRENT=3 PREFIX=f; _fairlead' zsh "$TMP/zsh")
	[[ $got == *--password-file*+++*connections*+++*files ]] || fail "zsh completes: $got"
fi
if command -v fish >/dev/null; then
	export HOME=$TMP XDG_CONFIG_HOME=$TMP XDG_DATA_HOME=$TMP
	# fish_completes WORDS: what fish offers, without what it is for.
	fish_completes() { timeout 20 fish --no-config -c "source $TMP/fish; complete -C 'fairlead $1'" | cut -f 1 | xargs; }
	[[ $(fish_completes sess) == sessions ]] || fail "fish completes sess to $(fish_completes sess)"
	[[ $(fish_completes "user add x --re") == --replace ]] || fail "fish completes --re to $(fish_completes "user add x --re")"
	[[ $(fish_completes "--config x tls ") == reload ]] || fail "fish completes tls to $(fish_completes "--config x tls ")"
	[[ $(fish_completes "drops --w") == --watch ]] || fail "fish completes --w to $(fish_completes "drops --w")"
fi

# ---- each is taken ----

# offered PATH: the options behind these words.
offered()
{
	# shellcheck disable=SC2034 # what _fairlead_level() sets
	local words valued files
	_fairlead_level "$1"
	grep -oE -- '--[a-z0-9-]+' <<<"$words" | grep -vxE -- '--(help|version)'
}

# The sentence about an option that a command does not know comes before anything is asked.
n=0
while IFS= read -r path; do
	[[ -n $path && $path != user* && $path != psk* && $path != help ]] || continue
	for option in $(offered "$path"); do
		n=$((n + 1))
		# shellcheck disable=SC2086 # words
		said=$(FAIRLEAD_CONFIG=/nonexistent timeout 10 "$BUILD/fairlead" --socket "$TMP/none" $path "$option" 2>&1 </dev/null) || true
		[[ $said != *"unknown option"* ]] || fail "'$path' does not know $option: $said"
	done
done < <(sed -nE "s/^\t'(.*)'\)$/\1/p" "$TMP/completion")
((n > 40)) || fail "only $n options were tried"

# ---- none is missing ----

# Those of getopt's tables, and those that user and psk compare.
grep -ohE '\{ "[a-z0-9-]+", (no|required|optional)_argument' "$ROOT"/cli/*.c | sed -E 's/\{ "([^"]*)".*/--\1/' >"$TMP/known"
grep -ohE 'strcmp\([^,]*, "--[a-z0-9-]+"' "$ROOT"/cli/*.c | grep -oE -- '--[a-z0-9-]+' >>"$TMP/known"
[[ $(wc -l <"$TMP/known") -gt 30 ]] || fail "the options of the sources are not found"
while read -r option; do
	grep -qF -- " $option " "$TMP/completion" || fail "$option is not completed"
done < <(sort -u "$TMP/known")

# ---- and each has its help ----

while IFS= read -r path; do
	[[ -n $path ]] || continue
	# shellcheck disable=SC2086 # words
	said=$(FAIRLEAD_CONFIG=/nonexistent "$BUILD/fairlead" $path --help 2>&1) || fail "'$path --help' fails: $said"
	[[ $said == "Usage: fairlead $path"* ]] || fail "'$path --help' says '$said'"
	for option in $(offered "$path"); do
		[[ $said == *"$option"* ]] || fail "'$path --help' does not name $option"
	done
done < <(sed -nE "s/^\t'(.*)'\)$/\1/p" "$TMP/completion")
for ask in --version "--json version" "--json --version"; do
	# shellcheck disable=SC2086 # words
	[[ $("$BUILD/fairlead" $ask) == *fairlead* || $("$BUILD/fairlead" $ask) == *version* ]] || fail "'$ask' says nothing"
done
echo "completion: $n options tried"
