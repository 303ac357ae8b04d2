#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fill the cache: Xen, its tools, a stock kernel with its modules and headers,
# and the checking scripts of the kernel source. Everything is unpacked there,
# nothing is installed. Kernel, modules and headers are of one ABI, chosen once
# as the newest that the archive has: names of old ABIs vanish from it, so none
# is written down here.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"

ABI_FILE=$RIG_CACHE/abi-$RIG_SERIES
DEBS=$RIG_CACHE/debs

# The module built here replaces these files of the distribution. They stay
# out of the cache, so that no build can pick up one by accident.
REPLACED=(
	--exclude='*/drivers/xen/gntdev*'
	--exclude='*/drivers/xen/mem-reservation*'
	--exclude='*/include/uapi/xen/gntdev.h'
	--exclude='*/include/xen/mem-reservation.h'
)

newest_abi()
{
	apt-cache search --names-only "^linux-image-$RIG_SERIES\\.[0-9]" |
		sed -nE 's/^linux-image-([0-9.]+(\+[a-z0-9.]+)?-amd64) .*/\1/p' |
		sort -V | tail -n 1
}

choose_abi()
{
	local abi

	abi=$(newest_abi)
	if [ -z "$abi" ]; then
		rig_quietly "$RIG_CACHE/log/apt.log" \
			rig_as_root apt-get -q update
		abi=$(newest_abi)
	fi
	[ -n "$abi" ] ||
		rig_die "apt knows no linux-image-$RIG_SERIES.*-amd64;" \
			"add bookworm-security to its sources"
	echo "$abi"
}

apt_download()
{
	(cd "$DEBS" && rig_quietly "$RIG_CACHE/log/download.log" \
		apt-get -q -o APT::Sandbox::User=root download "$@")
}

# unpack STAMP PACKAGE...: download the packages and unpack them to one tree.
# The tree appears whole or not at all.
unpack()
{
	local tree=$RIG_CACHE/$1 p

	shift
	[ ! -d "$tree" ] || return 0
	rig_say "downloading $*"
	rm -rf -- "$DEBS" "$tree.new"
	mkdir -p "$DEBS" "$tree.new"
	apt_download "$@" || {
		rig_quietly "$RIG_CACHE/log/apt.log" \
			rig_as_root apt-get -q update
		apt_download "$@"
	}
	for p in "$DEBS"/*.deb; do
		dpkg-deb --fsys-tarfile "$p" |
			tar -x -C "$tree.new" --no-same-owner "${REPLACED[@]}"
	done
	rm -rf -- "$DEBS"
	mv -- "$tree.new" "$tree"
}

fetch_xen()
{
	local tree=$RIG_CACHE/xen-$RIG_XEN_VERSION

	unpack "xen-$RIG_XEN_VERSION" "xen-hypervisor-$RIG_XEN_VERSION-amd64" \
		"xen-utils-$RIG_XEN_VERSION" xenstore-utils busybox-static
	[ -e "$tree/xen" ] || {
		gzip -dc "$tree/boot/xen-$RIG_XEN_VERSION-amd64.gz" >"$tree/xen.new"
		mv -- "$tree/xen.new" "$tree/xen"
	}
}

# The kernel proper inside a bzImage, as an ELF file: booting that saves the
# emulated machine from decompressing it.
extract_vmlinux()
{
	local image=$1 magic=$2 pos

	shift 2
	pos=$(grep -m 1 -abo -P -- "$magic" "$image" | head -n 1) || return 0
	# The bytes behind the payload make the tools complain.
	tail -c "+$((${pos%%:*} + 1))" -- "$image" | "$@" 2>/dev/null || true
}

fetch_kernel()
{
	local abi=$1 tree=$RIG_CACHE/kernel-$1 image

	unpack "kernel-$abi" "linux-image-$abi"
	[ ! -e "$tree/vmlinux" ] || return 0
	image=$tree/boot/vmlinuz-$abi
	extract_vmlinux "$image" '\x28\xb5\x2f\xfd' zstd -dcq >"$tree/vmlinux.new"
	[ -s "$tree/vmlinux.new" ] ||
		extract_vmlinux "$image" '\xfd7zXZ\x00' xz -dcq \
			>"$tree/vmlinux.new"
	[ "$(head -c 4 "$tree/vmlinux.new")" = $'\x7fELF' ] ||
		rig_die "no vmlinux found inside $image"
	mv -- "$tree/vmlinux.new" "$tree/vmlinux"
}

fetch_headers()
{
	local abi=$1 tree=$RIG_CACHE/headers-$1 base=${1%-amd64} build

	unpack "headers-$abi" "linux-headers-$abi" \
		"linux-headers-$base-common" "linux-kbuild-$base"
	build=$tree/usr/src/linux-headers-$abi
	[ -e "$tree/build" ] || {
		echo "include $tree/usr/src/linux-headers-$base-common/Makefile" \
			>"$build/Makefile"
		ln -s "usr/src/linux-headers-$abi" "$tree/build"
	}
}

# checkpatch, kernel-doc with its Sphinx part, and the kselftest headers.
fetch_source()
{
	local tree=$RIG_CACHE/source-$RIG_SERIES top=linux-source-$RIG_SERIES

	[ ! -d "$tree" ] || return 0
	unpack "source-$RIG_SERIES.deb" "$top"
	rig_say "unpacking the scripts of $top"
	rm -rf -- "$tree.new"
	mkdir -p "$tree.new"
	tar -xJf "$RIG_CACHE/source-$RIG_SERIES.deb/usr/src/$top.tar.xz" \
		-C "$tree.new" --strip-components=1 --no-same-owner \
		"${REPLACED[@]}" \
		"$top/scripts" "$top/Documentation/sphinx" \
		"$top/tools/testing/selftests/kselftest" \
		"$top/tools/testing/selftests/kselftest.h" \
		"$top/tools/testing/selftests/kselftest_harness.h" \
		"$top/tools/testing/selftests/lib.mk" \
		"$top/tools/scripts"
	mv -- "$tree.new" "$tree"
	rm -rf -- "$RIG_CACHE/source-$RIG_SERIES.deb"
}

# Two rigs on one machine share the cache.
mkdir -p "$RIG_CACHE"
exec 9>"$RIG_CACHE/fetch.lock"
flock 9

# A kernel whose headers were not fetched in time is of no use.
abi=$(cat "$ABI_FILE" 2>/dev/null) || abi=
if [ -z "$abi" ] || [ ! -d "$RIG_CACHE/kernel-$abi" ] ||
   [ ! -d "$RIG_CACHE/headers-$abi" ]; then
	abi=$(choose_abi)
	echo "$abi" >"$ABI_FILE"
fi

for what in "${@:-xen kernel headers source}"; do
	for one in $what; do
		case $one in
		xen) fetch_xen ;;
		kernel) fetch_kernel "$abi" ;;
		headers) fetch_headers "$abi" ;;
		source) fetch_source ;;
		*) rig_die "unknown part '$one'" ;;
		esac
	done
done
