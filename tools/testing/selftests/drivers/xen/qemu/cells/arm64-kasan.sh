# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# ARM64 with a kernel that checks each access to memory, which none can that is
# a PV domain.

RIG_SERIES=6.12
RIG_ARCH=arm64
RIG_FLAVOUR=debug-arm64

cell_options()
{
	BOOT_XEN_ARGS+=" xsm=dummy"
	BOOT_DISPLAY=0
	BOOT_DOM0_ARGS+=" kunit.enable=1 loglevel=5 panic_on_warn=1"
	BOOT_DOMU_ARGS+=" panic_on_warn=1"
	CELL_CONTROLS=1
	CELL_SLOWNESS=3
}
