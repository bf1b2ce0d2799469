#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The checks of the tree catch what they are for: a copy of the tree is broken in one way after
# the other, and each must be noticed, by the script and (once each) by ninja. tests/run.sh does what it is
# asked for. $1: the source tree.
set -euo pipefail
src=${1:-$(dirname "$0")/..}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

fresh() {
	rm -rf "$tmp/tree"
	mkdir -p "$tmp/tree/tests"
	cp -r "$src"/{lib,conf,dp,cp,cli} "$tmp/tree"
	cp "$src"/tests/{check-includes.sh,check-abi.sh,abi.digest} "$tmp/tree/tests"
}

# verdict WANT WHAT COMMAND...: WANT is 0 or 1, the command's exit code.
verdict() {
	local want=$1 what=$2 got=0
	shift 2
	"$@" >"$tmp/out" 2>&1 || got=$?
	if [ "$got" != "$want" ]; then
		printf 'FAILED: %s: exit code %s, not %s\n' "$what" "$got" "$want"
		sed 's/^/    /' "$tmp/out"
		failed=1
	fi
}

includes() {
	"$tmp/tree/tests/check-includes.sh" "$tmp/tree"
}

abi() {
	"$tmp/tree/tests/check-abi.sh" "$@"
}

rpc() {
	"$tmp/tree/tests/check-rpc.sh" "$@"
}

# edit FILE SED-EXPRESSION: fails loudly if it changed nothing.
edit() {
	cp "$tmp/tree/$1" "$tmp/before"
	sed -i -E "$2" "$tmp/tree/$1"
	! cmp -s "$tmp/before" "$tmp/tree/$1" || { echo "FAILED: no effect: $1: $2" && failed=1; }
}

# ---- includes ----
fresh
verdict 0 'the tree as it is' includes
while read -r want file line; do
	[ -n "$want" ] || continue
	fresh
	mkdir -p "$(dirname "$tmp/tree/$file")"
	printf '%s\n' "$line" >>"$tmp/tree/$file"
	verdict "$want" "$file: $line" includes
done <<'END'
1 dp/worker.h      #include "../cp/table.h"
1 dp/net/new.c     #include "../../cp/table.h"
1 dp/new.c         #include "cp/table.h"
1 dp/new.c         #include <cp/table.h>
1 dp/new.c         #include "../cli/grid.h"
1 cp/server.h      #include "../dp/worker.h"
1 cp/turn/new.h    #include "../../dp/worker.h"
1 cp/new.c           #  include   <rte_ring.h>
1 cli/new.c        #include <rte_eal.h>
1 cli/new.c        #include "../dp/worker.h"
1 dp/tx.h          #include "relay/path.h"
1 dp/clock.h       #include "turn/session.h"
1 dp/drop.c        #include "rx.h"
1 dp/new.h         #include "net/ip.h"
1 dp/worker.h      #include "turn/session.h"
0 dp/trace.c       #include "turn/session.h"
1 dp/net/new.c     #include "../tcp/tcp.h"
1 dp/tcp/new.c     #include "../rx.h"
1 dp/tls/new.c     #include "../turn/session.h"
1 dp/relay/new.c   #include "../turn/session.h"
1 dp/turn/new.c    #include "../gateway/context.h"
1 dp/gateway/new.c #include "../turn/session.h"
1 dp/service/new.c #include "../dispatch.h"
1 dp/new.c         #include "turn/turn.h"
1 dp/gateway/new.c #include "../turn/turn.h"
1 dp/turn/new.c    #include "../net/net.h"
1 dp/cmd.c         #include "gateway/gateway.h"
0 dp/turn/new.c    #include "turn.h"
0 dp/gateway/new.c #include "../relay/path.h"
0 dp/relay/new.c   #include "../net/ip.h"
1 conf/new.c       #include "../dp/dplane.h"
1 conf/new.c       #include "../cp/table.h"
1 conf/new.c       #include <rte_eal.h>
1 lib/addr.h       #include "../conf/config.h"
1 lib/new.c        #include "../dp/worker.h"
1 lib/new.c        #include "../cp/table.h"
1 lib/new.def      #include <rte_ring_elem.h>
1 lib/new.c        #include "dpdk/rte_ring.h"
1 lib/new.c        #include /* why */ <rte_ring.h>
1 lib/new.c        #include HEADER
1 cp/new.c         #import "../dp/worker.h"
0 dp/new.c         #include <rte_ring.h>
0 dp/net/new.c     #include "../../lib/stun.h"
0 cp/new.c         #include "../conf/config.h"
0 cli/new.c        #include "../cp/auth/users.h"
0 lib/new.c        #include "ring.h" /* not dp/worker.h */
0 lib/new.c        /* #include <rte_ring.h> */
END

