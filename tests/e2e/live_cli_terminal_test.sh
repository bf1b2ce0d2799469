#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The command line as an operator has it before him, in terminals of tmux that are wide, usual and narrow: lists, top and --watch
# fit, so that no line is broken by the terminal; colour is there and NO_COLOR takes it away; a screen that is watched
# is one screen, which is drawn again, and Ctrl-C ends it. In bash, zsh and fish the Tab key completes commands, words
# and options, as the shell itself does it. Pre-shared keys are added, changed, listed and removed, and openssl is let in
# and refused by them. What rpc.describe tells a program is doc/rpc.md.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

WIDE=200 USUAL=100 NARROW=80
PANE=
relay_config 's|^    psk: false$|    psk: true|' >"$TMP/quickstart"

# ---- a terminal ----

tmux_() { in_relay tmux -u -f /dev/null -S "$TMP/tmux" "$@"; }
tmux_ends() { in_relay tmux -S "$TMP/tmux" kill-server 2>/dev/null || true; }
AT_END=tmux_ends
tmux_ new-session -d -s stays cat # the server ends with its last session
tmux_ set-option -gw remain-on-exit on

# terminal COLUMNS COMMAND...: one in which that runs; NO_COLOR and the like before it, by env.
terminal()
{
	local columns=$1
	shift
	PANE=t$((++TERMINALS))
	tmux_ new-session -d -s $PANE -x "$columns" -y 60 "$(printf '%q ' env TERM=screen-256color HISTFILE= "$@")"
}
TERMINALS=0
keys() { tmux_ send-keys -t $PANE "$@"; }
screen() { tmux_ capture-pane -p -t $PANE "$@"; }
screen_has() { screen | grep -qE -- "$1"; }
is_over() { [[ $(tmux_ display-message -p -t $PANE '#{pane_dead}') == 1 ]]; }
closes() { tmux_ kill-session -t $PANE; }
# whole WHAT: no line of the screen goes on in the next one, and there are some.
whole()
{
	assert_num "lines of $1" "$(screen | grep -c .)" -gt 2
	[[ $(screen | grep -c .) == $(screen -J | grep -c .) ]] || fail "$1: a line is too long: $(screen)"
}
# shows COLUMNS WHAT COMMAND...: it ends, fits, and what it says has that.
shows()
{
	local columns=$1 what=$2
	shift 2
	terminal "$columns" sh -c 'sleep 0.2; exec "$@"' sh "$BUILD/fairlead" --config "$CONFIG" "$@"
	await 20 screen_has "$what" || fail "$* in $columns columns: $(screen)"
	await 20 is_over || fail "$* in $columns columns does not end: $(screen)"
	whole "$* in $columns columns"
	closes
}

start_peer 3480
UCLIENT_SECONDS=120 uclient "$TMP/udp" -n 4000 -m 1 -c -e $PEER4 $SERVER4 &
client=$!
has_session() { (($(fl_json status .allocations.count) >= 1)); }
await 20 has_session || fail "the client has no allocation: $(tail -n 3 "$TMP/udp")"
for columns in $WIDE $USUAL $NARROW; do
	shows "$columns" '^core +' ports
	shows "$columns" '10\.1\.0\.2' sessions
	shows "$columns" 'allocations' status
	shows "$columns" 'cycles|CYCLES|STAGE' top --once --interval 1
done
shows $USUAL '^See fairlead' --help
note "lists and top fit in $WIDE, $USUAL and $NARROW columns"

# ---- colour ----

# of_pane WHERE: coloured or not, as it is before the test.
colours() { screen -e | grep -qF $'\e[32m'; }
terminal $USUAL "$BUILD/fairlead" --config "$CONFIG" ports
await 20 screen_has '^core +up' || fail "ports: $(screen)"
colours || fail "no colour: $(screen -e | cat -v)"
closes
terminal $USUAL NO_COLOR=1 "$BUILD/fairlead" --config "$CONFIG" ports
await 20 screen_has '^core +up' || fail "ports: $(screen)"
! screen -e | grep -qE $'\e\\[[0-9;]*3[0-9]m' || fail "colour in spite of NO_COLOR: $(screen -e | cat -v)"
closes

# ---- watched ----

# clock: that of the title, of which there is one.
clock() { screen | sed -n 's/^fairlead .* every 1 s, \([0-9:]*\)$/\1/p'; }
moves() { [[ $(clock) =~ ^[0-9:]+$ && $(clock) != "$was" ]]; }
for columns in $WIDE $NARROW; do
	terminal "$columns" "$BUILD/fairlead" --config "$CONFIG" ports --watch 1
	was=
	await 20 moves || fail "ports --watch has no title, or several: $(screen)"
	was=$(clock)
	await 20 moves || fail "ports --watch stands still: $(screen)"
	whole "ports --watch in $columns columns"
	assert_eq "lines of core" "$(screen | grep -c '^core ')" 1
	keys C-c
	await 10 is_over || fail "Ctrl-C does not end ports --watch: $(screen)"
	closes
	terminal "$columns" "$BUILD/fairlead" --config "$CONFIG" top --interval 1
	seen() { screen_has 'GHz'; }
	await 20 seen || fail "top shows nothing: $(screen)"
	was=$(screen)
	drawn() { [[ $(screen) != "$was" ]] && seen; }
	await 20 drawn || fail "top stands still: $(screen)"
	assert_eq "screens of top" "$(screen | grep -c 'GHz')" 1
	whole "top in $columns columns"
	keys C-c
	await 10 is_over || fail "Ctrl-C does not end top: $(screen)"
	closes
