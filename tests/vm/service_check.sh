#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The package's units with systemd as process 1: fairlead-setup reserves pages and binds the NICs,
# an upgrade over a change of the boundary restarts both processes and keeps allocations,
# "systemctl start fairlead" fails with a configuration that is wrong, and else returns when both processes serve, and
# a real client relays through them; the machine boots, and it is up by itself; the control process is restarted under
# media by UDP and by TCP, and no packet is lost; an
# upgrade restarts nothing else; the dataplane is restarted, and a worker that hangs lets the watchdog act; all is
# reloaded, restarted and stopped as one, and purged while it runs. Prints what systemd-analyze finds of the units.
#
#   service_check.sh   in a guest where the package is installed, with NICs at VM_ACCESS and VM_CORE (PCI
#                      addresses) on one wire each with the interfaces that have the MACs VM_CLIENT and VM_PEER;
#                      VM_LATER is a later package to upgrade to, or unset; VM_EARLIER one of another boundary, from
#                      which VM_DEB, the package that is installed, is an upgrade
set -euo pipefail

# shellcheck source=conf/await.sh
. "$(dirname "$0")/../../conf/await.sh"
VM_ACCESS=${VM_ACCESS:-0000:01:00.0} VM_CORE=${VM_CORE:-0000:02:00.0}
VM_CLIENT=${VM_CLIENT:-02:00:00:00:01:02} VM_PEER=${VM_PEER:-02:00:00:00:02:02}
TMP=$(mktemp -d)
export AWAIT_TIMES=3 # an emulated processor
BOOTED=/var/lib/service-check # was made before this boot

say() { echo "service: $*"; }

fail()
{
	echo "service: FAILED: $*" >&2
	systemctl --no-pager --lines=0 status fairlead-setup fairlead-dp fairlead-cp >&2 || true
	# EAL says of each page that is unmapped how the kernel counts.
	journalctl --no-pager -u fairlead-setup -u fairlead-dp -u fairlead-cp | grep -v 'EAL: Unexpected size' | tail -n 60 >&2 || true
	exit 1
}

# of UNIT PROPERTY
of() { systemctl show -P "$2" "$1"; }

# ---- the machine ----

# host NAMESPACE MAC ADDRESS GATEWAY
host()
{
	local dev
	ip netns add "$1"
	dev=$(ip -o link | awk -v mac="$2" '$0 ~ mac { sub(":", "", $2); print $2; exit }')
	[[ -n $dev ]] || fail "no interface has the address $2"
	ip link set "$dev" netns "$1" name eth0
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "$3" dev eth0
	ip -n "$1" route add default via "$4"
}

configure()
{
	local dir=/etc/fairlead/tls
	systemd-tmpfiles --create
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=relay.fairlead.test \
		-keyout $dir/ecdsa.key -out $dir/ecdsa.pem 2>/dev/null
	cp $dir/ecdsa.key $dir/rsa.key
	cp $dir/ecdsa.pem $dir/rsa.pem
	sed -i -e "s|device: \"net_af_xdp0.*|device: $VM_ACCESS|" -e "s|device: \"net_af_xdp1.*|device: $VM_CORE|" \
		-e 's/^  hugepages:.*/  hugepages: yes/' /etc/fairlead/fairlead.yaml
	printf 'hugepages 2M 300\nbind %s\nbind %s\n' "$VM_ACCESS" "$VM_CORE" >/etc/fairlead/setup.conf
	# QEMU's IOMMU remaps no interrupts. It has to be so at each boot.
	echo "options vfio_iommu_type1 allow_unsafe_interrupts=1" >/etc/modprobe.d/guest.conf
	fairlead-cp --check-config /etc/fairlead/fairlead.yaml >"$TMP/check" || fail "the configuration is wrong"
}

# ---- clients ----

CLIENT=(ip netns exec fl-client timeout 1200 turnutils_uclient -u demo -w secret -r 3480 -e 10.2.0.2 -m 1 -c)