# ---- the boundary ----
fresh
verdict 0 'the boundary as it is' abi
for change in \
	'lib/ctl_abi.h|s/CTL_RELAYS_MAX = 256/CTL_RELAYS_MAX = 257/' \
	'lib/ctl_abi.h|s/^\tuint32_t cpu;/\tuint64_t cpu;/' \
	'lib/ctl_abi.h|s/n_workers;$/(n_workers + 1);/' \
	'lib/ring.h|s/RING_MSG_SIZE = 2048/RING_MSG_SIZE = 4096/' \
	'lib/ring.h|s/memory_order_release/memory_order_relaxed/' \
	'lib/addr.h|s/^\tuint8_t b\[16\];/\tuint8_t b[17];/' \
	'lib/be.h|s/^\tuint8_t b\[2\];/\tuint8_t b[3];/' \
	'lib/counter.h|s/^\tDROP_MAX/\tDROP_MORE, DROP_MAX/' \
	'lib/counter.def|s/^COUNTER\(TX,/COUNTER(TXX,/' \
	'lib/counter.def|/^COUNTER\(TX,/d' \
	'lib/tcp_end.h|s/^\tTCP_LAST_ACK,$/\tTCP_LAST_ACK_, TCP_LAST_ACK,/' \
	'lib/tcp_end.def|/^END\(RESET,/d' \
	'lib/stage.def|/^STAGE\(IDLE,/d' \
	'lib/drop.def|$aDROP(NEW, "new", INFO, "a new one")' \
	'lib/drop.def|/^DROP\(VLAN,/{h;d};/^DROP\(ARP_BAD,/{p;x}'; do
	file=${change%%|*} expr=${change#*|}
	fresh
	edit "$file" "$expr"
	verdict 1 "$change" abi
	verdict 1 "$change: --update without a new version" abi --update
	verdict 1 "$change: still not recorded" abi
	edit lib/ctl_abi.h 's/^(#define CTL_ABI_VERSION) .*/\1 1000u/'
	verdict 1 "$change: new version, not recorded" abi
	verdict 0 "$change: --update with a new version" abi --update
	verdict 0 "$change: recorded" abi
	edit lib/ctl_abi.h 's/^(#define CTL_ABI_VERSION) .*/\1 999u/'
	verdict 1 "$change: an older version" abi --update --force-unreleased
done
fresh
edit lib/drop.def '$aDROP(NEW, "new", INFO, "a new one")'
verdict 0 '--force-unreleased' abi --update --force-unreleased
verdict 0 'recorded by force' abi
for change in \
	'lib/ctl_abi.h|s/^struct region \{/\/* more words *\/\nstruct  region\n{/' \
	'lib/ring.h|s/r->own \+= n;/r->own  +=\n n; \/\/ words/' \
	'lib/drop.def|s/^(DROP\(VLAN, ).*/\1"tag", ERROR, "other words")/' \
	'lib/addr.h|s/^bool ip_parse.*/&\nbool ip_more(void);/'; do
	fresh
	edit "${change%%|*}" "${change#*|}"
	verdict 0 "harmless: $change" abi
done
fresh
edit lib/ctl_abi.h 's/^(#define CTL_ABI_VERSION) .*/\1 VERSION/'
verdict 1 'a version that is not a number' abi
fresh
rm "$tmp/tree/tests/abi.digest"
verdict 1 'no record' abi

# ---- methods of the control socket ----
# As much of the tree as it looks at.
fresh_rpc() {
	rm -rf "$tmp/tree"
	mkdir -p "$tmp/tree/"{cp/admin,doc,tests}
	cp "$src/cp/admin/describe.h" "$tmp/tree/cp/admin"
	cp "$src/doc/rpc.md" "$tmp/tree/doc"
	cp "$src"/tests/{check-rpc.sh,rpc.list} "$tmp/tree/tests"
}

# rpc_version N: in the source, and in the page that is made of it.
rpc_version() {
	edit cp/admin/describe.h "s/RPC_VERSION = [0-9]+/RPC_VERSION = $1/"
	edit doc/rpc.md "s/^the same\. Version [0-9]+:/the same. Version $1:/"
}
fresh_rpc
verdict 0 'the methods as they are' rpc
for change in \
	'/^\| `workers` /d' \
	's/^\| `xstats` /| `extended` /' \
	's/^(\| `drain` \|) deadline_s\?/\1/' \
	's/^(\| `drain` \|) deadline_s\?/\1 deadline?/' \
	's/^(\| `drain` \|) deadline_s\?/\1 deadline_s/' \
	's/^(\| `xstats` \| port)/\1 queue/' \
	's/^(\| `xstats` \| port \|) look/\1 operate/' \
	's/^(\| `drain` \| deadline_s\? \|) operate/\1 administer/'; do
	fresh_rpc
	edit doc/rpc.md "$change"
	verdict 1 "$change" rpc
	verdict 1 "$change: --update without a new version" rpc --update
	verdict 1 "$change: still not recorded" rpc
	rpc_version 1000
	verdict 1 "$change: new version, not recorded" rpc
	verdict 0 "$change: --update with a new version" rpc --update
	verdict 0 "$change: recorded" rpc
	rpc_version 999
	verdict 1 "$change: an older version" rpc --update --force-unreleased
done
fresh_rpc
edit doc/rpc.md '/^\| `workers` /d'
verdict 0 'methods: --force-unreleased' rpc --update --force-unreleased
verdict 0 'methods: recorded by force' rpc
# What comes takes no version, but a record, so that it cannot go again unseen.
for change in \
	'/^\| `workers` /{p;s/workers/others/}' \
	's/^(\| `xstats` \| port)/\1 queue?/' \
	's/^(\| `xstats` \|) port/\1 port?/' \
	's/^(\| `drain` \| deadline_s\? \|) operate/\1 look/'; do
	fresh_rpc
	edit doc/rpc.md "$change"
	verdict 1 "$change: not recorded" rpc
	verdict 0 "$change: --update" rpc --update
	verdict 0 "$change: recorded" rpc
done
fresh_rpc
edit doc/rpc.md 's/every counter of each worker/other words/'
verdict 0 'other words about a method' rpc
edit doc/rpc.md 's/^(\| `xstats` \| port \|) look/\1 see/'
verdict 1 'a right that there is not' rpc
fresh_rpc
edit cp/admin/describe.h 's/RPC_VERSION = [0-9]+/RPC_VERSION = 7/'
verdict 1 'a version that the page has not' rpc
edit cp/admin/describe.h 's/RPC_VERSION = [0-9]+/RPC_VERSION = SEVEN/'
verdict 1 'a version of methods that is not a number' rpc
fresh_rpc
rm "$tmp/tree/tests/rpc.list"
verdict 1 'no record of methods' rpc

# ---- ninja runs them, and again when something changes ----
# newer PATH: by more than the clock of the file system tells apart.
newer() {
	until [ "$tmp/tree/$1" -nt "$tmp/build/tests/check-includes.stamp" ]; do touch "$tmp/tree/$1"; done
}
fresh
echo "project('checks')
subdir('tests')" >"$tmp/tree/meson.build"
sed -n '/^custom_target/,/build_by_default/p' "$src/tests/meson.build" >"$tmp/tree/tests/meson.build"
verdict 0 'meson setup' meson setup "$tmp/build" "$tmp/tree"
verdict 0 'ninja' ninja -C "$tmp/build"
verdict 0 'nothing to do' grep -q 'no work to do' <(ninja -C "$tmp/build")
verdict 0 'nothing left in the tree' test ! -e "$tmp/tree/tests/check-abi.stamp"
echo '#include <rte_eal.h>' >"$tmp/tree/cp/new.c"
newer cp
verdict 1 'ninja with a new file' ninja -C "$tmp/build"
rm "$tmp/tree/cp/new.c"
verdict 0 'ninja without it' ninja -C "$tmp/build"
echo '#include "../cp/log.h"' >>"$tmp/tree/dp/worker.h"
newer dp/worker.h
verdict 1 'ninja with a changed file' ninja -C "$tmp/build"
edit dp/worker.h '$d'
verdict 0 'ninja with the file as it was' ninja -C "$tmp/build"
edit lib/drop.def '$aDROP(NEW, "new", INFO, "a new one")'
verdict 1 'ninja with a changed boundary' ninja -C "$tmp/build"

# ---- which end-to-end tests a guest runs ----
mkdir -p "$tmp/few/tests/"{e2e,vm}
touch "$tmp/few/tests/e2e/"{one,two}_test.sh
# listed WANT WHAT LINE...: of a list with these lines.
listed() {
	printf '%s\n' "${@:3}" >"$tmp/few/tests/vm/e2e_not.txt"
	verdict "$1" "tests/vm/e2e_not.txt: $2" "$src/tests/vm/e2e.sh" "$tmp/few"
}
listed 0 'as it should be' '# why' 'two   has no port'
verdict 0 'tests/vm/e2e.sh: all others' test "$(cat "$tmp/out")" = one
listed 1 'a test that is not there' 'three has no port'
listed 1 'no reason' 'two'
listed 1 'a word is no reason' 'two  port'
listed 1 'the same twice' 'two has no port' 'two has no port'

# ---- the runner: what is asked for, in any order ----
# asked WANT ARGUMENT...: how long a run with these would fuzz.
asked() {
	verdict 0 "run.sh ${*:2}" grep -q "time of each fuzzer ($1)" <("$src/tests/run.sh" "${@:2}" --help)
}
asked 3
asked 3 unit:x
asked 600 --long
asked 600 --long unit:x
asked 600 unit:x --long
verdict 2 'run.sh with two patterns' "$src/tests/run.sh" unit:x unit:y
verdict 2 'run.sh with an option that there is not' "$src/tests/run.sh" unit:x --longer

[ $failed = 0 ] && echo 'the checks catch what they should'
exit $failed
