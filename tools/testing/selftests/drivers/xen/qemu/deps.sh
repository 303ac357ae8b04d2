#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Install what the build and the rig need on a Debian host, and the packages
# named as arguments.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"

# Nothing here changes how the host boots: the hypervisor, the kernels and the
# Xen tools are only unpacked into the cache (fetch.sh). libxen-dev brings the
# libraries that the tools and the clients are linked with.
PACKAGES=(
	build-essential bc cpio kmod xz-utils zstd pahole python3 perl pkgconf
	libdrm-dev libpng-dev libxen-dev
	codespell shellcheck sparse
	bison flex libelf-dev unifdef
	"${ARCH_PACKAGES[@]}" "${SERIES_PACKAGES[@]}" "$@"
)

missing()
{
	local p

	for p in "${PACKAGES[@]}"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = \
			installed ] || echo "$p"
	done
}

apt()
{
	rig_quietly "$RIG_CACHE/log/apt.log" \
		rig_as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@"
}

mapfile -t need < <(missing)
[ ${#need[@]} -gt 0 ] || exit 0

rig_say "installing: ${need[*]}"
apt install --no-install-recommends "${need[@]}" 2>/dev/null || {
	rig_say "package lists are too old: apt-get update"
	apt update
	apt install --no-install-recommends "${need[@]}"
}
