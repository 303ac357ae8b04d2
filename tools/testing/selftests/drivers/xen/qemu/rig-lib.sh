# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Common ground of the rig's scripts: where things are, how to speak to the
# user, how to clean up. To be sourced; sets errexit, nounset and pipefail.

# Much of what is set here is for the scripts that source it.
# shellcheck disable=SC2034

set -euo pipefail
export LC_ALL=C
# Variables of the make that started the script are not for those it starts.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
# The module tools are not in the path of an ordinary user.
PATH=$PATH:/usr/sbin:/sbin

RIG_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
RIG_TOP=$(cd -- "$RIG_DIR/../../../../../.." && pwd)
RIG_O=$(realpath -m -- "${O:-$RIG_TOP/build}")
RIG_CACHE=$(realpath -m -- \
	"${XEN_GNTDEV_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/xen-gntdev}")

# The series of stock kernels the module is built for, the architecture of the
# emulated machine, and which of the kernels of that architecture it is. The
# checking scripts come from one series for all.
RIG_SERIES=${RIG_SERIES:-6.12}
RIG_ARCH=${RIG_ARCH:-amd64}
RIG_FLAVOUR=${RIG_FLAVOUR:-$RIG_ARCH}
RIG_SOURCE_SERIES=6.12
RIG_XEN_VERSION=4.17
# SECONDS of the outermost script, so that nested ones show one clock.
export RIG_EPOCH=${RIG_EPOCH:-$(date +%s)}

RIG_CLEANUP=()
RIG_TMP=

[ -e "$RIG_DIR/arch-$RIG_ARCH.sh" ] || {
	echo "unknown architecture '$RIG_ARCH'" >&2
	exit 1
}
# shellcheck source=arch-amd64.sh
. "$RIG_DIR/arch-$RIG_ARCH.sh"

# A series that is not of the host's release says here where it is to be found
# (suites of the host's archive), and what else the host needs for it.
SERIES_SUITES=
SERIES_PACKAGES=()
if [ -e "$RIG_DIR/series-$RIG_SERIES.sh" ]; then
	# shellcheck source=series-7.sh
	. "$RIG_DIR/series-$RIG_SERIES.sh"
fi

RIG_XEN=$RIG_CACHE/xen-$RIG_XEN_VERSION$ARCH_SUFFIX
RIG_ABI_FILE=$RIG_CACHE/abi-$RIG_SERIES-$RIG_FLAVOUR
# A flavour that has a configuration is built from source (kernel.sh).
RIG_CONFIG=$RIG_DIR/configs/$RIG_FLAVOUR.config
RIG_TREE=$RIG_CACHE/tree-$RIG_SOURCE_SERIES
# As the archive has it, with the files that the driver replaces.
RIG_TARBALL=$RIG_CACHE/linux-source-$RIG_SOURCE_SERIES.tar.xz

rig_elapsed()
{
	local s=$(($(date +%s) - RIG_EPOCH))

	printf '%02d:%02d' $((s / 60)) $((s % 60))
}

rig_say()
{
	printf '[%s] %s\n' "$(rig_elapsed)" "$*" >&2
}

rig_die()
{
	rig_say "error: $*"
	exit 1
}

# Commands given here run on any exit, the last one first.
rig_at_exit()
{
	RIG_CLEANUP+=("$*")
}

rig_cleanup()
{
	local rc=$? i

	trap - EXIT
	for ((i = ${#RIG_CLEANUP[@]} - 1; i >= 0; i--)); do
		eval "${RIG_CLEANUP[i]}" || true
	done
	exit "$rc"
}

rig_init()
{
	trap rig_cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# A private folder that vanishes at exit; its name is short, because the path
# of a unix socket is limited to 107 bytes.
rig_tmpdir()
{
	[ -z "$RIG_TMP" ] || return 0
	RIG_TMP=$(mktemp -d "${TMPDIR:-/tmp}/xen-rig.XXXXXX")
	rig_at_exit "rm -rf -- '$RIG_TMP'"
}

rig_as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		rig_die "'$*' needs root, and there is no sudo"
	fi
}

# Run a command whose output matters only when it fails.
rig_quietly()
{
	local log=$1 rc=0

	shift
	mkdir -p "$(dirname -- "$log")"
	"$@" >"$log" 2>&1 || rc=$?
	[ "$rc" -eq 0 ] && return 0
	tail -n 20 -- "$log" >&2
	rig_say "error: '$1' failed ($rc), log: $log"
	return "$rc"
}

# Wait until a command succeeds: rig_wait SECONDS COMMAND...
rig_wait()
{
	local deadline=$(($(date +%s) + $1))

	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$deadline" ] || return 1
		sleep 0.1
	done
}

# One emulated machine at a time: two on a small host make each other miss
# their deadlines. Scripts started meanwhile have the lock, too.
rig_lock()
{
	[ -z "${RIG_LOCKED:-}" ] || return 0
	export RIG_LOCKED=1
	exec 8>"$RIG_CACHE/machine.lock"
	flock -n 8 || {
		rig_say "waiting for another rig to end"
		flock 8
	}
}
