#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Print, for each domain, how many of its grants are mapped by others that were
# not at the baseline: "domain number". From Xen's own dump; runs in dom0.

# shellcheck source=../../testing/selftests/drivers/xen/qemu/dom0-lib.sh
. /rig/dom0-lib.sh

gate_dump_grants || exit 1
gate_new_grants | awk '{ n[$1]++ } END { for (d in n) print d, n[d] }'
