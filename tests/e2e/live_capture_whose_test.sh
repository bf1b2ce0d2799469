#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fairlead capture of one session, of one client and of one peer: tshark finds what of it came and went on both
# sides, and nothing of another's that has the same peer, the same client's address or the same user. A disk that is
# full ends the capture with a sentence and the number of frames; the file that is left can be read, has as many, and
# no packet of media is lost.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/load.sh
. "$ROOT/tests/e2e/load.sh"
# shellcheck source=tests/e2e/captures.sh
. "$ROOT/tests/e2e/captures.sh"

ONE=3480 OTHER=3481 # the peer's ports

# Two clients of one user at one address: each has a channel to ONE, the first also one to OTHER.
cat >"$TMP/clients.py" <<'END'
import os, sys
sys.path.insert(0, os.environ["E2E"])
import stunlib
one, other = map(int, sys.argv[1:])
clients = [stunlib.Client(os.environ["SERVER4"]) for _ in range(2)]
for c in clients:
    reply = c.allocate()
    assert reply.error() == 0
    c.relayed = reply.address(stunlib.RELAYED)[1]
    assert c.bind(0x4000, os.environ["PEER4"], one).error() == 0
assert clients[0].bind(0x4001, os.environ["PEER4"], other).error() == 0
for c in clients:
    print(c.sock.getsockname()[1], c.relayed, flush=True)
for line in sys.stdin:
    for c, channel, what in ((0, 0x4000, "first-one-"), (0, 0x4001, "first-other-"), (1, 0x4000, "second-one-")):
        text = (what + line.strip()).encode()
        clients[c].send_channel(channel, text)
        assert clients[c].receive(10) == (channel, text), "no echo"
    print("echoed", flush=True)
END
start_peer $ONE
mkfifo "$TMP/in" "$TMP/out"
in_client python3 "$TMP/clients.py" $ONE $OTHER <"$TMP/in" >"$TMP/out" 2>"$TMP/clients.log" &
STARTED+=($!)
exec {IN}>"$TMP/in" {OUT}<"$TMP/out"
read -r -t 20 -u "$OUT" PORT RELAYED || fail "no allocations: $(<"$TMP/clients.log")"
read -r -t 20 -u "$OUT" PORT2 RELAYED2 || fail "no second allocation: $(<"$TMP/clients.log")"
# everybody WORD: each sends its text with that word over each of its channels, and has it back.
everybody()
{
	echo "$1" >&"$IN"
	read -r -t 40 -u "$OUT" REPLY || fail "no echo: $(<"$TMP/clients.log")"
}

# of_it NAME TEXT FILTER: frames with that text.
of_it() { n_frames "$1" "frame contains \"$2\" && $3"; }
# all_ways NAME TEXT PEER: once each, as it came from the client, went to the peer, came back and went back.
all_ways()
{
	local way
	for way in "ip.src == $CLIENT4 && udp.srcport == $PORT && udp.dstport == 3478" \
		"ip.src == $RELAY4 && udp.srcport == $RELAYED && ip.dst == $PEER4 && udp.dstport == $3" \
		"ip.src == $PEER4 && udp.srcport == $3 && udp.dstport == $RELAYED" \
		"udp.srcport == 3478 && ip.dst == $CLIENT4 && udp.dstport == $PORT"; do
		assert_num "$1: frames of $2, $way" "$(of_it "$1" "$2" "$way")" -eq 1
	done
}
# captured NAME WORD OPTION...: what everybody sends meanwhile, until the last of the first client's is there.
captured()
{
	capture "$1" "${@:3}"
	everybody "$2"
	LAST=$1
	await 10 back_again || fail "$1: it is not there: $(tshark -r "$TMP/$1.pcapng" 2>&1)"
	done_with "$1"
}
back_again() { [[ $(of_it "$LAST" first-other- "ip.dst == $CLIENT4") -ge 1 ]]; }

