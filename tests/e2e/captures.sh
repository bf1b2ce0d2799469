# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fairlead capture in the background, and what tshark finds in its file. Beside lib.sh, whose capture is dumpcap's.

# capture NAME ARGUMENT...: in the background, to $TMP/NAME.pcapng; its process is $CAPTURE.
capture()
{
	start "$TMP/$1.log" "$BUILD/fairlead" --config "$CONFIG" capture --write "$TMP/$1.pcapng" "${@:2}"
	CAPTURE=$PID
	await 10 begun "$1" || fail "the capture does not begin: $(cat "$TMP/$1.log")"
}
begun() { grep -qs 'capturing' "$TMP/$1.log"; }

# done_with NAME: interrupts it, and waits for the end of the file.
done_with()
{
	kill -INT "$CAPTURE"
	ended_by "$1" 'its reader wants no more'
}

# ended_by NAME WHY: the file is whole, and says so.
ended_by()
{
	await 30 ended "$CAPTURE" || fail "$1 does not end: $(cat "$TMP/$1.log")"
	grep -q "the capture ended: $2" "$TMP/$1.log" || fail "$1 did not end by '$2': $(cat "$TMP/$1.log")"
	capinfos "$TMP/$1.pcapng" >"$TMP/$1.info" 2>&1 || fail "$1: capinfos: $(cat "$TMP/$1.info")"
	tshark -r "$TMP/$1.pcapng" >"$TMP/$1.text" 2>"$TMP/$1.errors" || fail "$1: tshark: $(cat "$TMP/$1.errors")"
	! grep -v 'Running as user' "$TMP/$1.errors" | grep . || fail "$1: tshark says: $(cat "$TMP/$1.errors")"
}

# frames NAME FILTER FIELD...: of those that tshark's filter takes.
frames()
{
	local field fields=()
	for field in "${@:3}"; do fields+=(-e "$field"); done
	tshark -r "$TMP/$1.pcapng" -Y "$2" -T fields "${fields[@]}" 2>/dev/null
}
n_frames() { frames "$1" "$2" frame.number | wc -l; }