done
kill $client 2>/dev/null || true
wait $client || true
note "ports --watch and top draw one screen again and again"

# ---- Tab ----

# tab TYPED WANTED: what a Tab makes of it, in the shell of the terminal.
tab()
{
	keys -l "$1"
	keys Tab
	await 20 screen_has "$2" || fail "$shell: a Tab behind '$1' gives no '$2': $(screen | grep . | tail -n 3)"
	keys C-u
	keys C-l
}
for shell in bash zsh fish; do
	"$BUILD/fairlead" completion $shell >"$TMP/completion.$shell"
	case $shell in
	bash) set -- bash --norc --noprofile -i ;;
	zsh) set -- zsh -f -i ;;
	fish) set -- fish --no-config -i ;;
	esac
	mkdir -p "$TMP/home"
	terminal $USUAL HOME="$TMP/home" XDG_CONFIG_HOME="$TMP/home" XDG_DATA_HOME="$TMP/home" PATH="$BUILD:$PATH" "$@"
	[[ $shell != zsh ]] || keys -l 'autoload -U compinit; compinit -D; '
	keys -l "source $TMP/completion.$shell; echo it is \"read\""
	keys Enter
	await 20 screen_has '^it is read' || fail "$shell does not read its completion: $(screen)"
	keys C-l
	tab 'fairlead sess' 'fairlead sessions'
	tab 'fairlead tls r' 'fairlead tls reload'
	tab 'fairlead user add x --re' 'fairlead user add x --replace'
	tab 'fairlead --config /x dro' 'fairlead --config /x drops'
	closes
done
[[ $(in_relay bash --norc -ic "PATH=$BUILD:\$PATH; source <(fairlead completion bash); COMP_WORDS=(fairlead psk '') COMP_CWORD=2; _fairlead; echo \"\${COMPREPLY[*]}\"" 2>/dev/null) == *add*del*list* ]] ||
	fail "bash completes no words behind psk"
note "a Tab completes in bash, zsh and fish"

# ---- pre-shared keys ----

# psk CODE SENTENCE ARGUMENT...: with $KEY as its input.
psk()
{
	local got=0
	fl psk "${@:3}" <<<"$KEY" >"$TMP/psk" 2>&1 || got=$?
	assert_eq "exit status of psk ${*:3}: $(<"$TMP/psk")" "$got" "$1"
	grep -qF -- "$2" "$TMP/psk" || fail "psk ${*:3} does not say '$2': $(<"$TMP/psk")"
}
# let_in KEY: whether openssl is, by that key of lab1.
let_in()
{
	in_client timeout 20 openssl s_client -connect $SERVER4:5349 -tls1_2 -cipher DHE-PSK-AES128-GCM-SHA256 \
		-psk_identity lab1 -psk "$1" </dev/null >"$TMP/openssl" 2>&1
}
first=$(printf '%032d' 1) second=$(printf '%032d' 2)
KEY=$first psk 0 'identity lab1 added' add lab1
KEY=$first psk 1 'identity lab1 exists: add --replace' add lab1
await 10 let_in "$first" || fail "the key is not taken: $(tail -n 5 "$TMP/openssl")"
! let_in "$second" || fail "another key is taken"
echo "$second" >"$TMP/key"
KEY='' psk 0 'identity lab1 set' add lab1 --key-file "$TMP/key" --replace
await 10 let_in "$second" || fail "the new key is not taken: $(tail -n 5 "$TMP/openssl")"
! let_in "$first" || fail "the old key is taken"
KEY=12 psk 1 'key' add lab2
KEY='no key at all, of no hexadecimal' psk 1 'key' add lab2
KEY='' psk 1 'cannot' add lab2 --key-file "$TMP/none"
KEY='' psk 0 lab1 list
assert_eq "rows, without the keys" "$(grep -c lab1 "$TMP/psk") $(grep -c "$second" "$TMP/psk")" "1 0"
assert_eq "as JSON" "$(fl --json psk list | jq -c '[.identities[] | [.identity, .key_bytes]]')" '[["lab1",16]]'
KEY='' psk 0 'identity lab1 deleted' del lab1
KEY='' psk 1 'identity lab1 does not exist' del lab1
gone() { ! let_in "$second"; }
await 10 gone || fail "a key that was removed is taken"
KEY='' psk 2 'psk' add
KEY='' psk 2 'did you mean' lsit
note "pre-shared keys come, change and go"

# ---- rpc.describe ----

python3 - "$ROOT/doc/rpc.md" >"$TMP/described" 2>&1 <<'END' || fail "rpc.describe: $(tail -n 3 "$TMP/described")"
import os
import re
import sys

sys.path.insert(0, os.environ["E2E"])
import gatelib as g

told = g.Rpc().ask("rpc.describe")
text = open(sys.argv[1]).read()
assert f"Version {told['version']}:" in text, told["version"]
rows = {m[1]: [cell.strip() for cell in m[2].split(" | ")] for m in re.finditer(r"^\| `(\S+)` \| (.*) \|$", text, re.M)}
assert len(told["methods"]) == len(rows), (len(told["methods"]), len(rows))
for m in told["methods"]:
    params = " ".join(p["name"] + ("?" if p["optional"] else "") for p in m["params"])
    want = [params, m["may"], "yes" if m["audited"] else "", m["help"]]
    got = [" ".join(rows[m["name"]][0].split()), *rows[m["name"]][1:]]
    assert got == want, (m["name"], got, want)
END
note "rpc.describe tells what doc/rpc.md does"
