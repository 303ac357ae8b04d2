# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# PV dom0 and PV domU with the stock kernel of Debian 12, which has neither
# udmabuf nor the system heap: vgem and a module of the tests export buffers.

RIG_SERIES=6.1
RIG_ARCH=amd64

cell_options()
{
	:
}
