# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# PV dom0 and PV domU, with an allocator that checks every object.

RIG_SERIES=6.12
RIG_ARCH=amd64

cell_options()
{
	BOOT_DOM0_ARGS+=" slub_debug=FZPU"
	CELL_SLOWNESS=2
	CELL_FRAMES=0
}
