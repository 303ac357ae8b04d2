# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# PV dom0 and PV domU with the newest kernel that a newer release of Debian has,
# built by the compiler of that release.

RIG_SERIES=7
RIG_ARCH=amd64

cell_options()
{
	:
}
