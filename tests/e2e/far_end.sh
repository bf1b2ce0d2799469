# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What every end-to-end test looks at beside what it is about: whether the hosts at the far ends, client and peer,
# were sent a datagram or segment whose checksum or IP header is wrong. Their kernels count and drop these, so
# that a test which only counts what comes would take them for lost on the way. Neither sees what was changed by
# whoever wrote the checksum anew, which is the relay: that is who gets the payload to say.
#
#   load.py    every byte of a datagram is given by whose it is and its number, and both ends compare all of them,
#              the length and whether it came twice
#   rtp.py     the same of RTP and RTCP of a call
#   stunlib.py, gatelib.py and the tests that use them: what they compare themselves, which is what they sent
#   coturn's turnutils, sipp, ICE agents, browsers and others that are not ours own their payload: of
#              theirs only checksums are looked at here, lengths and contents only as far as they do so
#
# FAR_END_MAY=1: the test sends
# such packets itself, end to end.
FAR_END=0

# far_end: how many came since the namespaces were made.
far_end()
{
	local n sum=0 word
	for n in client peer; do
		word=$({ in_ns "$NS-$n" cat /proc/net/snmp /proc/net/snmp6 2>/dev/null || true; } | awk '
			/^(Ip|Icmp|Tcp|Udp): [A-Z]/ { split($0, name); next }
			/^(Ip|Icmp|Tcp|Udp): / { for (i = 2; i <= NF; i++) if (name[i] ~ /^(InCsumErrors|InHdrErrors)$/) n += $i }
			/^(Ip6InHdrErrors|Udp6InCsumErrors|Icmp6InCsumErrors) / { n += $2 }
			END { print n + 0 }')
		sum=$((sum + word))
	done
	echo "$sum"
}

# far_end_mark: from here on; what came before was another test's.
far_end_mark() { FAR_END=$(far_end); }

# far_end_right: whether none has come since. Before namespaces go, and at the end.
far_end_right()
{
	local n
	[[ -z ${FAR_END_MAY:-} ]] || return 0
	n=$(($(far_end) - FAR_END))
	((n <= 0)) || { echo "$NAME: $n packets with a wrong checksum or header reached a far end" >&2; return 1; }
}
