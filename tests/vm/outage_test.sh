#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A NIC that is reset behind its driver's back, and one that is unplugged, under traffic: the relay goes on
# with its other port, says in its log and in "fairlead ports" what is wrong (R69), and uses the NIC again: at
# once after a reset, and when it is back in its slot and bound.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

LOG=$RUN/fairlead-dp.log
if [[ $VM_DRIVER == virtio ]]; then
	# Its driver counts as sent what is in its ring, so a reset is seen once that is full, of which there is a
	# short one here, or nobody has answered for long enough.
	relay_config 's|^\( *\)device: "net_af_xdp1.*|&\n\1tx-desc: 64|' >"$TMP/up.log" 2>&1 || not_up
else
	relay_is_up
fi
start_peer

# reset_nic: what is asked for is done, but Debian 12's kernel then waits for a link that QEMU's slot does not have.
reset_nic()
{
	local device=/sys/bus/pci/devices/$VM_CORE
	echo bus >"$device/reset_method"
	echo 1 >"$device/reset" 2>/dev/null || true
}

is_out() { [[ $(port_json core .info.out) == true ]]; }
is_up() { ! is_out && link_is core true; }
outages() { port_json core .info.outages; }
# The media that goes on fills the queue of who waits for the peer's address.
# By one worker at least: who has no flow of the client does not ask again for what has gone stale.
peer_is_known() { [[ $(fl_json neighbours "any(.neighbours[]; .address == \"$PEER4\" and .state == \"reachable\")") == true ]]; }
outages_are() { (($(outages) >= $1)); }
logged() { grep -qF "port core ($VM_CORE): $1" "$LOG"; }

# The access side is asked all the while.
start "$TMP/ping.log" in_client ping -i 0.2 "$SERVER4"
PING=$PID
access_was_well()
{
	kill -INT "$PING"
	await 10 ended "$PING" || fail "ping does not end"
	grep -q ' 0% packet loss' "$TMP/ping.log" || fail "port access: $(tail -n 3 "$TMP/ping.log")"
}

relays "before" 20 -n 10 -m 2 -c -e "$PEER4" "$SERVER4"

# media: goes on until media_end, which is before relays() counts: a short ring is full of it for a while.
media()
{
	local before
	before=$(counter relay_to_peer)
	start "$TMP/media.log" in_client turnutils_uclient -u demo -w fairlead -r 3480 -n 20000 -m 2 -z 5 -c -e "$PEER4" "$SERVER4"
	MEDIA=$PID
	await 20 flows $((before + 50)) || fail "there is no traffic"
}
media_end()
{
	kill "$MEDIA" 2>/dev/null || true
	await 10 ended "$MEDIA" || fail "turnutils_uclient does not end"
}
flows() { (($(counter relay_to_peer) > $1)); }

media
reset_nic
await 60 outages_are 1 || fail "reset: the relay does not see it: $(tail -n 3 "$LOG")"
await 30 is_up || fail "reset: the port does not come back: $(tail -n 5 "$LOG")"
logged "has sent nothing" || logged "has received nothing" || fail "reset: it does not say why"
logged "works again" || fail "reset: it does not say that it works again"
await 30 peer_is_known || fail "reset: the peer does not answer: $(fl neighbours)"
media_end
relays "after the reset" 20 -n 10 -m 2 -c -e "$PEER4" "$SERVER4"
media

monitor device_del nic-core
await 30 is_out || fail "unplugged: 'fairlead ports' does not say so: $(tail -n 5 "$LOG")"
link_is core false || fail "unplugged: its link is up"
logged "the device was taken away" || fail "unplugged: the log does not say so"
fl ports | grep -q '^core *out' || fail "unplugged: 'fairlead ports' says: $(fl ports | grep ^core)"
gone() { [[ ! -e /sys/bus/pci/devices/$VM_CORE ]]; }
await 30 gone || fail "unplugged: the relay does not let it go"
assert_num "packets without a port" "$(fl_json drops '.drops[] | select(.name == "tx_out").total')" -gt 0

monitor device_add "$VM_MODEL,id=nic-core,netdev=core,bus=slot-core,mac=02:00:00:00:02:01"
there() { [[ -e /sys/bus/pci/devices/$VM_CORE ]]; }
await 30 there || fail "QEMU does not plug it in again"
printf 'bind %s\n' "$VM_CORE" >"$TMP/setup.conf"
"$ROOT/conf/fairlead-setup.sh" --config "$TMP/setup.conf" || fail "it cannot be bound"
await 30 is_up || fail "plugged in: the port does not come back: $(tail -n 5 "$LOG")"
assert_num "outages" "$(outages)" -eq 2
await 30 peer_is_known || fail "plugged in: the peer does not answer: $(fl neighbours)"
media_end
relays "after it was plugged in" 20 -n 10 -m 2 -c -e "$PEER4" "$SERVER4"
access_was_well
grep "port core" "$LOG" | while read -r line; do note "$line"; done
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
