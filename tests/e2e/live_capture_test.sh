#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fairlead capture: a datagram from client to peer is in the file as it came and as it went, with ports and
# payload; one that is dropped has its reason as a comment; an expression takes the frames that it names
# and no others, a wrong one is refused in libpcap's words; a context's, or a user's, packets are there and
# nobody else's; it ends by count, by size, by time, by its
# reader; a reader that stops costs frames of the file, which says how many, and no packet of media; what
# came inside of TLS is never there; nothing is left when the reader is killed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"
# shellcheck source=tests/e2e/captures.sh
. "$ROOT/tests/e2e/captures.sh"
STRANGER=10.2.0.77

DEV=$(in_peer ip -o -4 addr show to "$PEER4" | awk '{ print $2 }')
stranger_gone() { in_peer ip addr del "$STRANGER/24" dev "$DEV"; }
in_peer ip addr add "$STRANGER/24" dev "$DEV"
AT_END=stranger_gone

# A client with a channel to a peer of its own sends it PAYLOAD; a stranger sends UNWANTED to the relayed port.
cat >"$TMP/client.py" <<'EOF'
import os, socket, ssl, sys
sys.path.insert(0, os.environ["E2E"])
import stunlib
tls = len(sys.argv) > 1
ctx = ssl.create_default_context(cafile=os.environ["CA"]) if tls else None
c = stunlib.Client("10.1.0.1", 5349 if tls else 3478, tls=ctx)
reply = c.allocate()
assert reply.error() == 0
relayed = reply.address(stunlib.RELAYED)
assert c.bind(0x4000, "10.2.0.2", 9009).error() == 0
print(relayed[1], c.sock.getsockname()[1] if not tls else 0, flush=True)
for line in sys.stdin:
    c.send_channel(int(line.split()[0], 16), line.split()[1].encode())
    print("sent", flush=True)
EOF
mkfifo "$TMP/in" "$TMP/out"
in_client python3 "$TMP/client.py" <"$TMP/in" >"$TMP/out" 2>"$TMP/client.log" &
STARTED+=($!)
exec {IN}>"$TMP/in" {OUT}<"$TMP/out"
read -r -t 20 -u "$OUT" RELAYED CLIENT_PORT || fail "no allocation: $(cat "$TMP/client.log")"
say()
{
	echo "$1 $2" >&"$IN"
	read -r -t 10 -u "$OUT" REPLY || fail "not sent: $(cat "$TMP/client.log")"
}
unwanted()
{
	in_peer python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$STRANGER', 4321))
s.sendto(b'unwanted', ('$RELAY4', $RELAYED))"
}

# ---- both sides, and a reason ----

capture both --relayed "$RELAY4:$RELAYED"
say 4000 payload1
unwanted
two_of_it() { [[ $(n_frames both 'udp.srcport == 4321') -ge 2 ]]; }
await 10 two_of_it || fail "the stranger's frame is not there: $(tshark -r "$TMP/both.pcapng" 2>&1)"
done_with both
came="ip.src == $CLIENT4 && udp.srcport == $CLIENT_PORT && udp.dstport == 3478 && frame.interface_name == access && frame.packet_flags_direction == 1"
went="ip.src == $RELAY4 && udp.srcport == $RELAYED && ip.dst == $PEER4 && udp.dstport == 9009 && frame.interface_name == core && frame.packet_flags_direction == 2"
assert_num "frames as they came" "$(n_frames both "$came && frame contains \"payload1\"")" -eq 1
assert_num "and as they went" "$(n_frames both "$went && frame contains \"payload1\"")" -eq 1
assert_eq "the payload that went" "$(frames both "$went" udp.payload)" "$(printf payload1 | od -An -tx1 | tr -d ' \n')"
frames both 'frame.interface_name == fairlead' frame.comment udp.srcport udp.dstport >"$TMP/dropped"
grep -q "^dropped by worker [0-9]*: no_permission (.*)[[:space:]]4321[[:space:]]$RELAYED$" "$TMP/dropped" ||
	fail "the reason is no comment: $(<"$TMP/dropped")"
assert_num "frames with a comment" "$(n_frames both frame.comment)" -eq "$(wc -l <"$TMP/dropped")"
now=$(date +%s) then=$(frames both "$went" frame.time_epoch)
assert_num "the time of day" $((now - ${then%.*})) -lt 60
note "a datagram is seen on both sides, a dropped one with its reason"

