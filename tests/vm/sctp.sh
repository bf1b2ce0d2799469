#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# H.248 over SCTP in a guest, whose kernel has it: what fairlead-cp says while it has none, then two controllers
# (sctp_controller.py) in a namespace of their own, each behind a link of its own.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${E2E_BUILD:-$ROOT/build}

if [[ ${1:-} != --inside ]]; then
	exec env GUEST_CPUS=2 GUEST_MB=2048 GUEST_SECONDS="${GUEST_SECONDS:-900}" "$ROOT/tests/vm/guest.sh" \
		-- "E2E_BUILD=$BUILD $ROOT/tests/vm/sctp.sh --inside"
fi

# shellcheck source=conf/await.sh
. "$ROOT/conf/await.sh"
CONFIG=/tmp/sctp.yaml
LOG=/tmp/cp.log
FIRST=10.9.0.2 SECOND=10.9.0.6

fail()
{
	printf 'FAILED  %s\n' "$*"
	tail -n 20 /tmp/dp.log $LOG | sed 's/^/        | /'
	exit 1
}

is_ready() { grep -q ready /tmp/dp.log || { kill -0 "$DP" 2>/dev/null || fail "fairlead-dp does not start"; false; }; }

cat >$CONFIG <<YAML
dataplane: {workers: [0], main-cpu: 1, memory-mb: 512, hugepages: no, socket: /tmp/dp.sock}
control: {socket: /tmp/cp.sock, state: /tmp/state, contexts: /tmp/contexts}
ports:
  - {name: access, device: "net_null0,no-rx=1", addresses: [10.1.0.1/24]}
  - {name: core, device: "net_null1,no-rx=1", addresses: [10.2.0.1/24]}
listeners: [{address: 10.1.0.1}]
realms: [{name: access}, {name: core}]
relays:
  - {address: 10.1.0.1, port-min: 50000, realm: access}
  - {address: 10.2.0.1, port-min: 50000, realm: core}
gateway:
  contexts: 64
  streams: 16
  h248-address: 0.0.0.0
  h248-name: mg1.example.net
  h248-controllers: [{address: $FIRST, transport: sctp}, {address: $SECOND, transport: sctp}]
turn: {realm: example.org}
auth: {rest-secrets: [secret]}
YAML
chmod 600 $CONFIG
ip netns add mgc
for n in 1 2; do
	ip link add "control-$n" type veth peer name "mgc-$n" netns mgc
	ip addr add "10.9.0.$((4 * n - 3))/30" dev "control-$n"
	ip -n mgc addr add "10.9.0.$((4 * n - 2))/30" dev "mgc-$n"
	ip link set "control-$n" up
	ip -n mgc link set "mgc-$n" up
done
"$BUILD/fairlead-dp" --config $CONFIG >/tmp/dp.log 2>&1 &
DP=$!
await 300 is_ready || fail "fairlead-dp is not ready"

echo 'install sctp /bin/false' >/etc/modprobe.d/no-sctp.conf
! "$BUILD/fairlead-cp" --config $CONFIG >$LOG 2>&1 || fail "fairlead-cp starts without SCTP"
grep -q 'gateway.h248-controllers: transport sctp is of the kernel, which has none' $LOG || fail "it does not say why"
echo "ok      a kernel without SCTP: $(tail -n 1 $LOG)"
rm /etc/modprobe.d/no-sctp.conf
modprobe sctp

# As systemd does: it is begun again when it has gone.
until [[ -e /tmp/over ]]; do "$BUILD/fairlead-cp" --config $CONFIG >>$LOG 2>&1 || true; done &
# The controllers' is the namespace that the links end in; the command line's socket is a file.
in_mgc() { ip netns exec mgc "$@"; }
in_mgc python3 "$ROOT/tests/vm/sctp_controller.py" $FIRST $SECOND "$BUILD/fairlead" $CONFIG $LOG ||
	fail "the controller's side: see above"
touch /tmp/over
kill -- $(pgrep -f "^$BUILD/fairlead-cp --config $CONFIG") "$DP"
wait "$DP" || fail "fairlead-dp: exit code $?"
