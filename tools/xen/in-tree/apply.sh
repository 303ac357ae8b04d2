#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Put the driver into a kernel tree, in the place of the tree's own, in the state
# that the whole patch series leaves:
#
#   apply.sh TREE
#
# Doing it again changes nothing, not even the time of a file, so that make
# builds no more than what is new.

exec "$(dirname -- "${BASH_SOURCE[0]}")/series.py" apply "${1:?apply.sh TREE}"
