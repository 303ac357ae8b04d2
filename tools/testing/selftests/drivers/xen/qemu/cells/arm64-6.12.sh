# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# ARM64: dom0 and domU are auto-translated, and both may map their own grants.
# There is no heap in the stock kernel. The screen is a device of the machine, as
# QEMU has no adapter that it would add there by itself.

RIG_SERIES=6.12
RIG_ARCH=arm64

cell_options()
{
	BOOT_XEN_ARGS+=" xsm=dummy"
	BOOT_DISPLAY=0
	CELL_SLOWNESS=2
}
