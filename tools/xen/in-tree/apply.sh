#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Put the driver into a kernel tree, in the place of the tree's own:
#
#   apply.sh TREE
#
# Files of ours are copied. Those of others are edited at anchors; one that is
# not found is an error that names it. Doing it again changes nothing, not even
# the time of a file, so that make builds no more than what is new.

set -euo pipefail
export LC_ALL=C
TOP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.." && pwd)
TREE=${1:?apply.sh TREE}

STAMP='# The grant device and its helpers.'

die()
{
	echo "apply.sh: $*" >&2
	exit 1
}

# copy FILE...: relative to both trees.
copy()
{
	local f

	for f in "$@"; do
		cmp -s -- "$TOP/$f" "$TREE/$f" ||
			install -D -m 644 -- "$TOP/$f" "$TREE/$f"
	done
}

# edit FILE ANCHOR SED-SCRIPT: the anchor is a pattern that the file must have.
edit()
{
	local file=$1 anchor=$2

	shift 2
	grep -qE -- "$anchor" "$TREE/$file" ||
		die "$file: no line matches '$anchor'"
	sed -i -E "$@" -- "$TREE/$file"
}

# The lines of our Makefile that list the objects of the module, but for those
# of special builds.
module_objects()
{
	sed '/^if/,/^endif/d' "$TOP/drivers/xen/Makefile" |
		grep -E '^xen-gntdev-(y|\$\(\S+\)) [+:]= '
}

our_makefile()
{
	cat <<-'EOT'
	# The grant device and its helpers.
	obj-y += mem-reservation.o
	obj-$(CONFIG_XEN_PV) += mem-reservation-pv.o
	obj-$(CONFIG_XEN_GRANT_DMA_ALLOC) += grant-dma-alloc.o
	EOT
	module_objects
}

edit_makefile()
{
	local file=drivers/xen/Makefile new

	new=$(our_makefile)
	if ! grep -qxF -- "$STAMP" "$TREE/$file"; then
		edit "$file" '^obj-y\s*\+=\s*mem-reservation\.o$' \
			'/^obj-y\s*\+=\s*mem-reservation\.o$/d'
		edit "$file" '^xen-gntdev-y\s*:=' '/^xen-gntdev-/d'
		printf '%s\n' "$new" >>"$TREE/$file"
		return
	fi
	[ "$(sed -n "/^$STAMP\$/,\$p" "$TREE/$file")" = "$new" ] && return
	sed -i "/^$STAMP\$/,\$d" -- "$TREE/$file"
	printf '%s\n' "$new" >>"$TREE/$file"
}

# What the tree's grant table does for its own allocator goes, ours has a file.
edit_grant_table()
{
	local f rc

	for f in drivers/xen/grant-table.c include/xen/grant_table.h; do
		grep -q CONFIG_XEN_GRANT_DMA_ALLOC "$TREE/$f" || continue
		rc=0
		unifdef -m -UCONFIG_XEN_GRANT_DMA_ALLOC "$TREE/$f" || rc=$?
		[ "$rc" -le 1 ] || die "$f: unifdef failed"
	done
}

edit_kconfig()
{
	local file=drivers/xen/Kconfig

	grep -q 'depends on XEN_GNTDEV && XEN_GRANT_DMA_ALLOC' "$TREE/$file" ||
		return 0
	edit "$file" '^config XEN_GNTDEV_DMABUF$' \
		's/^(\s*depends on XEN_GNTDEV) && XEN_GRANT_DMA_ALLOC$/\1/'
}

[ -e "$TREE/drivers/xen/grant-table.c" ] || die "$TREE: no kernel tree"
cd -- "$TOP"
copy drivers/xen/*.[ch] include/xen/*.h include/uapi/xen/*.h \
	include/trace/events/*.h
edit_makefile
edit_grant_table
edit_kconfig