capture drops --drops=no_permission --snaplen 42 --duration 10
say 4000 payload2
unwanted
ended_by drops duration
assert_num "only drops" "$(n_frames drops 'not frame.comment contains "no_permission"')" -eq 0
assert_eq "cut behind the headers" "$(frames drops udp frame.cap_len | sort -u)" 42

# ---- expressions ----

capture udp --filter "udp dst port 9009 and host $PEER4" --count 2
unwanted
say 4000 payload3
say 4000 payload4
ended_by udp count
assert_num "frames" "$(n_frames udp '')" -eq 2
assert_num "of what was asked for" "$(n_frames udp "udp.dstport == 9009 && ip.dst == $PEER4")" -eq 2
capture arp --filter arp --count 1 --duration 60
in_peer arping -q -c 1 -w 2 -I "$DEV" "$RELAY4" 2>/dev/null || in_peer ip neigh flush dev "$DEV"
unwanted
ended_by arp count
assert_num "ARP" "$(n_frames arp arp)" -eq 1
for wrong in 'udp port' 'port 99999' 'host not.a.name.invalid'; do
	! fl capture --write "$TMP/wrong" --filter "$wrong" 2>"$TMP/wrong.log" || fail "'$wrong' is taken"
	grep -q "^fairlead: --filter \"$wrong\": ." "$TMP/wrong.log" || fail "'$wrong' is refused so: $(<"$TMP/wrong.log")"
done
grep -q 'not.a.name.invalid' "$TMP/wrong.log" || fail "not libpcap's sentence: $(<"$TMP/wrong.log")"
[[ ! -e $TMP/wrong ]] || fail "a file of nothing is left"
! fl capture --write "$TMP/udp.pcapng" 2>"$TMP/wrong.log" || fail "a file that is there is written over"
note "expressions take what they name"

# ---- whose ----

# Two contexts with the same numbers of ports, and a client's channel beside: each alone.
start_peer 3480
context_of() { fl --json context add --call "$1" --a transport=udp,realm=access,rtp,latch=on --b "transport=udp,realm=core,rtp,remote=$PEER4:3480"; }
mine=$(context_of mine) other=$(context_of other)
port_of() { jq -r ".terminations[$2].local" <<<"$1" | sed 's/.*://'; }
everybody() # payloads of the two contexts and of the client
{
	rtp "$(port_of "$mine" 0)" && rtp "$(port_of "$other" 0)" && say 4000 "$1"
}
rtp() { await 10 echoed "$1"; }
capture context --context "$(jq -r .context <<<"$mine")"
everybody payload5 || fail "no echo through the contexts"
four_of_it() { [[ $(n_frames context "udp") -ge 4 ]]; }
await 10 four_of_it || fail "the context's frames are not there: $(tshark -r "$TMP/context.pcapng" 2>&1)"
done_with context
ours=$(port_of "$mine" 0) theirs=$(port_of "$mine" 1)
for way in "ip.src == $CLIENT4 && udp.dstport == $ours" "udp.srcport == $theirs && ip.dst == $PEER4" \
	"ip.src == $PEER4 && udp.dstport == $theirs" "udp.srcport == $ours && ip.dst == $CLIENT4"; do
	assert_num "frames of the context, $way" "$(n_frames context "$way")" -ge 1
done
assert_num "frames of others" "$(n_frames context "not (udp.port == $ours || udp.port == $theirs)")" -eq 0
# With an expression, both hold.
capture half --context "$(jq -r .context <<<"$mine")" --filter "src host $PEER4" --count 1
everybody payload6 || fail "no echo through the contexts"
ended_by half count
assert_num "its frame from the peer" "$(n_frames half "ip.src == $PEER4 && udp.dstport == $theirs")" -eq 1

user=$(fl --json sessions show --relayed "$RELAY4:$RELAYED" | jq -r '.sessions[0].user')
capture user --user "$user"
everybody payload7 || fail "no echo through the contexts"
both_of_user() { [[ $(n_frames user 'frame contains "payload7"') -ge 2 ]]; }
await 10 both_of_user || fail "the user's frames are not there: $(tshark -r "$TMP/user.pcapng" 2>&1)"
done_with user
assert_num "as they came" "$(n_frames user "${came} && frame contains \"payload7\"")" -eq 1
assert_num "and as they went" "$(n_frames user "${went} && frame contains \"payload7\"")" -eq 1
assert_num "frames of others" "$(n_frames user "not (udp.port == $RELAYED || udp.port == $CLIENT_PORT)")" -eq 0
grep -q "capture: begun by user 0 .*\"whose\": {\"user\": \"$user\"}" "$RUN/fairlead-cp.log" || fail "the log does not say whose: $(grep capture: "$RUN/fairlead-cp.log")"
for wrong in '--context 12345' '--user nobody.of.this.name' '--context 12345 --user x'; do
	# shellcheck disable=SC2086 # words
	! fl capture --write "$TMP/wrong" $wrong 2>"$TMP/wrong.log" || fail "'$wrong' is taken"