# client LOG MESSAGES: one, whose messages the peer returns; false if one is lost. VIA=-t: it comes by TCP.
client()
{
	"${CLIENT[@]}" ${VIA:+"$VIA"} -n "$2" 10.1.0.1 >"$1" 2>&1
	grep -q 'Total lost packets 0 ' "$1"
}

start_peer() { ip netns exec fl-peer turnutils_peer -p 3480 >/dev/null 2>&1 & }

relays() { client "$TMP/client" 20; }

# ---- what is shown ----

starts()
{
	say "starting"
	systemctl enable --now fairlead || fail "it does not start"
	# What started it may be told at once that it serves: nothing is awaited here.
	for unit in fairlead-dp fairlead-cp; do
		systemctl --quiet is-active $unit || fail "$unit is $(of $unit ActiveState) when the start is over"
	done
	attached || fail "the start is over, and fairlead-cp is not attached: $(fairlead --json status | jq -c .dataplane)"
	systemctl list-dependencies --plain multi-user.target | grep -qx ' *fairlead.service' || fail "it would not start with the machine"
	[[ $(of fairlead-setup Result) == success ]] || fail "fairlead-setup"
	for unit in fairlead-dp fairlead-cp; do say "$unit: $(of $unit StatusText)"; done
	[[ $(of fairlead-dp StatusText) == *"2 ports, fairlead-cp attached" ]] || fail "the dataplane's status"
	[[ $(ps -o user= -p "$(of fairlead-cp MainPID)") == fairlead ]] || fail "fairlead-cp is somebody else's"
	! grep -h '^CapPrm:' /proc/"$(of fairlead-dp MainPID)"/task/*/status | grep -v 'CapPrm:\s*0*$' ||
		fail "threads of fairlead-dp have capabilities"
	fairlead user add demo --password-file - <<<secret || fail "no user can be made"
	start_peer
	await 30 relays || fail "nothing is relayed: $(tail -n 5 "$TMP/client")"
	say "a client's messages came back"
}

# Nothing is tried for ever, and the start says so.
refuses()
{
	say "starting with a configuration that is wrong"
	sed -i.good '$ a no-such-key: 1' /etc/fairlead/fairlead.yaml
	! systemctl start fairlead 2>"$TMP/start" || fail "it starts with a key that there is not"
	for unit in fairlead-dp fairlead-cp; do
		[[ $(of $unit ExecMainStatus) == 78 && $(of $unit NRestarts) == 0 ]] || fail "$unit is tried again"
		journalctl --no-pager -u $unit | grep -q 'no-such-key' || fail "$unit does not say what is wrong"
	done
	mv /etc/fairlead/fairlead.yaml.good /etc/fairlead/fairlead.yaml
	systemctl reset-failed
}

# boots: as whoever owns the machine would; this script begins anew then.
boots()
{
	say "booting"
	cp /proc/sys/kernel/random/boot_id $BOOTED
	systemctl reboot || fail "the machine does not boot"
	sleep infinity
}

# Nobody has started it, and it remembers its user. What multi-user.target waits for was there before this script.
came_up()
{
	[[ $(<$BOOTED) != "$(</proc/sys/kernel/random/boot_id)" ]] || fail "it has not booted"
	systemctl --quiet is-active fairlead fairlead-setup fairlead-dp fairlead-cp || fail "it did not start with the machine"
	! journalctl --no-pager --quiet --boot -u fairlead-dp -u fairlead-cp -g 'Failed with result' || fail "it took more than one try"
	start_peer
	await 30 relays || fail "nothing is relayed after the boot: $(tail -n 5 "$TMP/client")"
	say "booted: it is up by itself, and a client's messages came back"
}

# cpus_of STATUS: of a process or thread, a number a line.
cpus_of() { sed -n 's/^Cpus_allowed_list:\t//p' "$1" | tr ',' '\n' | awk -F- '{ for (i = $1; i <= $NF; i++) print i }'; }

# The control process leaves the worker's CPU.
keeps_apart()
{
	local task worker='' cp
	for task in /proc/"$(of fairlead-dp MainPID)"/task/*; do
		[[ $(<"$task/comm") != *-worker* ]] || worker=$(cpus_of "$task/status")
	done
	[[ $worker =~ ^[0-9]+$ ]] || fail "there is no worker, or it has not one CPU: $worker"
	cp=$(cpus_of /proc/"$(of fairlead-cp MainPID)"/status)
	[[ -n $cp ]] || fail "nobody tells the CPUs of fairlead-cp"
	! grep -qx "$worker" <<<"$cp" || fail "fairlead-cp has the worker's CPU, $worker: $cp"
}

allocated() { (($(fairlead --json status | jq .allocations.count) > 0)); }

attached() { [[ $(fairlead --json status | jq .dataplane.attached) == true ]]; }

# relayed: addresses by which something came back to a client. An emulated machine may be so slow that
# a client gives up an allocation and asks for another.
relayed() { fairlead --json sessions | jq -c '[.sessions[] | select(.to_client.packets > 0).relayed]'; }

# ends_sessions: those of clients that are gone, if there are any. They would expire in the middle, and be taken for those
# of the next client. Where there are none the command fails.
ends_sessions()
{
	fairlead sessions kill --all >/dev/null 2>&1 || ! allocated || fail "the sessions of clients that are gone cannot be ended"
}

# under_media MESSAGES COMMAND...: what is done while a client is served loses none of its messages, in one of three
# tries: where the machine that emulates has much else to do, messages come too late for the client, or not at all.
under_media()
{
	local try media
	for try in 1 2 3; do
		ends_sessions
		client "$TMP/media" "$1" &
		media=$!
		await 20 allocated || fail "there is no allocation"
		"${@:2}"
		if wait $media; then
			say "$(grep -o 'Total lost packets.*' "$TMP/media" | tail -n 1)"
			return
		fi
		say "try $try: packets were lost: $(tail -n 5 "$TMP/media")"
	done
	fail "packets were lost each time"
}

# Calls go on while the control process is replaced, and so do connections, which end with the dataplane alone.
restarts_control()
{
	local dp cp
	dp=$(of fairlead-dp MainPID) cp=$(of fairlead-cp MainPID)
	say "restarting fairlead-cp under media${VIA:+ by TCP}"
	systemctl restart fairlead-cp || fail "fairlead-cp does not come back"
	[[ $(of fairlead-cp MainPID) != "$cp" && $(of fairlead-dp MainPID) == "$dp" ]] || fail "another process was restarted"
}

# One that hangs is replaced, and media goes on meanwhile.
control_hangs()
{
	local cp
	cp=$(of fairlead-cp MainPID)
	say "kill -STOP of fairlead-cp under media"
	kill -STOP "$cp"
	await 60 replaced fairlead-cp "$cp" || fail "the watchdog does not act"
	journalctl --no-pager -u fairlead-cp | grep 'Watchdog timeout' >/dev/null || fail "it was not the watchdog"
}

# replaced UNIT PID: another process is ready.
replaced() { [[ $(of "$1" MainPID) != "$2" && $(of "$1" ActiveState) == active ]]; }

# came_back: of the messages that the client at work has sent.
came_back() { sed -n 's/.*tot_recv_msgs=\([0-9]*\).*/\1/p' "$TMP/media" | tail -n 1; }

served_since() { (($(came_back) + 0 > $1 + 20)); }

# media_begins: a client that sends for as long as it takes, until media_goes_on has seen more come back to it.
media_begins()
{
	ends_sessions
	"${CLIENT[@]}" -n 50000 10.1.0.1 >"$TMP/media" 2>&1 &
	MEDIA=$!
	await 20 allocated || fail "there is no allocation"
	await 30 served_since 0 || fail "nothing is relayed: $(tail -n 5 "$TMP/media")"
}

media_goes_on()
{
	await 60 served_since "$(came_back)" || fail "the client is not served any more: $(tail -n 5 "$TMP/media")"
	kill "$MEDIA"
	wait "$MEDIA" || true
	say "of the client's messages came back: $(came_back)"
}

# still_relayed BEFORE: the addresses that there were are there.
still_relayed()
{
	local now
	now=$(relayed)
	[[ $(jq -n --argjson was "$1" --argjson is "$now" '$was - $is') == '[]' ]] || fail "$1 became $now"
}

# What the package does to a relay that runs: the boundary is the same, so the dataplane goes on.
upgrades()
{
	local dp cp media before
	[[ -n ${VM_LATER:-} ]] || return 0
	say "upgrading to $VM_LATER under media"
	dp=$(of fairlead-dp MainPID) cp=$(of fairlead-cp MainPID)
	media_begins
	before=$(relayed)
	dpkg -i "$VM_LATER" >"$TMP/dpkg" 2>&1 || fail "dpkg: $(<"$TMP/dpkg")"
	grep -q 'fairlead-dp goes on as it was' "$TMP/dpkg" || fail "it does not say what goes on: $(<"$TMP/dpkg")"
	[[ $(of fairlead-dp MainPID) == "$dp" ]] || fail "the dataplane was restarted"
	[[ $(of fairlead-cp MainPID) != "$cp" ]] || fail "the control process was not restarted"
	await 30 attached || fail "the new control process does not find the dataplane"
	still_relayed "$before"
	media_goes_on
	await 30 relays || fail "nothing is relayed after the upgrade"
}

# crosses: an upgrade from a package whose processes share something else restarts both. Allocations go on where
# they were.
crosses()
{
	local dp cp before
	dpkg -i --force-downgrade "$VM_EARLIER" >"$TMP/dpkg" 2>&1 || fail "dpkg: $(<"$TMP/dpkg")"
	configure
	say "upgrading from $(fairlead-cp --version) under media"
	systemctl start fairlead || fail "the earlier package does not start"
	await 60 attached || fail "the earlier fairlead-cp does not find its dataplane"
	fairlead user add demo --password-file - <<<secret || fail "no user can be made"
	start_peer
	await 30 relays || fail "nothing is relayed: $(tail -n 5 "$TMP/client")"
	media_begins
	dp=$(of fairlead-dp MainPID) cp=$(of fairlead-cp MainPID) before=$(relayed)
	dpkg -i --force-confold "$VM_DEB" >"$TMP/dpkg" 2>&1 || fail "dpkg: $(<"$TMP/dpkg")"
	grep '^fairlead: what both processes share has changed (boundary [0-9]*, now [0-9]*), so both restart' "$TMP/dpkg" ||
		fail "it does not say that both restart: $(<"$TMP/dpkg")"
	[[ $(of fairlead-dp MainPID) != "$dp" && $(of fairlead-cp MainPID) != "$cp" ]] || fail "not both were restarted"
	await 60 attached || fail "the new control process does not find the new dataplane"
	still_relayed "$before"
	media_goes_on
	await 60 relays || fail "nothing is relayed after the upgrade"
	say "now $(fairlead-cp --version)"
	systemctl stop fairlead
	rm -f /var/lib/fairlead/users.db*
}

# Allocations outlive the dataplane: the same client is heard again, from the same relayed address.
restarts_dataplane()
{
	local before
	say "restarting fairlead-dp under media"
	media_begins
	before=$(relayed)
	systemctl restart fairlead-dp || fail "fairlead-dp does not come back"
	await 30 attached || fail "fairlead-cp does not find it"
	still_relayed "$before"
	media_goes_on
	await 60 relays || fail "nothing is relayed by the new dataplane"
}

# restarted TIMES: more often than that.
restarted() { (($(of fairlead-dp NRestarts) > $1)); }

# watchdog WHAT COMMAND...: after it systemd must have ended and replaced the dataplane.
watchdog()
{
	local dp restarts
	dp=$(of fairlead-dp MainPID) restarts=$(of fairlead-dp NRestarts)
	say "$1"
	"${@:2}" "$dp"
	await 60 restarted "$restarts" || fail "the watchdog does not act"
	await 60 systemctl --quiet is-active fairlead-dp || fail "it is not replaced"
	journalctl --no-pager -u fairlead-dp | grep -q 'Watchdog timeout' || fail "it was not the watchdog"
	await 60 relays || fail "nothing is relayed afterwards"
	! coredumpctl --no-pager list 2>&1 | grep -w -e present -e truncated || fail "there is a core dump"
}

stop_process() { kill -STOP "$1"; }

# Only this thread stops, as one that loops for ever would not turn.
hang_worker()
{
	local tid
	tid=$(grep -l -e '-worker' /proc/"$1"/task/*/comm | head -n 1 | cut -d/ -f5)
	python3 - "$tid" <<-'END' &
		import ctypes, sys, time
		libc, tid = ctypes.CDLL(None, use_errno=True), int(sys.argv[1])
		PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
		for what in PTRACE_SEIZE, PTRACE_INTERRUPT:
		    if libc.ptrace(what, tid, None, None) < 0:
		        sys.exit(f"ptrace: errno {ctypes.get_errno()}")
		time.sleep(30)
	END
}

# Secrets as doc/deploy.md has them, and who changed what.
operates()
{
	local audit
	openssl rand -hex 32 | install -m 0600 -o fairlead -g fairlead /dev/stdin /etc/fairlead/rest.secrets
	[[ $(stat -c '%a %U' /etc/fairlead/rest.secrets) == "600 fairlead" ]] || fail "the file of secrets"
	fairlead drain >/dev/null && fairlead undrain >/dev/null || fail "it cannot be drained"
	audit=$(journalctl --no-pager -u fairlead-cp -g audit: 2>&1) || fail "the journal has no audit: $audit"
	[[ $audit == *" drain: done"* ]] || fail "nobody knows who drained it: $audit"
}

# The package goes while it runs, with all that it made.
purges()
{
	local process
	say "purging while it runs"
	dpkg --purge fairlead >"$TMP/dpkg" 2>&1 || fail "dpkg: $(<"$TMP/dpkg")"
	for process in fairlead-dp fairlead-cp; do
		! pidof $process >/dev/null || fail "$process is there yet"
		[[ $(systemctl show -P LoadState $process) == not-found ]] || fail "its unit is there yet"
	done
	[[ ! -e /run/fairlead && ! -e /var/lib/fairlead ]] || fail "its directories are there yet"
}

host fl-client "$VM_CLIENT" 10.1.0.2/24 10.1.0.1
host fl-peer "$VM_PEER" 10.2.0.2/24 10.2.0.1
grep -q systemd-coredump /proc/sys/kernel/core_pattern || fail "nobody would see a core dump"
if [[ ! -e $BOOTED ]]; then
	if [[ -n ${VM_EARLIER:-} ]]; then crosses; else configure; fi
	refuses
	starts
	boots
fi
came_up
keeps_apart
under_media 400 restarts_control
VIA=-t under_media 400 restarts_control
under_media 1000 control_hangs
upgrades
restarts_dataplane
operates
watchdog "kill -STOP of fairlead-dp" stop_process
watchdog "a worker hangs" hang_worker
journalctl --no-pager -u fairlead-dp | grep -q 'worker 0 has made no turn' || fail "the log does not know which worker"
[[ -z $(journalctl --no-pager --quiet -u fairlead-dp _TRANSPORT=syslog) ]] || fail "the journal has by syslog what it has from stderr"
for unit in fairlead-dp fairlead-cp fairlead-setup; do
	systemd-analyze security --no-pager $unit.service | grep -e '^✗' -e '^→' | tee "$TMP/exposure"
	exposed=$(sed -n 's/^→.*: \([0-9.]*\) .*/\1/p' "$TMP/exposure")
	grep -q "^\`systemd-analyze security\`.*[ ]$unit ${exposed}[, ]" "$(dirname "$0")/../../doc/deploy.md" ||
		fail "$unit is at $exposed, and doc/deploy.md has another figure"
done
systemctl reload fairlead || fail "it cannot be reloaded"
dp=$(of fairlead-dp MainPID)
systemctl restart fairlead || fail "it does not come back"
[[ $(of fairlead-dp MainPID) != "$dp" ]] || fail "the dataplane was not restarted"
systemctl stop fairlead
! systemctl --quiet is-active fairlead-dp && ! systemctl --quiet is-active fairlead-cp || fail "they do not stop with it"
systemctl start fairlead || fail "it does not start again"
purges
say "good"
