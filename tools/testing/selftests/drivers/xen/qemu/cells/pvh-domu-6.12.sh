# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# PV dom0 with an auto-translated guest (PVH), which needs nested paging.
# Emulated, that is so slow that only what runs in the guest is looked at.

RIG_SERIES=6.12
RIG_ARCH=amd64

cell_options()
{
	BOOT_MACHINE=(-cpu "qemu64,+svm,+npt")
	# With two emulated processors, the guest runs into a triple fault now
	# and then: it has Xen's instruction pointer and stack by then.
	BOOT_CPUS=1
	BOOT_VCPUS=1
	BOOT_DOMU_TYPE=pvh
	BOOT_DOMU_LIMIT=600
	BOOT_DISPLAY=0
	PROGRAMS=(guest-own-grants crossdomain guest-death)
	BOOT_DOMU=1
	CELL_SLOWNESS=2
	CELL_BACKEND=pvh
}