# ---- a session ----

session=$(fl --json sessions show --relayed "$RELAY4:$RELAYED" | jq -r '.sessions[0] | "\(.worker)/\(.slot)"')
captured session word1 --session "$session"
all_ways session first-one-word1 $ONE
all_ways session first-other-word1 $OTHER
assert_num "frames of the other session" "$(n_frames session "frame contains \"second-one-\" || udp.port == $RELAYED2 || udp.port == $PORT2")" -eq 0

# ---- a client ----

captured client word2 --client "$CLIENT4:$PORT"
all_ways client first-one-word2 $ONE
all_ways client first-other-word2 $OTHER
assert_num "frames of the other client" "$(n_frames client "frame contains \"second-one-\" || udp.port == $RELAYED2 || udp.port == $PORT2")" -eq 0
capture address --client "$CLIENT4"
everybody word3
both_there() { [[ $(of_it address second-one-word3 "ip.dst == $CLIENT4 && udp.dstport == $PORT2") -ge 1 ]]; }
await 10 both_there || fail "an address without a port is not all its clients: $(tshark -r "$TMP/address.pcapng" 2>&1)"
done_with address
all_ways address first-one-word3 $ONE

# ---- a peer ----

# What the client sends is of no peer yet when it comes: it is there from where it goes to him.
captured peer word4 --peer "$PEER4:$OTHER"
for way in "udp.srcport == $RELAYED && ip.dst == $PEER4 && udp.dstport == $OTHER" "ip.src == $PEER4 && udp.srcport == $OTHER" \
	"ip.dst == $CLIENT4 && udp.dstport == $PORT"; do
	assert_num "peer: frames, $way" "$(of_it peer first-other-word4 "$way")" -eq 1
done
assert_num "frames of another peer" "$(n_frames peer "frame contains \"-one-\" || udp.port == $ONE")" -eq 0
note "a session's, a client's and a peer's packets, and nobody else's"

# ---- a disk that fills ----

DISK=$TMP/disk ROOM=400
mkdir "$DISK"
mount -t tmpfs -o size=${ROOM}k captures "$DISK"
disk_gone() { umount -l "$DISK"; }
AT_END=disk_gone
load_start media media --rate 1000 --legs 4
load media go
rc=0
timeout 60 "$BUILD/fairlead" --config "$CONFIG" capture --write "$DISK/full.pcapng" 2>"$TMP/full.log" || rc=$?
assert_num "exit status of a capture whose disk is full" $rc -eq 1
grep -q "^fairlead: cannot write $DISK/full.pcapng: No space left on device; the capture is over, with [0-9]* frames in [0-9]* bytes" "$TMP/full.log" ||
	fail "it says so: $(<"$TMP/full.log")"
told=$(sed -nE 's/.*with ([0-9]+) frames in ([0-9]+) bytes.*/\1 \2/p' "$TMP/full.log")
assert_eq "bytes of the file, and said" "$(stat -c %s "$DISK/full.pcapng")" "${told#* }"
assert_num "of the disk's room, in kB" $((${told#* } / 1024)) -gt $((ROOM - 8))
tshark -r "$DISK/full.pcapng" >"$TMP/full.text" 2>"$TMP/full.errors" || fail "tshark: $(<"$TMP/full.errors")"
! grep -v 'Running as user' "$TMP/full.errors" | grep . || fail "tshark says: $(<"$TMP/full.errors")"
assert_eq "frames in the file, and said" "$(wc -l <"$TMP/full.text")" "${told% *}"
assert_num "frames" "${told% *}" -gt 100
again() { fl capture --count 1 --write "$TMP/again.pcapng" 2>"$TMP/again.log"; }
await 20 again || fail "what could not be written keeps others out: $(<"$TMP/again.log")"
load_clean media
await 10 accounted || fail "a packet is not accounted for: $(fl accounting)"
note "a full disk: $(<"$TMP/full.log")"
