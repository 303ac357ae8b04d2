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

DEBS=$RIG_CACHE/debs
HOST_ARCH=$(dpkg --print-architecture)
APT=()			# options for the architecture

# What the Xen tools and the test programs are linked with.
LIBRARIES=(
	libxen-dev libxenmisc4.17 libxencall1 libxendevicemodel1
	libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1
	libxenstore4 libxentoolcore1 libxentoollog1 libdrm-dev libdrm2 libc6
	libgcc-s1 libyajl2 libuuid1 libfdt1 libnl-3-200 libnl-route-3-200
	zlib1g libbz2-1.0 liblzma5 liblzo2-2 libzstd1 libtinfo6 libncurses6
)

# The module built here replaces these files of the distribution. They stay
# out of the cache, so that no build can pick up one by accident.
REPLACED=(
	--exclude='*/drivers/xen/gntdev*'
	--exclude='*/drivers/xen/mem-reservation*'
	--exclude='*/include/uapi/xen/gntdev.h'
	--exclude='*/include/xen/sys/gntdev.h'
	--exclude='*/include/xen/mem-reservation.h'
)

# The name of a kernel is its version, perhaps the number of its ABI, perhaps
# the release it was made for, and its flavour.
newest_abi()
{
	apt-cache "${APT[@]}" search --names-only \
		"^linux-image-${RIG_SERIES//./\\.}\\.[0-9]" |
		sed -nE "s/^linux-image-([0-9.]+(-[0-9]+)?(\+[a-z0-9.]+)?-$RIG_FLAVOUR) .*/\1/p" |
		sort -V | tail -n 1
}

choose_abi()
{
	local abi

	abi=$(newest_abi)
	if [ -z "$abi" ]; then
		rig_quietly "$RIG_CACHE/log/apt.log" \
			apt_update
		abi=$(newest_abi)
	fi
	[ -n "$abi" ] ||
		rig_die "apt knows no linux-image-$RIG_SERIES.*-$RIG_FLAVOUR;" \
			"add bookworm-security to its sources"
	echo "$abi"
}

# A foreign architecture has an apt of its own, with the host's sources: what
# the host is set up for does not change.
apt_setup()
{
	local dir=$RIG_CACHE/apt-$RIG_ARCH

	APT=(-o APT::Sandbox::User=root)
	[ "$RIG_ARCH" != "$HOST_ARCH" ] || return 0
	mkdir -p "$dir"/{lists/partial,archives/partial}
	: >"$dir/status"
	APT+=(-o "APT::Architecture=$RIG_ARCH"
		-o "APT::Architectures::=$RIG_ARCH"
		-o "Dir::State=$dir" -o "Dir::State::lists=$dir/lists"
		-o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir"
		-o "Dir::Log=$dir" -o Dir::Etc::sourceparts="$dir/sources"
		-o Dir::Etc::sourcelist=/dev/null)
	apt_sources "$dir/sources"
}

# Those of the host's sources that are the distribution's.
apt_sources()
{
	local dir=$1 f

	mkdir -p "$dir"
	rm -f -- "$dir"/*
	for f in /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$f" ] || awk -v RS= -v ORS='\n\n' \
			'/URIs:.*\/debian/' "$f" >>"$dir/debian.sources"
	done
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -e "$f" ] || sed -n '/^deb .*\/debian/p' "$f" \
			>>"$dir/debian.list"
	done
}

apt_update()
{
	if [ "$RIG_ARCH" = "$HOST_ARCH" ]; then
		rig_as_root apt-get -q update
	else
		apt-get "${APT[@]}" -q update
	fi
}

# The programs of a kernel's build run here, so they are of the host's kind.
apt_download()
(
	local p own=() foreign=()

	for p in "$@"; do
		case $p in
		linux-kbuild-*) own+=("$p") ;;
		*) foreign+=("$p") ;;
		esac
	done
	cd "$DEBS" || return
	if [ ${#own[@]} -gt 0 ]; then
		apt-get -o APT::Sandbox::User=root -q download "${own[@]}" ||
			return
	fi
	[ ${#foreign[@]} -eq 0 ] ||
		apt-get "${APT[@]}" -q download "${foreign[@]}"
)

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
	rig_quietly "$RIG_CACHE/log/download.log" apt_download "$@" || {
		rig_quietly "$RIG_CACHE/log/apt.log" apt_update
		rig_quietly "$RIG_CACHE/log/download.log" apt_download "$@"
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
	local libraries=() image

	# The programs get the host's libraries, or else these.
	[ "$RIG_ARCH" = "$HOST_ARCH" ] ||
		libraries=("${LIBRARIES[@]}")
	unpack "${RIG_XEN##*/}" "xen-hypervisor-$RIG_XEN_VERSION-$RIG_ARCH" \
		"xen-utils-$RIG_XEN_VERSION" xenstore-utils busybox-static \
		"${libraries[@]}"
	[ ! -e "$RIG_XEN/xen" ] || return 0
	# Not every architecture has it compressed.
	image=$RIG_XEN/boot/xen-$RIG_XEN_VERSION-$RIG_ARCH
	[ -e "$image" ] || image+=.gz
	gzip -dcf -- "$image" >"$RIG_XEN/xen.new"
	mv -- "$RIG_XEN/xen.new" "$RIG_XEN/xen"
}

