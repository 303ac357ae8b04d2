# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# PV dom0 and PV domU: what make test boots as well.

RIG_SERIES=6.12
RIG_ARCH=amd64

cell_options()
{
	:
}
