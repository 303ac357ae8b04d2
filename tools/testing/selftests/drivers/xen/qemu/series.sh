#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Make the patch series:
#
#   series.sh OUT [KSRC]
#
# KSRC is a git work tree, a folder or a tarball of a kernel. Without, it is the
# archive's source of the series that the checking scripts come from, too.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"

OUT=${1:?series.sh OUT [KSRC]}
KSRC=${2:-}

"$RIG_DIR/deps.sh" git
if [ -z "$KSRC" ]; then
	"$RIG_DIR/fetch.sh" tarball
	KSRC=$RIG_TARBALL
fi
exec "$RIG_TOP/tools/xen/in-tree/series.py" make "$KSRC" "$OUT"
