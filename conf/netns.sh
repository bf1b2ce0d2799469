# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

# netns_words NAMESPACE: sets IN to the words before a command that is to run there. "ip netns exec" gives it a
# /sys of its own as well, but cannot where / is no mount point, as in a chroot.
# shellcheck disable=SC2034 # for the caller
netns_words()
{
	IN=(ip netns exec "$1")
	[[ $ROOT_MOUNTED == yes ]] || IN=(nsenter "--net=/run/netns/$1")
}

# Asked once, for each process costs where the processor is emulated.
ROOT_MOUNTED=no
! grep -Eq '^([^ ]+ ){4}/ ' /proc/self/mountinfo || ROOT_MOUNTED=yes