fetch_kernel()
{
	local abi=$1 tree=$RIG_CACHE/kernel-$1

	unpack "kernel-$abi" "linux-image-$abi"
	[ ! -e "$tree/vmlinux" ] || return 0
	arch_kernel "$tree/boot/vmlinuz-$abi" "$tree/vmlinux.new"
	mv -- "$tree/vmlinux.new" "$tree/vmlinux"
}

# The packages that the headers depend on: the common part and the programs.
headers_parts()
{
	apt-cache "${APT[@]}" show --no-all-versions "linux-headers-$1" |
		sed -n 's/^Depends: //p' | grep -oE 'linux-(headers|kbuild)-[^ ,]+'
}

fetch_headers()
{
	local abi=$1 tree=$RIG_CACHE/headers-$1 build common parts

	[ ! -e "$tree/build" ] || return 0
	mapfile -t parts < <(headers_parts "$abi")
	unpack "headers-$abi" "linux-headers-$abi" "${parts[@]}"
	build=$tree/usr/src/linux-headers-$abi
	common=$(echo "$tree"/usr/src/linux-headers-*-common)
	echo "include $common/Makefile" >"$build/Makefile"
	ln -s "usr/src/linux-headers-$abi" "$tree/build"
}

# checkpatch, kernel-doc with its Sphinx part, and the kselftest headers.
fetch_source()
{
	local tree=$RIG_CACHE/source-$RIG_SOURCE_SERIES top=linux-source-$RIG_SOURCE_SERIES

	[ ! -d "$tree" ] || return 0
	unpack "source-$RIG_SOURCE_SERIES.deb" "$top"
	rig_say "unpacking the scripts of $top"
	rm -rf -- "$tree.new"
	mkdir -p "$tree.new"
	tar -xJf "$RIG_CACHE/source-$RIG_SOURCE_SERIES.deb/usr/src/$top.tar.xz" \
		-C "$tree.new" --strip-components=1 --no-same-owner \
		"${REPLACED[@]}" \
		"$top/scripts" "$top/Documentation/sphinx" \
		"$top/tools/testing/selftests/kselftest" \
		"$top/tools/testing/selftests/kselftest.h" \
		"$top/tools/testing/selftests/kselftest_harness.h" \
		"$top/tools/testing/selftests/lib.mk" \
		"$top/tools/scripts"
	mv -- "$tree.new" "$tree"
	rm -rf -- "$RIG_CACHE/source-$RIG_SOURCE_SERIES.deb"
}

# Two rigs on one machine share the cache.
mkdir -p "$RIG_CACHE"
exec 9>"$RIG_CACHE/fetch.lock"
flock 9

apt_setup
# A kernel whose headers were not fetched in time is of no use.
abi=$(cat "$RIG_ABI_FILE" 2>/dev/null) || abi=
if [ -z "$abi" ] || [ ! -d "$RIG_CACHE/kernel-$abi" ] ||
   [ ! -d "$RIG_CACHE/headers-$abi" ]; then
	abi=$(choose_abi)
	echo "$abi" >"$RIG_ABI_FILE"
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
