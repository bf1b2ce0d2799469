# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

# owner_words DIRECTORY: sets AS to the words before a command that is to run as its owner, with no rights of root's.
# shellcheck disable=SC2034 # for the caller
owner_words()
{
	local uid gid
	read -r uid gid < <(stat -c '%u %g' "$1")
	AS=(setpriv "--reuid=$uid" "--regid=$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs)
}

# owner_program PROGRAM DIRECTORY: prints where AS can execute it: if not at its place, as in /root, a copy in DIRECTORY.
owner_program()
{
	local copy=$2/${1##*/}
	if "${AS[@]}" test -x "$1"; then
		echo "$1"
	else
		install -m 755 "$1" "$copy.new" && mv "$copy.new" "$copy" && echo "$copy"
	fi
}
