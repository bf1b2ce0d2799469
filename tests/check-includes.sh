#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Includes point one way: lib <- conf <- dp, and lib <- conf <- cp <- cli. Only dp/ knows DPDK. In
# dp/ there are floors, each of which knows those below it: what dispatches; turn/, gateway/, service/
# and edge/, which do not know each other; relay/; tcp/, tls/, dtls/ and srtp/ with cipher/; net/; the links to
# other workers and the control process, transmit, the clock. ipsec/ is beside tcp/. What a folder of dp/ alone has on a
# worker stands in a header that only its files include. In cp/, contexts do not know who controls them.
#   check-includes.sh [ROOT [STAMP DEPFILE]]
# Names each line that breaks this and exits 1. With STAMP and DEPFILE (ninja's), touches the one
# and lists in the other what was looked at: every file, and every folder, since a new file
# changes its folder.
set -euo pipefail
export LC_ALL=C
root=${1:-$(dirname "$0")/..}
stamp=${2:-} depfile=${3:-}

own='(^|/)(gateway/gateway|net/net|turn/turn)[.]h' # for the folder itself "turn.h" is enough
top='(^|/)(audit|cmd|demux|dispatch|handover|loop|rx|rx_parse)[.]h'
# folder or file, what must not be included there (an extended regex on the path between the quotes)
rules='
lib  [.][.]/|(^|/)(dp|cp|cli|conf)/|(^|/)rte_
conf (^|/)(dp|cp|cli)/|(^|/)rte_
dp   (^|/)(cp|cli)/|OWN
dp/worker.h (^|/)(net|cipher|ipsec|srtp|tcp|tls|dtls|turn|gateway|service|edge)/|(^|/)relay/[^f]|TOP
dp/net (^|/)(cipher|ipsec|srtp|tcp|tls|dtls|relay|turn|gateway|service|edge)/|TOP
dp/tcp (^|/)(srtp|ipsec|relay|turn|gateway|service|edge)/|TOP
dp/ipsec (^|/)(srtp|tcp|tls|dtls|relay|turn|gateway|service|edge)/|TOP
dp/dtls (^|/)(srtp|relay|turn|gateway|service|edge)/|TOP
dp/tls (^|/)(srtp|relay|turn|gateway|service|edge)/|TOP
dp/cipher (^|/)(net|ipsec|tcp|tls|dtls|srtp|relay|turn|gateway|service|edge)/|TOP
dp/srtp (^|/)(net|tcp|tls|dtls|relay|turn|gateway|service|edge)/|TOP
dp/relay (^|/)(turn|gateway|service|edge)/|TOP
dp/turn (^|/)(gateway|service|edge)/|TOP
dp/gateway (^|/)(turn|service|edge)/|TOP
dp/service (^|/)(turn|gateway|edge)/|TOP
dp/edge (^|/)(tcp|tls|dtls|turn|gateway|service)/|TOP
cp   (^|/)(dp|cli)/|(^|/)rte_
cp/context (^|/)(ng|admin)/
cp/turn (^|/)(context|ng|admin)/
cli  (^|/)dp/|(^|/)rte_
'
# Files of dp/ itself are on the lowest floor, but for those that dispatch, or start what there is.
high='audit cmd demux dispatch dispatch_icmp handover loop main reload rx rx_parse service trace worker'
low='(^|/)(net|cipher|ipsec|srtp|tcp|tls|dtls|relay|turn|gateway|service|edge)/|TOP'
for file in "$root"/dp/*.[ch]; do
	[ -e "$file" ] || continue # no dp/, which a rule above tells
	name=${file##*/}
	[[ " $high " == *" ${name%.[ch]} "* && $name != trace.h ]] || rules+="dp/$name $low"$'\n'
done

rc=0
while read -r folder forbidden; do
	[ -n "$folder" ] || continue
	[ -e "$root/$folder" ] || { echo "tests/check-includes.sh: there is no $root/$folder" >&2 && exit 1; }
	forbidden=${forbidden//TOP/$top} forbidden=${forbidden//OWN/$own}
	# An include by macro cannot be judged here, so there is none.
	found=$(cd "$root" && grep -HrnE '^[[:space:]]*#[[:space:]]*(include|include_next|import)\b' \
		--include='*.[ch]' --include='*.def' "$folder" |
		awk -v forbidden="$forbidden" '{
			line = $0; sub(/^[^#]*#[ \t]*[a-z_]+[ \t]*(\/\*.*\*\/)?[ \t]*/, "", line)
			path = substr(line, 2); sub(/[">].*/, "", path)
			if (line !~ /^["<]/ || path ~ forbidden) print }') || true
	if [ -n "$found" ]; then
		printf '%s\n' "$found" >&2
		printf 'tests/check-includes.sh: %s/ must not include the above\n' "$folder" >&2
		rc=1
	fi
done <<<"$rules"
[ $rc = 0 ] || exit 1

if [ -n "$stamp" ]; then
	{
		printf '%s:' "$stamp"
		find "$root"/{lib,conf,dp,cp,cli} \( -type d -o -name '*.[ch]' -o -name '*.def' \) \
			-printf ' %p'
		echo
	} >"$depfile"
	touch "$stamp"
fi
