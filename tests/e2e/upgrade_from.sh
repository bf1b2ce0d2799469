#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# R70 across a change of the boundary: upgrade_from.sh DIRECTORY, a tree with programs of another
# CTL_ABI_VERSION in DIRECTORY/build (tests/upgrade.sh makes it). Under media, and with the configuration of
# the old programs: who meets the other version says both numbers, and media goes on. With both
# restarted, the allocations and contexts are the same, at the same addresses, and clients refresh. An old
# fairlead-cp beside the new fairlead-dp says so, too, and does no harm.
OLD=$1
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$(dirname "$0")/load.sh"

version() { "$1/fairlead-cp" --version | sed 's/.*boundary //'; }
sessions() { fl --json sessions --limit 0 | jq -S '[.sessions[] | {relayed, client, user}] | sort_by(.relayed)'; }
contexts() { fl --json context list | jq -S '[.contexts[] | {context, state}] | sort_by(.context)'; }
end() { kill "$1" && await 10 ended "$1"; }

# meets BUILD SENTENCE: its fairlead-cp meets a fairlead-dp of the other version, and says so.
meets()
{
	BUILD=$1 start_cp
	await 20 grep -Eq "not attached to the dataplane.*$2" "$RUN/fairlead-cp.log" ||
		fail "fairlead-cp of $1 does not say '$2': $(tail -n 3 "$RUN/fairlead-cp.log")"
	load_more media received 1000
	! attached || fail "fairlead-cp of $1 attaches"
	end "$(cp_pid)" || fail "fairlead-cp of $1 does not end"
}

ours=$(version "$BUILD") theirs=$(version "$OLD/build")
((ours != theirs)) || fail "both have boundary $ours"
relay_start "$OLD/conf/fairlead.yaml" "$OLD/build" >"$TMP/quickstart"
load_start media media --legs 16 --rate 1000
load media go
load_more media received 1000
fl context add --a transport=udp,realm=access --b "transport=udp,realm=core,remote=$PEER4:4000" >"$TMP/context"
sessions >"$TMP/sessions" && contexts >"$TMP/contexts"
assert_eq "contexts" "$(jq length "$TMP/contexts")" 1

end "$(cp_pid)" || fail "the old fairlead-cp does not end"
: >"$RUN/fairlead-cp.log"
meets "$BUILD" "version $theirs of the boundary, and this fairlead-cp $ours"

load media pause
end "$(dp_pid)" || fail "the old fairlead-dp does not end"
FAIRLEAD_BUILD=$BUILD FAIRLEAD_CONFIG=$OLD/conf/fairlead.yaml "$ROOT/conf/quickstart.sh" --detach >"$TMP/quickstart" ||
	fail "the new programs do not start: $(tail -n 3 "$TMP/quickstart")"
await 20 synced || fail "the new programs do not attach: $(tail -n 3 "$RUN/fairlead-cp.log")"
sessions >"$TMP/after"
diff "$TMP/sessions" "$TMP/after" || fail "there are other allocations after the upgrade"
contexts >"$TMP/after"
diff "$TMP/contexts" "$TMP/after" || fail "there are other contexts after the upgrade"
load media go
load_more media received 2000
load_clean media
load media renew

end "$(cp_pid)" || fail "the new fairlead-cp does not end"
: >"$RUN/fairlead-cp.log"
load media go
meets "$OLD/build" "version" # in the words of its time
start_cp
await 20 synced || fail "the new fairlead-cp does not attach again"
load_more media received 1000
load_clean media
load media quit
note "from boundary $theirs to $ours, under media: $(jq length "$TMP/sessions") allocations and a context go on"