done
grep -q 'of a context or of a user, not both' "$TMP/wrong.log" || fail "both are refused so: $(<"$TMP/wrong.log")"
[[ ! -e $TMP/wrong ]] || fail "a file of nothing is left"
for made in "$mine" "$other"; do fl context delete "$(jq -r .context <<<"$made")" >/dev/null || fail "a context stays"; done
note "a context's packets, or a user's, and nobody else's"

# ---- inside of TLS ----

mkfifo "$TMP/tls.in" "$TMP/tls.out"
capture tls --duration 60
in_client python3 "$TMP/client.py" tls <"$TMP/tls.in" >"$TMP/tls.out" 2>"$TMP/tls.log" &
STARTED+=($!)
exec {TLS_IN}>"$TMP/tls.in" {TLS_OUT}<"$TMP/tls.out"
read -r -t 20 -u "$TLS_OUT" REPLY || fail "no allocation over TLS: $(cat "$TMP/tls.log")"
echo "4007 secret-that-is-dropped" >&"$TLS_IN" # no such channel
read -r -t 10 -u "$TLS_OUT" REPLY || fail "not sent: $(cat "$TMP/tls.log")"
echo "4000 open-at-the-peer" >&"$TLS_IN"
read -r -t 10 -u "$TLS_OUT" REPLY || fail "not sent: $(cat "$TMP/tls.log")"
peer_saw() { [[ $(n_frames tls "frame contains \"open-at-the-peer\"") -ge 1 ]]; }
await 10 peer_saw || fail "what goes to the peer is not there"
done_with tls
assert_num "TLS on the wire" "$(n_frames tls 'tcp.port == 5349 && tcp.len > 0')" -gt 3
assert_num "plain text from inside of TLS" "$(n_frames tls 'frame contains "secret-that"')" -eq 0
assert_num "the peer's side alone" "$(n_frames tls 'frame contains "open-at-the-peer" && tcp')" -eq 0
note "what came inside of TLS is not in the file"

# By a flag of its own it is: both ways, as packets that are made up and say so, each byte once and in order.
cat >"$TMP/echo.py" <<'EOF'
import os, ssl, sys
sys.path.insert(0, os.environ["E2E"])
import stunlib
c = stunlib.Client("10.1.0.1", 5349, tls=ssl.create_default_context(cafile=os.environ["CA"]))
assert c.allocate().error() == 0
assert c.bind(0x4000, "10.2.0.2", 9008).error() == 0
c.send_channel(0x4000, b"there-and-back" * 60)
assert c.receive(10), "nothing came back"
EOF
start_peer 9008
capture plain --plaintext --duration 60
in_client timeout 20 python3 "$TMP/echo.py" >"$TMP/echo.log" 2>&1 || fail "no echo over TLS: $(<"$TMP/echo.log")"
inside='frame.interface_name == "plaintext"'
echoed() { [[ $(n_frames plain "$inside && tcp.srcport == 5349 && frame contains \"there-and-back\"") -ge 1 ]]; }
await 10 echoed || fail "what went to the client is not there: $(tshark -r "$TMP/plain.pcapng" -Y "$inside" 2>&1)"
done_with plain
assert_num "plaintext that came" "$(n_frames plain "$inside && frame.packet_flags_direction == 1 && tcp.dstport == 5349 && frame contains \"there-and-back\"")" -ge 1
assert_num "and that went" "$(n_frames plain "$inside && frame.packet_flags_direction == 2 && tcp.srcport == 5349 && frame contains \"there-and-back\"")" -ge 1
assert_num "without a comment" "$(n_frames plain "$inside && not frame.comment contains \"headers are made up\"")" -eq 0
assert_num "a gap, or a byte twice" "$(n_frames plain "$inside && tcp.analysis.flags")" -eq 0
assert_num "packets with right checksums" "$(tshark -r "$TMP/plain.pcapng" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE \
	-Y "$inside && tcp.checksum.status == 1 && ip.checksum.status == 1" 2>/dev/null | wc -l)" -eq "$(n_frames plain "$inside")"
