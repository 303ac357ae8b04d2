# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# ARM64 with pages of 16 KiB in dom0 and in the domU, four grants each.

RIG_SERIES=6.12
RIG_ARCH=arm64
RIG_FLAVOUR=arm64-16k

cell_options()
{
	BOOT_XEN_ARGS+=" xsm=dummy"
	BOOT_DISPLAY=0
	CELL_SLOWNESS=2
}
