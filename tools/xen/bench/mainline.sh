#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the kernel's own driver to compare with, from the archive's source, as
# two modules that can be loaded beside ours:
#
#   mainline.sh SOURCE KDIR OUTPUT
#
# mainline       as it is, but for the name of its device
# mainline_lift  maps at kernel addresses only, so that it can export anywhere
#
# None of its files becomes part of this repository.

set -euo pipefail
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/mainline
SOURCE=${1:?mainline.sh SOURCE KDIR OUTPUT}
KDIR=${2:?mainline.sh SOURCE KDIR OUTPUT}
OUTPUT=${3:?mainline.sh SOURCE KDIR OUTPUT}

# patched FILE DIR RULES...: the semantic patch has to change something. What it
# changes is nobody's business: spatch would show the lines.
patched()
{
	local file=$1 dir=$2

	shift 2
	spatch --very-quiet --no-includes "$@" --sp-file "$HERE/lift.cocci" \
		-o "$dir/$file" "$SOURCE/drivers/xen/$file" >/dev/null
	! cmp -s -- "$SOURCE/drivers/xen/$file" "$dir/$file"
}

# What the modules depend on.
inputs()
{
	find "$HERE" "$SOURCE" "${BASH_SOURCE[0]}" -type f -exec sha256sum {} + |
		sort
	echo "$KDIR"
}

build()
{
	local name=$1 dir=$OUTPUT/$1

	shift
	rm -rf -- "$dir"
	mkdir -p "$dir"
	cp -r -- "$SOURCE/include" "$dir/"
	cp -- "$SOURCE"/drivers/xen/*.[ch] "$HERE"/{Kbuild,*.[ch]} "$dir/"
	patched gntdev.c "$dir" "$@"
	if [ $# -gt 0 ]; then
		patched gntdev-dmabuf.c "$dir" "$@"
	fi
	make -C "$KDIR" M="$dir" BENCH_MODULE="$name" modules
}

STAMP=$(inputs)
[ "$(cat -- "$OUTPUT/stamp" 2>/dev/null)" != "$STAMP" ] || exit 0
build mainline
build mainline_lift -D lift
printf '%s\n' "$STAMP" >"$OUTPUT/stamp"