assert_num "frames of the connection itself" "$(n_frames plain "not $inside && tcp.port == 5349")" -eq 0
assert_num "the peer's side" "$(n_frames plain "udp.port == 9008 && frame contains \"there-and-back\"")" -ge 2
tshark -r "$TMP/plain.pcapng" -d tcp.port==5349,stun -T fields -e stun.type 2>/dev/null | tr , '\n' >"$TMP/stun"
for type in 0x0003 0x0103 0x0009 0x0109; do # Allocate and ChannelBind, requests and answers
	grep -q "$type" "$TMP/stun" || fail "no STUN message of type $type inside: $(sort "$TMP/stun" | uniq -c)"
done
grep -q 'audit: user 0 .*: capture.plaintext .*: done' "$RUN/fairlead-cp.log" || fail "no line in the audit log: $(grep audit: "$RUN/fairlead-cp.log")"
note "with --plaintext it is, and the audit log says so"

# ---- bounds ----

load_start media media --rate 1000 --legs 4 --size 1200 # so that what is not read is soon too much
load media go
capture size --size 70000
ended_by size size
assert_num "bytes of the file" "$(stat -c %s "$TMP/size.pcapng")" -le 75000
! fl capture --write "$TMP/wrong" --size 1 2>"$TMP/wrong.log" || fail "a size of 1 is taken"

# A reader that stops: what it does not take is bounded, and the media goes on. Whose capture it is, others
# are told.
capture stopped --size 1000000000 --duration 600
kill -STOP "$CAPTURE"
! fl trace --count 1 >/dev/null 2>"$TMP/busy" || fail "two look at a time"
grep -q "another capture is under way, of user 0 (process $CAPTURE)" "$TMP/busy" || fail "not so: $(<"$TMP/busy")"
load media pause # what was before is no part of it
load media go
lost() { (($(counter trace_lost) > 100)); }
await 120 lost || fail "nothing is lost although nobody reads: $(counter trace_lost)"
assert_num "memory of the control process, kB" "$(awk '/^VmRSS/ { print $2 }' "/proc/$(cp_pid)/status")" -lt 200000
kill -CONT "$CAPTURE"
load_clean media
read_on() { (($(stat -c %s "$TMP/stopped.pcapng") > 4000000)); }
await 20 read_on || fail "the reader does not go on"
kill -INT "$CAPTURE" || true # it may have lost it meanwhile
ended_by stopped 'its reader '
missing=$(sed -nE 's/.* frames; ([0-9]+) found no room.*/\1/p' "$TMP/stopped.log")
assert_num "frames that are missing" "$missing" -gt 100
assert_eq "as the file says" "$(grep -ac "$missing found no room" "$TMP/stopped.pcapng")" 1
note "a reader that stops costs $missing frames of the file, and none of the media"

# One that does not go on loses its capture in seconds, and what it has not read keeps nobody waiting.
free() { fl capture --count 1 --write - 2>"$TMP/free.log" | tshark -r - >/dev/null 2>&1 && grep -q 'ended: count' "$TMP/free.log"; }
load media go
capture stalled --size 1000000000 --duration 600
kill -STOP "$CAPTURE"
await 60 free || fail "who reads nothing keeps others out: $(<"$TMP/free.log")"
grep -q 'capture: .*the capture ended: its reader takes nothing' "$RUN/fairlead-cp.log" || fail "it ended otherwise: $(grep capture: "$RUN/fairlead-cp.log")"
kill -CONT "$CAPTURE"
await 30 ended "$CAPTURE" || fail "its reader is not told: $(<"$TMP/stalled.log")"

# Who may administer takes one over.
capture held --duration 600
holder=$CAPTURE
fl trace --take-over --count 1 >/dev/null 2>"$TMP/over" || fail "it is not taken over: $(<"$TMP/over")"
grep -q "taken over from user 0 (process $holder)" "$TMP/over" || fail "from whom is not told: $(<"$TMP/over")"
ended_by held 'who may administer has ended it'
grep -q 'audit: user 0 .*: trace.release: done' "$RUN/fairlead-cp.log" || fail "no line in the audit log: $(grep audit: "$RUN/fairlead-cp.log")"
note "who stops reading loses it; who may administer takes it over"

# A reader that is killed leaves nothing behind, and one that asks for everything costs no media.
capture killed --duration 600
kill -KILL "$CAPTURE"
await 20 free || fail "a capture is left behind: $(<"$TMP/free.log")"
load media pause
load media go
capture all --duration 3
ended_by all duration
load_clean media
grep -q 'capture: begun by user 0 .*udp dst port 9009 and host' "$RUN/fairlead-cp.log" ||
	fail "the log does not say who captures what: $(grep capture: "$RUN/fairlead-cp.log")"
note "captures of everything are bounded, and cost no media"
