#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A wrong configuration: every program that reads it says one sentence with file, line and key,
# exits with another code than 0 and leaves no process behind. The running relay does not notice. And a right one is told
# what it takes, as the tables of doc/deploy.md have it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

dp=$(dp_pid) cp=$(cp_pid)

# refused WANT SED PROGRAM ARGUMENT...: with the sample edited, a program refuses it.
refused()
{
	local want=$1 edit=$2 out rc=0
	shift 2
	sed -e "$edit" -e "s|/run/fairlead/|$TMP/|" "$ROOT/conf/fairlead.yaml" >"$TMP/wrong.yaml"
	out=$(in_relay timeout 60 "$@" "$TMP/wrong.yaml" 2>&1 </dev/null) || rc=$?
	((rc == CODE)) || fail "$*: exit code $rc, not $CODE: $want"
	grep -qF -- "$want" <<<"$out" || fail "$*: '$out' does not say '$want'"
}

line() { grep -n -m 1 -- "$1" "$ROOT/conf/fairlead.yaml" | cut -d: -f1; }

assert "the sample is right" "$BUILD/fairlead-cp" --check-config "$ROOT/conf/fairlead.yaml" >"$TMP/takes"
assert "it is told what it takes" grep -q '^dataplane.memory-mb: 512 MiB, which are 256 huge pages of 2 MiB, for$' "$TMP/takes"
assert "and of what" grep -qE '^ +[0-9]+ MiB  packet buffers \(dataplane.mbufs\)$' "$TMP/takes"
assert "and what fairlead-cp has of its own for them" grep -qE '^ +[0-9]+ MiB  allocations, in fairlead-cp ' "$TMP/takes"
assert "and how many metrics there will be" grep -qE '^control.metrics-port: /metrics has [0-9]+ series' "$TMP/takes"
python3 "$E2E/deploy_sizes.py" "$BUILD/fairlead-cp" "$ROOT/conf/fairlead.yaml" "$ROOT/doc/deploy.md" ||
	fail "the tables of doc/deploy.md have drifted, as said above"
for program in "fairlead-cp --check-config" "fairlead-cp --config" "fairlead-dp --config"; do
	read -r name option <<<"$program"
	set -- "$BUILD/$name" "$option"
	CODE=78 # EX_CONFIG: systemd does not try again
	[[ $option != --check-config ]] || CODE=1
	refused ":$(line '^    mtu:'): ports[0].mtu: 90 is out of range" 's/^    mtu:.*/    mtu: 90/' "$@"
	refused ":$(($(line '^    transport: tls') + 1)): listeners[6].domain: nosuch is the name of no domain" \
		's/^    transport: tls/&\n    domain: nosuch/' "$@"
	refused "10.1.0.1 is used already, in line" 's|\[10.2.0.1/24|[10.1.0.1/24|' "$@"
	refused "no such key: did you mean realm?" 's/^  realm:/  raelm:/' "$@"
	refused ":$(line '^  memory-mb:'): dataplane.memory-mb: 64 MiB are too few: tables and packet buffers are " \
		's/^  memory-mb:.*/  memory-mb: 64/' "$@"
done
CODE=1
# All of it at once, where it is asked for.
EDIT='s/^    mtu:.*/    mtu: 90/; s/^  realm:/  raelm:/; s/^  memory-mb:.*/  memory-mb: 64/; s/^  peers:.*/  peers: x/'
for want in "ports[0].mtu: 90 is out of range" "turn.raelm: no such key: did you mean realm?" \
	"dataplane.memory-mb: 64 MiB are too few: tables and packet buffers are at least " "dataplane.peers: x must be" \
	"more may be found when these are mended"; do
	refused "$want" "$EDIT" "$BUILD/fairlead-cp" --check-config
done
# What a device is called is looked at whatever is wrong beside it, or of another port.
EDIT='s/^    vlan:.*/    vlann: 3/; s/net_af_xdp0,iface=access/0000:01:00/; s/net_af_xdp1,iface=core/02:00/'
for want in "ports[0].vlann: no such key" "ports[0].device: '0000:01:00' is no PCI address" "ports[1].device: '02:00' is no PCI address"; do
	refused "$want" "$EDIT" "$BUILD/fairlead-cp" --check-config
done
refused ":$(line '^    device:'): ports[0].device (access, net_af_xdp0,iface=nosuch): " 's/iface=access/iface=nosuch/; s/iface=core/iface=nosuch/' "$BUILD/fairlead-dp" --config

assert_eq "fairlead-dp" "$(dp_pid)" "$dp"
assert_eq "fairlead-cp" "$(cp_pid)" "$cp"
assert "still attached" attached

