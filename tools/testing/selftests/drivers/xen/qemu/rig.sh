#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The rig: real Xen with a stock kernel as PV dom0 in QEMU's emulation. No bare
# metal, no nested virtualization, nothing but a Debian host.
#
# deps.sh, fetch.sh    the host's packages; the cache of downloads
# rootfs.sh, boot.sh   the initramfs of dom0 and of the domU; one boot
# init-*.sh            /init of both
# dom0-lib.sh          in dom0: running a program, and the gates behind it
# suite.sh, ktap.py    all programs in one boot; counting what it reports
# cells/, cell.sh      machines, modes and kernels; the suite in one of them
# configs/, kernel.sh  kernels that no package has; building one
# grant-users*.sh, hotplug.sh  a guest with a disk and a network; what xl runs for it
# static.sh, test.sh   checks without a machine; "make test"
#
# The host learns from the second serial line of the emulated machine (the
# report), the first one is the console of Xen and of dom0's kernel. Both are
# kept below $(O)/rig, with a folder for each name of a boot.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"
# shellcheck source=rootfs.sh
. "$RIG_DIR/rootfs.sh"
# shellcheck source=boot.sh
. "$RIG_DIR/boot.sh"

usage()
{
	cat <<-EOT
	usage: rig.sh fetch [xen kernel headers source]
	       rig.sh abi | headers | source
	       rig.sh run [OPTION]... [-- COMMAND]

	fetch    install the host's packages and fill the cache
	abi      print the name of the stock kernel that is booted
	headers  print the folder of its headers (fetched if need be)
	source   print the folder of the kernel's checking scripts
	run      boot, run a shell COMMAND in dom0, exit with its status

	options of run:
	  --domu            start a domU first (domain id: \$DOMU)
	  --two-domus       start two of them (\$DOMU and \$DOMU2)
	  --stock-gntdev    load the distribution's xen-gntdev in both
	  --gntdev FILE     the module under test (else the one built by make)
	  --slub-debug      boot dom0 with slub_debug=FZPU
	  --add FILE[:DEST] put a file, program or folder into dom0 (/rig/bin)
	  --add-domu FILE[:DEST]  the same for the domU
	  --steps FILE      a script to run instead of COMMAND
	  --name NAME       folder of the logs below \$(O)/rig
	  --limit SECONDS   time limit after init
	  --vcpus N         of dom0
	  --display         with a cirrus screen
	  --dom0-args ARGS, --xen-args ARGS, --gntdev-params PARAMS
	EOT
}

cmd_fetch()
{
	"$RIG_DIR/deps.sh"
	"$RIG_DIR/fetch.sh" "$@"
}

rig_abi()
{
	cat -- "$RIG_ABI_FILE"
}

cmd_run()
{
	local steps='' abi

	while [ $# -gt 0 ]; do
		case $1 in
		--domu) BOOT_DOMU=1 ;;
		--two-domus) BOOT_DOMU=2 ;;
		--stock-gntdev) BOOT_STOCK=1 ;;
		--gntdev) BOOT_DRIVER=$2; shift ;;
		--slub-debug) BOOT_DOM0_ARGS+=" slub_debug=FZPU" ;;
		--display) BOOT_DISPLAY=1 ;;
		--add) BOOT_ADD+=("$2"); shift ;;
		--add-domu) BOOT_ADD_DOMU+=("$2"); shift ;;
		--steps) steps=$2; shift ;;
		--name) BOOT_NAME=$2; shift ;;
		--limit) BOOT_LIMIT=$2; shift ;;
		--vcpus) BOOT_VCPUS=$2; shift ;;
		--dom0-args) BOOT_DOM0_ARGS+=" $2"; shift ;;
		--xen-args) BOOT_XEN_ARGS+=" $2"; shift ;;
		--gntdev-params) BOOT_GNTDEV_PARAMS=$2; shift ;;
		--) shift; break ;;
		*) usage >&2; exit 2 ;;
		esac
		shift
	done
	rig_tmpdir
	if [ -z "$steps" ]; then
		steps=$RIG_TMP/steps
		{
			echo '. /rig/dom0-lib.sh'
			printf '%s\n' "$*"
		} >"$steps"
	fi
	# A kernel that no package has is there already: kernel.sh built it.
	if [ -e "$RIG_CONFIG" ]; then
		cmd_fetch xen
	else
		cmd_fetch xen kernel
	fi
	abi=$(rig_abi)
	rig_lock
	boot_prepare "$abi" "$steps"
	rig_say "booting (logs: $BOOT_LOG)"
	boot_start
	boot_finish
}

rig_init
case ${1:-} in
fetch) shift; cmd_fetch "$@" ;;
abi) cmd_fetch kernel; rig_abi ;;
headers)
	cmd_fetch headers
	echo "$RIG_CACHE/headers-$(rig_abi)/build"
	;;
source)
	cmd_fetch source
	echo "$RIG_CACHE/source-$RIG_SOURCE_SERIES"
	;;
run) shift; cmd_run "$@" ;;
*) usage >&2; exit 2 ;;
esac
