# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# An auto-translated dom0 (PVH) with PV guests. Xen builds it only on a machine
# with an IOMMU and with nested paging, which QEMU emulates with AMD's names.

RIG_SERIES=6.12
RIG_ARCH=amd64

cell_options()
{
	BOOT_MACHINE=(-M q35 -device amd-iommu -cpu "qemu64,+svm,+npt")
	BOOT_XEN_ARGS+=" dom0=pvh"
	# With a VGA adapter, dom0 hangs before its first message.
	BOOT_DISPLAY=0
	# Every page table change of the guest is emulated twice: creating a
	# domU takes tens of seconds in one call.
	BOOT_DOM0_ARGS+=" watchdog_thresh=60"
	CELL_SLOWNESS=2
	# With two emulated processors, dom0 runs into a triple fault or loses
	# its timer now and then.
	BOOT_CPUS=1
	BOOT_VCPUS=1
	BOOT_INIT_LIMIT=400
	BOOT_DOMU_LIMIT=600
}
