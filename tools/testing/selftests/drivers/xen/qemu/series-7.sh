# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# Kernels of a newer Debian release than the host's. A module has to be built
# by the compiler that the kernel was built by, so that comes along. To be
# sourced by rig-lib.sh.

SERIES_SUITES="trixie trixie-updates trixie-backports"
SERIES_PACKAGES=(patchelf)
# The driver of the emulated screen has another name there.
ARCH_MODULES=("${ARCH_MODULES[@]/%cirrus/cirrus-qemu}")
