# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# PV dom0 and PV guests: where all there is to test can be tested.

RIG_SERIES=6.12
RIG_ARCH=amd64

cell_options()
{
	CELL_BACKEND=pv
}
