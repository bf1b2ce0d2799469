#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Fairlead in one command, on one machine:
#
#   fl-client                    fl-relay                     fl-peer
#   10.1.0.2        client0 <-> access    core <-> peer0      10.2.0.2
#   fd00:1::2            10.1.0.1 fd00:1::1                   fd00:2::2
#                        10.2.0.1 fd00:2::1
#
# The addresses of fl-relay are fairlead-dp's own: the kernel there has none, and hands every
# packet of access and core to it through AF_XDP. fairlead-cp runs as a system user that is nothing else's.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=conf/await.sh
. "$ROOT/conf/await.sh"
# shellcheck source=conf/netns.sh
. "$ROOT/conf/netns.sh"
# shellcheck source=conf/owner.sh
. "$ROOT/conf/owner.sh"
BUILD=${FAIRLEAD_BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$ROOT/$BUILD
SAMPLE=$ROOT/conf/fairlead.yaml
# All that is written is in these two, which nothing else uses: a relay that was installed on this
# machine keeps /run/fairlead, /var/lib/fairlead and /etc/fairlead to itself (make_config).
RUN=/run/fairlead-quickstart
STATE=/var/lib/fairlead-quickstart
CONFIG=$RUN/fairlead.yaml
TLS=$STATE/tls
# fairlead-cp's user, and its directories in these two; the rest is root's.
OWNER=fairlead-quickstart
OWN_RUN=$RUN/control
OWN_STATE=$STATE/control
PAGES=/proc/sys/vm/nr_hugepages
TLS_DAYS=365
TLS_NAMES="DNS:relay.fairlead.test,DNS:*.fairlead.test,DNS:sip.fairlead.test,IP:10.1.0.1,IP:fd00:1::1"
NAMESPACES=(fl-client fl-relay fl-peer)
PROGRAMS=(fairlead-dp fairlead-cp fairlead)
BUSY_TRIES=10 # a port's AF_XDP socket is busy for a while after its process has ended

# ---- words ----

usage()
{
	cat <<-END
	Usage: conf/quickstart.sh [--detach | --check | --down | --help]

	Installs what is missing, builds into build/, makes the namespaces fl-client, fl-relay and
	fl-peer, starts fairlead-dp and fairlead-cp in fl-relay, and runs until interrupted.

	  --detach  return once the relay serves, and leave it running
	  --check   relay real traffic with an independent client over every transport, print a
	            verdict and exit 0 or 1; what was not running before is taken down again
	  --down    stop everything and remove what this script made, but for the system user $OWNER
	  --help    this text

	FAIRLEAD_CONFIG=FILE  another configuration for the same namespaces (conf/fairlead.yaml). A copy
	                      is used, whose files in /run/fairlead, /var/lib/fairlead and
	                      /etc/fairlead/tls are in $OWN_RUN,
	                      $OWN_STATE and $TLS instead; others that fairlead-cp
	                      opens must be readable to user $OWNER
	FAIRLEAD_BUILD=DIR    another build directory, taken as it is (build)
	FAIRLEAD_NICS="access=DEVICE core=DEVICE"
	                      the relay's ports are these devices in place of veth pairs, bound to a driver of
	                      DPDK; what they are wired to has to be here as client0 and peer0
	END
}

say() { echo "quickstart: $*"; }
warn() { echo "quickstart: $*" >&2; }

# die SENTENCE [LOG]: the end, with the last lines of a log, but for those that DPDK writes for each huge page that it
# takes from a NIC, of which the last twenty may consist.
die()
{
	warn "$1"
	[[ -z ${2:-} ]] || grep -v '^EAL: Unexpected size' "$2" | tail -n 20 | sed 's/^/    /' >&2
	exit 1
}

# How to use what runs. Part of the interface: people copy these lines.
explain()
{
	cat <<-END

	Fairlead serves TURN on 10.1.0.1 and [fd00:1::1] in fl-relay: over UDP and TCP on port 3478,
	over TCP on port 80 as well; over TLS (turns:) on ports 5349 and 443, with certificates for these
	addresses, relay.fairlead.test and *.fairlead.test.
	User demo, password fairlead, realm fairlead.test.

	  a client:      ip netns exec fl-client turnutils_uclient -u demo -w fairlead -e 10.2.0.2 -n 100 10.1.0.1   (-t: over TCP, -t -S: over TLS)
	  a browser:     turns:10.1.0.1:443?transport=tcp   once it trusts the CA in $TLS/ca.pem
	  its handshake: ip netns exec fl-client openssl s_client -connect 10.1.0.1:443 -alpn stun.turn -CAfile $TLS/ca.pem
	  its peer:      ip netns exec fl-peer turnutils_peer -p 3480
	  look inside:   ${BUILD#"$PWD"/}/fairlead --config $CONFIG status   (workers, ports, sessions, connections, tcp, drops)
	  logs:          $RUN/fairlead-dp.log and $RUN/fairlead-cp.log
	  check it:      conf/quickstart.sh --check
	  take it down:  conf/quickstart.sh --down

	END
}

# ---- small tools ----

# alive PROGRAM: whether the process of our PID file still is that program.
alive()
{
	local pid exe
	pid=$(cat "$RUN/$1.pid" 2>/dev/null) || return 1
	exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
	[[ $(basename "${exe% (deleted)}") == "$1" ]]
}

gone() { ! alive "$1"; }

# stop PROGRAM: asks, and after ten seconds insists.
stop()
{
	if alive "$1"; then
		say "stopping $1"
		kill "$(cat "$RUN/$1.pid")" 2>/dev/null || true
		if ! await 10 gone "$1"; then
			warn "$1 did not stop when asked; it is killed"
			kill -KILL "$(cat "$RUN/$1.pid")" 2>/dev/null || true
			await 5 gone "$1" || warn "$1 does not go away"
		fi
	fi
	rm -f "$RUN/$1.pid"
}

in_ns()
{
	local IN
	netns_words "$1"
	"${IN[@]}" "${@:2}"
}

# set_kernel FILE VALUE [NAMESPACE]: false where the kernel's settings cannot be changed.
set_kernel()
{
	local IN=()
	[[ -z ${3:-} ]] || netns_words "$3"
	# shellcheck disable=SC2016 # the inner shell expands them, in its namespace
	"${IN[@]}" sh -c 'echo "$2" >"$1"' sh "$1" "$2" 2>/dev/null
}

# ---- steps ----

need_root()
{
	((EUID != 0)) || return 0
	command -v sudo >/dev/null ||
		die "needs root for namespaces and network ports; run it as root (there is no sudo)"
	exec sudo ${FAIRLEAD_CONFIG:+"FAIRLEAD_CONFIG=$FAIRLEAD_CONFIG"} \
		${FAIRLEAD_BUILD:+"FAIRLEAD_BUILD=$FAIRLEAD_BUILD"} ${FAIRLEAD_NICS:+"FAIRLEAD_NICS=$FAIRLEAD_NICS"} "$ROOT/conf/quickstart.sh" "$@"
}

# install_packages PURPOSE...: of conf/packages.txt, what is not there yet.
install_packages()
{
	local purpose name program there wanted=() missing=() policy=/usr/sbin/policy-rc.d made='' failed='' log
	while read -r purpose name program; do
		[[ " $* " == *" $purpose "* ]] || continue
		[[ -z $program ]] || ! command -v "$program" >/dev/null || continue
		wanted+=("$name")
	done < <(grep -v '^#' "$ROOT/conf/packages.txt")
	((${#wanted[@]})) || return 0
	there=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
		sed -n 's/^installed //p' | tr '\n' ' ' || true)"
	for name in "${wanted[@]}"; do
		[[ $there == *" $name "* ]] || missing+=("$name")
	done
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null ||
		die "this is no Debian: install what these packages hold, and try again: ${missing[*]}"
	say "installing ${missing[*]}"
	log=$(mktemp)
	# coturn is here for its test programs: its server must not start.
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made=1
	fi
	apt_get update >"$log" 2>&1 || true # an old list may do
	apt_get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || failed=1
	[[ -z $made ]] || rm -f "$policy"
	[[ -z $failed ]] || die "apt-get could not install them (is there a network?):" "$log"
	rm -f "$log"
}

apt_get()
{
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

build()
{
	local log=$BUILD/quickstart.log
	if [[ -n ${FAIRLEAD_BUILD:-} ]]; then
		local p
		for p in "${PROGRAMS[@]}"; do
			[[ -x $BUILD/$p ]] || die "$BUILD/$p is not there: build it first"
		done
		return
	fi
	say "building into $BUILD"
	mkdir -p "$BUILD"
	if [[ ! -f $BUILD/build.ninja ]]; then
		meson setup "$BUILD" "$ROOT" >"$log" 2>&1 || die "meson setup failed:" "$log"
	fi
	ninja -C "$BUILD" "${PROGRAMS[@]}" >"$log" 2>&1 || die "the build failed:" "$log"
	chown -R --reference="$ROOT" "$BUILD" # under sudo the tree stays its owner's
}

make_directories()
{
	install -d -m 755 "$RUN" "$STATE"
	if ! getent passwd "$OWNER" >/dev/null; then
		say "making the system user $OWNER, as whom fairlead-cp runs; it stays (userdel $OWNER)"
		useradd --system --user-group --no-create-home --home-dir "$OWN_STATE" --shell /usr/sbin/nologin "$OWNER" ||
			await 10 getent passwd "$OWNER" >/dev/null || # another one made it meanwhile
			die "the system user $OWNER cannot be made"
	fi
	install -d -m 750 -o "$OWNER" -g "$OWNER" "$OWN_RUN"
	install -d -m 700 -o "$OWNER" -g "$OWNER" "$OWN_STATE"
}

# The configuration in force: what was asked for, with files of our own. That of a relay which runs
# stays, unless half of it is to start with another.
make_config()
{
	local nic file
	file=$(realpath -m "${FAIRLEAD_CONFIG:-$SAMPLE}")
	if running; then
		[[ -z ${FAIRLEAD_CONFIG:-} || $file == "$CONFIG" || $file == "$(cat "$RUN/config-of" 2>/dev/null)" ]] ||
			die "the relay runs with a copy of $(cat "$RUN/config-of" 2>/dev/null || echo "another file"), not of $file: take it down first (conf/quickstart.sh --down), or leave FAIRLEAD_CONFIG out"
		return
	elif [[ -z ${FAIRLEAD_CONFIG:-} ]] && { alive fairlead-dp || alive fairlead-cp; }; then
		return
	fi
	(umask 077 && own_paths "$file" >"$CONFIG.new") || die "the configuration cannot be copied"
	own_file dataplane socket "$OWN_RUN/dp.sock"
	own_file auth users-db "$OWN_STATE/users.db"
	own_file control socket "$OWN_RUN/control.sock"
	own_file control state "$OWN_RUN/allocations.state"
	own_file control contexts "$OWN_RUN/contexts.state"
	for nic in ${FAIRLEAD_NICS:-}; do
		sed -i "s|net_af_xdp[0-9]*,iface=${nic%%=*}\>|${nic#*=}|" "$CONFIG.new"
	done
	for_owner "$CONFIG.new"
	mv "$CONFIG.new" "$CONFIG"
	echo "$file" >"$RUN/config-of"
	own_parts "$(dirname "$file")/conf.d"
	[[ $file != "$SAMPLE" ]] || fit_cpus
}

# own_paths FILE: with our own directories instead of those of an installed relay.
own_paths()
{
	sed -e "s|/run/fairlead/|$OWN_RUN/|g" -e "s|/var/lib/fairlead/|$OWN_STATE/|g" -e "s|/etc/fairlead/tls/|$TLS/|g" "$1"
}

# for_owner FILE: of root's, that fairlead-cp reads and nobody else.
for_owner() { chown "root:$OWNER" "$1" && chmod 640 "$1"; }

# own_parts DIRECTORY: what stands beside the configuration; nothing else is beside ours.
own_parts()
{
	local part
	rm -rf "$RUN/conf.d"
	for part in "$1"/*.yaml; do
		[[ -e $part ]] || continue
		install -d -m 755 "$RUN/conf.d"
		(umask 077 && own_paths "$part" >"$RUN/conf.d/${part##*/}") || die "$part cannot be copied"
		for_owner "$RUN/conf.d/${part##*/}"
	done
}

# own_file SECTION KEY FILE: a key that the configuration leaves out would stand for an installed relay's file.
own_file()
{
	awk -v section="$1:" -v key="$2:" '/^[a-z]/ { top = $1 } top == section && $1 == key { found = 1 }
		END { exit !found }' "$CONFIG.new" && return
	if grep -q "^$1:" "$CONFIG.new"; then
		sed -i "/^$1:/a\\  $2: $3" "$CONFIG.new"
	else
		printf '\n%s:\n  %s: %s\n' "$1" "$2" "$3" >>"$CONFIG.new"
	fi
}

# ---- certificates ----

# tls_fresh NAME: whether that certificate is there, of our CA, and good for a month more.
tls_fresh()
{
	openssl x509 -in "$TLS/$1.pem" -noout -checkend $((30 * 86400)) >/dev/null 2>&1 &&
		openssl verify -CAfile "$TLS/ca.pem" -verify_hostname relay.fairlead.test "$TLS/$1.pem" >/dev/null 2>&1 &&
		[[ -s $TLS/$1.key ]]
}

# tls_make NAME ALGORITHM OPTION: a key, and a certificate of it by our CA; both or none come there.
tls_make()
{
	openssl genpkey -algorithm "$2" -pkeyopt "$3" -out "$TLS/$1.key.new" &&
		openssl req -new -key "$TLS/$1.key.new" -subj "/CN=relay.fairlead.test" -out "$TLS/$1.csr" &&
		openssl x509 -req -in "$TLS/$1.csr" -CA "$TLS/ca.pem" -CAkey "$TLS/ca.key" -days $TLS_DAYS \
			-set_serial "0x$(openssl rand -hex 16)" -out "$TLS/$1.pem.new" -extfile <(
				printf '%s\n' "subjectAltName=$TLS_NAMES" basicConstraints=critical,CA:false \
					keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth,clientAuth
			) &&
		mv "$TLS/$1.key.new" "$TLS/$1.key" && mv "$TLS/$1.pem.new" "$TLS/$1.pem" && rm "$TLS/$1.csr"
}

# Some clients take no CA whose keyUsage does not say that it is one (RFC 5280 4.2.1.3).
ca_fresh()
{
	openssl x509 -in "$TLS/ca.pem" -noout -checkend $(((TLS_DAYS + 30) * 86400)) &&
		openssl x509 -in "$TLS/ca.pem" -noout -ext keyUsage | grep -q 'Certificate Sign'
}

# A CA for this machine, and two certificates of it.
make_certificates()
{
	local log=$RUN/certificates.log old
	ca_fresh >/dev/null 2>&1 && tls_fresh ecdsa && tls_fresh rsa && return
	say "making certificates in $TLS"
	old=$(umask)
	umask 077
	mkdir -p "$TLS"
	{
		ca_fresh || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
			-addext keyUsage=critical,keyCertSign,cRLSign \
			-subj "/CN=Fairlead test CA $(openssl rand -hex 4)" -keyout "$TLS/ca.key" -out "$TLS/ca.pem"
		tls_make ecdsa EC ec_paramgen_curve:P-256 && tls_make rsa RSA rsa_keygen_bits:2048
	} >"$log" 2>&1 || die "openssl cannot make certificates:" "$log"
	umask "$old"
}

# The sample names CPUs 0 and 1; here others may be ours.
fit_cpus()
{
	local part cpus=()
	while read -r part; do
		mapfile -t -O ${#cpus[@]} cpus < <(seq "${part%-*}" "${part#*-}")
	done < <(awk '/^Cpus_allowed_list:/ { print $2 }' /proc/self/status | tr , '\n')
	[[ " ${cpus[*]} " == *" 0 "* && " ${cpus[*]} " == *" 1 "* ]] && return
	say "CPUs ${cpus[0]} and ${cpus[1]:=${cpus[0]}} instead of 0 and 1"
	sed -i -e "s/^  workers:.*/  workers: [${cpus[0]}]/" -e "s/^  main-cpu:.*/  main-cpu: ${cpus[1]}/" \
		"$CONFIG"
}

make_namespaces()
{
	local ns
	for ns in "${NAMESPACES[@]}"; do
		ip netns list | grep -qw -- "$ns" && continue
		say "making namespace $ns"
		ip netns add "$ns" ||
			die "cannot make a network namespace: this needs CAP_SYS_ADMIN (in a container: --privileged)"
		in_ns "$ns" ip link set lo up
	done
	if [[ -n ${FAIRLEAD_NICS:-} ]]; then
		take_nic client0 fl-client
		take_nic peer0 fl-peer
	else
		make_pair access client0 fl-client
		make_pair core peer0 fl-peer
	fi
	make_host fl-client client0 10.1.0.2/24 10.1.0.1 fd00:1::2/64 fd00:1::1
	make_host fl-peer peer0 10.2.0.2/24 10.2.0.1 fd00:2::2/64 fd00:2::1
}

# make_pair PORT FAR NAMESPACE: a veth pair from fl-relay.
make_pair()
{
	local out ns dev
	in_ns fl-relay ip link show "$1" >/dev/null 2>&1 || {
		say "making veth pair $1 (fl-relay) - $2 ($3)"
		ip link add "$1" netns fl-relay type veth peer name "$2" netns "$3" ||
			die "cannot make a veth pair: the kernel module veth is missing"
	}
	# Checksums left to a device that is none would reach the other side unfinished.
	for out in "fl-relay $1" "$3 $2"; do
		read -r ns dev <<<"$out"
		in_ns "$ns" ethtool -K "$dev" rx off tx off tso off gso off gro off \
			>/dev/null || die "ethtool cannot switch off the offloads of $dev in $ns"
	done
	# The kernel has no address on the relay's ports, not even one it makes by itself.
	in_ns fl-relay ip link set "$1" addrgenmode none up
}

# take_nic DEVICE NAMESPACE: a device of the kernel's; a while after its namespace has gone it comes back.
take_nic()
{
	in_ns "$2" ip link show "$1" >/dev/null 2>&1 || await 20 ip link set "$1" netns "$2" 2>/dev/null ||
		die "there is no device $1 for $2, which FAIRLEAD_NICS asks for"
}

# give_nic DEVICE NAMESPACE: back to us. A namespace stays, with its devices, while a socket in it does, such as one
# that has not finished closing.
give_nic() { in_ns "$2" ip link set "$1" netns $$ 2>/dev/null || true; }

# make_host NAMESPACE DEVICE ADDR4 GATEWAY4 ADDR6 GATEWAY6
make_host()
{
	local conf=/proc/sys/net/ipv6/conf/$2
	set_kernel "$conf/accept_dad" 0 "$1" || true # nodad below does it as well
	set_kernel "$conf/accept_ra" 0 "$1" || true
	in_ns "$1" ip link set "$2" up
	in_ns "$1" ip addr replace "$3" dev "$2"
	in_ns "$1" ip addr replace "$5" dev "$2" nodad ||
		die "$1 has no IPv6: boot without ipv6.disable=1"
	in_ns "$1" ip route replace default via "$4"
	in_ns "$1" ip -6 route replace default via "$6"
}

# pages: how many huge pages are reserved, without those that go when whoever uses them ends.
pages() { awk '/^HugePages_Total:/ { n += $2 } /^HugePages_Surp:/ { n -= $2 } END { print n }' /proc/meminfo; }
free_pages() { awk '/^HugePages_Free:/ { print $2 }' /proc/meminfo; }

# pages_for_us FREE ADDED: how many of these free pages may be ours. Where an installed relay reserves
# some (fairlead-setup(8)), those that we did not add are what it wants to find when it starts.
pages_for_us()
{
	if (($1 > $2)) && grep -qs '^[[:space:]]*hugepages' /etc/fairlead/setup.conf; then
		echo "$2"
	else
		echo "$1"
	fi
}

# Pages for DPDK's heap. Without them everything works, slower.
make_hugepages()
{
	local size want had now free ours added=0
	! alive fairlead-dp || return 0 # it has what it wants
	size=$(awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo)
	want=$(sed -n 's/^  memory-mb: *\([0-9]*\).*/\1/p' "$CONFIG" | head -n 1)
	if [[ -z $size || ! -e $PAGES ]]; then
		say "no hugepages: this kernel has none; ordinary pages do"
		return
	fi
	want=$(((${want:-512} * 1024 + size - 1) / size))
	now=$(pages)
	had=$now
	[[ ! -e $RUN/hugepages ]] || read -r had added <"$RUN/hugepages"
	free=$(free_pages)
	ours=$(pages_for_us "$free" "$added")
	if ((ours < want)); then
		set_kernel "$PAGES" $((now + want - ours)) || true
		if (($(free_pages) < free + want - ours)); then
			set_kernel "$PAGES" "$now" || true
			sed -i 's/^  hugepages: *auto\>/  hugepages: no/' "$CONFIG"
			say "no hugepages: $want of $size kB are wanted and the kernel gave too few;" \
				"ordinary pages do (for speed: sysctl vm.nr_hugepages=$want early after boot)"
			return
		fi
		echo "$had $((added + want - ours))" >"$RUN/hugepages"
	fi
	say "hugepages: $want of $size kB"
}

# What we added and no more: others may have reserved pages since, or taken some back.
give_hugepages_back()
{
	local had added now left
	read -r had added <"$RUN/hugepages" || return 0
	now=$(pages)
	left=$((now - added))
	((left >= had)) || left=$((now < had ? now : had))
	set_kernel "$PAGES" "$left" || true
}

# launch PROGRAM: in fl-relay, in the background, with a log and a PID file.
launch()
{
	local IN AS=() program=$BUILD/$1
	if [[ $1 == fairlead-cp ]]; then
		owner_words "$OWN_RUN"
		program=$(owner_program "$program" "$STATE") || die "$OWNER cannot execute $program"
	fi
	ulimit -l unlimited 2>/dev/null || true # for AF_XDP where CAP_IPC_LOCK is not enough
	ulimit -c unlimited 2>/dev/null || true
	netns_words fl-relay
	# A dispatcher for several XDP programs would be shared through a file system of all namespaces.
	LIBXDP_SKIP_DISPATCHER=1 "${IN[@]}" setsid "${AS[@]}" "$program" --config "$CONFIG" \
		>"$RUN/$1.log" 2>&1 </dev/null 9>&- &
	echo $! >"$RUN/$1.pid"
	disown
	await 10 launched "$1" $! || die "$1 is not started after 10 seconds"
}

# Whether the process is the program by now, rather than what is about to become it, or has ended.
launched() { alive "$1" || [[ ! -e /proc/$2/exe ]]; }

dp_socket() { awk '/^[a-z]/ { top = $1 } top == "dataplane:" && $1 == "socket:" { print $2 }' "$CONFIG"; }

# A socket of a process that was killed is a file, but no socket of the namespace.
dp_up() { gone fairlead-dp || in_ns fl-relay grep -qF " $(dp_socket)" /proc/net/unix; }
cli() { "$BUILD/fairlead" --config "$CONFIG" "$@"; }
attached() { cli --json status 2>/dev/null | grep -Eq '"attached": *true'; }
cp_up() { gone fairlead-cp || gone fairlead-dp || attached; }

start_dp()
{
	local try
	alive fairlead-dp && return
	say "starting fairlead-dp in fl-relay"
	for ((try = 1; ; try++)); do
		launch fairlead-dp
		await 60 dp_up || die "fairlead-dp is not ready after 60 seconds:" "$RUN/fairlead-dp.log"
		alive fairlead-dp && return
		if ((try == BUSY_TRIES)) || ! grep -qi 'busy' "$RUN/fairlead-dp.log"; then
			die "fairlead-dp ended:" "$RUN/fairlead-dp.log"
		fi
		sleep 1
	done
}

start_cp()
{
	if ! alive fairlead-cp; then
		say "starting fairlead-cp in fl-relay"
		launch fairlead-cp
	fi
	await 30 cp_up || die "fairlead-cp is not attached after 30 seconds:" "$RUN/fairlead-cp.log"
	alive fairlead-cp || die "fairlead-cp ended:" "$RUN/fairlead-cp.log"
	alive fairlead-dp || die "fairlead-dp ended:" "$RUN/fairlead-dp.log"
}

make_user()
{
	say "user demo, password fairlead"
	cli user add demo --password-file - --replace >/dev/null <<<fairlead ||
		die "user demo could not be made"
}

# lock: for who makes or removes what there is one of; unlock is the other half, as is the end. The file says who
# has it.
LOCKED=
lock()
{
	[[ -z $LOCKED ]] || return 0
	exec 9>>"$RUN.lock"
	flock -n 9 || { say "another one is at work$(holder); waiting for it"; flock 9; }
	LOCKED=1
	echo "process $$, conf/quickstart.sh${COMMAND:+ $COMMAND} of $ROOT" >"$RUN.lock"
}
unlock()
{
	: >"$RUN.lock"
	exec 9>&-
	LOCKED=
}
holder() { sed -n '1s/.*/: &/p' "$RUN.lock"; }

# up COMMAND: COMMAND is run at the end, whatever ends us, unless all was running before: nothing half-started
# stays behind. Somebody else may be starting it until we have the lock.
up()
{
	lock
	running || { AT_END=$1 && trap '"$AT_END"' EXIT; }
	install_packages build run check
	make_directories
	make_config
	make_certificates
	build
	"$BUILD/fairlead-cp" --check-config "$CONFIG" >/dev/null ||
		die "the configuration is wrong, as said above"
	make_namespaces
	make_hugepages
	start_dp
	start_cp
	make_user
	[[ $COMMAND != --detach ]] || : >"$RUN/stays"
	unlock
	say "ready"
}

down()
{
	local ns dir
	lock
	stop fairlead-cp
	stop fairlead-dp
	[[ -z ${FAIRLEAD_NICS:-} ]] || { give_nic client0 fl-client; give_nic peer0 fl-peer; }
	for ns in "${NAMESPACES[@]}"; do
		ip netns list 2>/dev/null | grep -qw -- "$ns" || continue
		say "removing namespace $ns"
		ip netns del "$ns"
	done
	[[ ! -e $RUN/hugepages ]] || give_hugepages_back
	for dir in "$RUN" "$STATE"; do
		[[ ! -d $dir ]] || find "$dir" -mindepth 1 -delete
		mountpoint -q "$dir" || rm -rf "$dir" # a file system of its own stays
	done
	unlock
	say "everything is down"
}

running() { alive fairlead-dp && alive fairlead-cp; }

# Until a signal comes, or one of the processes goes.
watch_over()
{
	trap 'trap - EXIT INT TERM; down; exit 0' INT TERM
	trap 'down' EXIT
	say "running until interrupted (Ctrl-C)"
	while running; do
		sleep 1
	done
	local p
	for p in fairlead-dp fairlead-cp; do
		alive "$p" || die "$p ended:" "$RUN/$p.log"
	done
}

# ---- the check ----

PEER_PID=
RELAYS=()

stop_peer()
{
	kill "${RELAYS[@]}" ${PEER_PID:+"$PEER_PID"} 2>/dev/null || true
	RELAYS=()
	PEER_PID=
}

peer_listens() { in_ns fl-peer ss -Hlun sport = :3480 | grep -q 3480; }

# uclient LOG ARGUMENT...: one run of coturn's client; another if it drew the same channel number for
# two peers (once in 16384 clients), for which 400 is the right answer (RFC 8656 12.2).
uclient()
{
	local log=$1 try
	shift
	for try in 1 2; do
		in_ns fl-client timeout 60 turnutils_uclient -u demo -w fairlead -r 3480 "$@" \
			>"$log" 2>&1 && return
		((try == 1)) && grep -q 'channel bind: error 400' "$log" || return 0
	done
}

# relay NAME EXPECTED ARGUMENT...: EXPECTED messages must come back, or LEAST, where it is set: the
# client loses count of messages that share a segment of a TCP allocation, or a record of TLS, as they
# do the more, the busier the machine is.
relay()
{
	local name=$1 expected=$2 log got lost
	log=$RUN/check-$(tr -c 'A-Za-z0-9\n' - <<<"$name").log
	shift 2
	uclient "$log" "$@"
	got=$(sed -n 's/.*tot_recv_msgs=\([0-9]*\).*/\1/p' "$log" | tail -n 1)
	lost=$(sed -n 's/.*Total lost packets \([0-9]*\).*/\1/p' "$log" | tail -n 1)
	if [[ ${got:-0} -ge ${LEAST:-$expected} && (-n ${LEAST:-} || ${lost:-x} == 0) ]]; then
		say "  ok      $name: $got of $expected messages came back"
		return
	fi
	say "  FAILED  $name: ${got:-0} of $expected messages came back"
	echo "$name" >>"$RUN/check-failed"
	tail -n 10 "$log" | sed 's/^/    /' >&2
	return 1
}

# Side by side, since each client spends most of its time waiting for late messages.
also()
{
	"$@" &
	RELAYS+=($!)
}

# again TRY NAME...: what failed beside the others, by itself.
again()
{
	if grep -qxF "$2" "$RUN/check-again"; then "$@"; fi
}

# transports HOW: every one this version serves, with both families: UDP, TCP and TLS, and TCP relayed (RFC 6062).
transports()
{
	local how=$1 failed=0 v4=(-e 10.2.0.2 10.1.0.1) v6=(-x -e fd00:2::2 fd00:1::1)
	"$how" relay "UDP, IPv4, channels" 200 -n 100 -m 2 -c "${v4[@]}" || failed=1
	"$how" relay "UDP, IPv4, Send and Data indications" 200 -n 100 -m 2 -c -s "${v4[@]}" || failed=1
	"$how" relay "UDP, IPv6, channels" 200 -n 100 -m 2 -c "${v6[@]}" || failed=1
	"$how" relay "UDP, IPv6, Send and Data indications" 200 -n 100 -m 2 -c -s "${v6[@]}" || failed=1
	"$how" relay "TCP, IPv4, channels" 200 -t -n 100 -m 2 -c "${v4[@]}" || failed=1
	"$how" relay "TCP, IPv6, Send and Data indications" 200 -t -n 100 -m 2 -c -s "${v6[@]}" || failed=1
	"$how" relay "TCP on port 80, IPv4, channels" 200 -t -p 80 -n 100 -m 2 -c "${v4[@]}" || failed=1
	"$how" relay "TCP on port 80, IPv6, channels" 200 -t -p 80 -n 100 -m 2 -c "${v6[@]}" || failed=1
	LEAST=5 "$how" relay "TLS, IPv4, channels" 200 -t -S -p 5349 -n 100 -m 2 -c "${v4[@]}" || failed=1
	LEAST=5 "$how" relay "TLS on port 443, IPv6, Send and Data indications" 200 -t -S -p 443 -n 100 -m 2 -c -s "${v6[@]}" || failed=1
	LEAST=180 "$how" relay "TCP allocations, IPv4" 200 -T -n 100 -m 2 10.1.0.1 || failed=1
	return $failed
}

# All at once; and each that failed once more by itself, since eleven clients at once are more than a machine that has
# much else to do can serve.
check()
{
	local IN pid failed=0
	say "relaying with turnutils_uclient from fl-client to turnutils_peer in fl-peer"
	rm -f "$RUN/check-failed"
	netns_words fl-peer
	"${IN[@]}" turnutils_peer -p 3480 >"$RUN/peer.log" 2>&1 </dev/null &
	PEER_PID=$!
	await 10 peer_listens || { stop_peer; die "turnutils_peer does not listen:" "$RUN/peer.log"; }
	transports also
	for pid in "${RELAYS[@]}"; do
		wait "$pid" || failed=1
	done
	RELAYS=()
	if ((failed)); then
		say "what failed, once more, one at a time:"
		mv "$RUN/check-failed" "$RUN/check-again"
		failed=0
		transports again || failed=1
	fi
	stop_peer
	return $failed
}

# check_ends: what was not running before is taken down again, unless somebody else means it to stay.
check_ends()
{
	stop_peer
	lock
	if [[ ! -e $RUN/stays ]]; then down; fi
}

check_command()
{
	local rc=0
	lock # who starts it may not be ready yet
	if running; then unlock; else up check_ends; fi
	check || rc=1
	if ((rc == 0)); then
		say "verdict: the relay works"
	else
		say "the last lines of both logs:"
		tail -n 10 "$RUN/fairlead-dp.log" "$RUN/fairlead-cp.log" >&2
		say "verdict: the relay does not work: $(paste -sd ';' "$RUN/check-failed")"
	fi
	exit $rc
}

COMMAND=
main()
{
	COMMAND=${1:-}
	if [[ ${1:-} == --install ]]; then # tests/run.sh: packages of these purposes, no more
		need_root "$@"
		install_packages "${@:2}"
		return
	fi
	(($# <= 1)) || { usage >&2; exit 2; }
	case ${1:-} in
	--help | -h) usage; return ;;
	'' | --detach | --down | --check) need_root "$@" ;;
	*) usage >&2; exit 2 ;;
	esac
	case ${1:-} in
	--down) down ;;
	--check) check_command ;;
	--detach)
		up down
		trap - EXIT
		explain
		;;
	'')
		up down
		explain
		if [[ -z $(trap -p EXIT) ]]; then
			say "it was running already"
			return
		fi
		watch_over
		;;
	esac
}

main "$@"
