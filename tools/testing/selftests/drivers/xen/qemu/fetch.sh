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
APT=()			# options for apt
APT_PRIVATE=0		# it does not use the host's lists

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
		rig_die "apt knows no linux-image-$RIG_SERIES.*-$RIG_FLAVOUR in" \
			"${SERIES_SUITES:-its sources; add bookworm-security}"
	echo "$abi"
}

# apt_setup SUITES: from now on, packages come from these suites; of the host's
# release if it names none. Other suites and foreign architectures have an apt
# of their own, with the host's sources: what the host is set up for does not
# change.
apt_setup()
{
	local suites=$1
	local dir=$RIG_CACHE/apt-${suites:+${suites%% *}-}$RIG_ARCH

	APT=(-o APT::Sandbox::User=root)
	APT_PRIVATE=0
	[ "$RIG_ARCH" != "$HOST_ARCH" ] || [ -n "$suites" ] || return 0
	APT_PRIVATE=1
	mkdir -p "$dir"/{lists/partial,archives/partial}
	: >"$dir/status"
	APT+=(-o "APT::Architecture=$RIG_ARCH"
		-o "APT::Architectures::=$RIG_ARCH"
		-o "Dir::State=$dir" -o "Dir::State::lists=$dir/lists"
		-o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir"
		-o "Dir::Log=$dir" -o Dir::Etc::sourceparts="$dir/sources"
		-o Dir::Etc::sourcelist=/dev/null)
	mkdir -p "$dir/sources"
	rm -f -- "$dir"/sources/*
	if [ -n "$suites" ]; then
		apt_other_sources "$dir/sources" "$suites"
	else
		apt_sources "$dir/sources"
	fi
}

# Those of the host's sources that are the distribution's.
apt_sources()
{
	local dir=$1 f

	for f in /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$f" ] || awk -v RS= -v ORS='\n\n' \
			'/URIs:.*\/debian/' "$f" >>"$dir/debian.sources"
	done
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -e "$f" ] || sed -n '/^deb .*\/debian/p' "$f" \
			>>"$dir/debian.list"
	done
}

# Where the host's release comes from, other suites do, too.
apt_other_sources()
{
	local dir=$1 suites=$2 release f suite

	release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	for f in /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$f" ] || awk -v RS= -v ORS='\n\n' -v suites="$suites" \
			-v release="Suites:[^\n]*[ \t]$release([ \t\n]|$)" '
			$0 ~ release {
				sub(/Suites:[^\n]*/, "Suites: " suites); print
			}' "$f" >>"$dir/debian.sources"
	done
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -e "$f" ] || continue
		for suite in $suites; do
			sed -nE "s/^(deb .*[ \t])$release([ \t])/\1$suite\2/p" \
				"$f" >>"$dir/debian.list"
		done
	done
}

apt_update()
{
	if [ "$APT_PRIVATE" -eq 0 ]; then
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
		if [ "$RIG_ARCH" != "$HOST_ARCH" ] &&
		   [[ $p == linux-kbuild-* ]]; then
			own+=("$p")
		else
			foreign+=("$p")
		fi
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
	local abi=$1 tree=$RIG_CACHE/kernel-$1 image parts

	[ ! -e "$tree/vmlinux" ] || return 0
	mapfile -t parts < <(package_parts "linux-image-$abi")
	unpack "kernel-$abi" "linux-image-$abi" "${parts[@]}"
	# Newer packages have all of it below /usr/lib.
	[ -e "$tree/lib" ] || ln -s usr/lib "$tree/lib"
	image=$tree/boot/vmlinuz-$abi
	[ -e "$image" ] || image=$tree/lib/modules/$abi/vmlinuz
	arch_kernel "$image" "$tree/vmlinux.new"
	mv -- "$tree/vmlinux.new" "$tree/vmlinux"
}

# What a package depends on of the kernel: newer ones have the image, the modules
# and their index apart; headers have a common part and the programs of the build.
package_parts()
{
	apt-cache "${APT[@]}" show --no-all-versions "$1" |
		sed -n 's/^Depends: //p' |
		grep -oE 'linux-(base|binary|modules|headers|kbuild)-[^ ,]+' || true
}

# From another release, the headers come with all that they depend on, which is
# a compiler, and that with its libraries.
headers_parts()
{
	if [ -z "$SERIES_SUITES" ]; then
		package_parts "linux-headers-$1"
		return
	fi
	apt-get "${APT[@]}" -qq -s install --no-install-recommends \
		"linux-headers-$1" | sed -n 's/^Inst \([^ ]*\) .*/\1/p' |
		grep -Fxv "linux-headers-$1"
}

# Programs of another release do not run with the host's libraries. They get to
# know where their own ones are, and the compiler where its assembler is.
settle_programs()
{
	local tree=$1 libs=$1/usr/lib/$ARCH_LIB f

	find "$tree"/usr/bin "$tree"/usr/libexec "$tree"/usr/lib/linux-kbuild-* \
		-type f -perm -u+x | while read -r f; do
		patchelf --print-interpreter "$f" >/dev/null 2>&1 || continue
		patchelf --set-interpreter "$(echo "$libs"/ld-linux*)" \
			--force-rpath --set-rpath "$libs" "$f"
	done
	for f in "$tree"/usr/libexec/gcc/*/*/; do
		ln -sfn "$tree/usr/bin/$ARCH_LIB-as" "${f}as"
	done
}

fetch_headers()
{
	local abi=$1 tree=$RIG_CACHE/headers-$1 build parts

	[ ! -e "$tree/build" ] || return 0
	mapfile -t parts < <(headers_parts "$abi")
	[ ${#parts[@]} -gt 0 ] || rig_die "no headers for $abi"
	unpack "headers-$abi" "linux-headers-$abi" "${parts[@]}"
	build=$tree/usr/src/linux-headers-$abi
	# The packages expect to be at the root.
	sed -i "s#\(^\|[ =]\)/usr/#\1$tree/usr/#" "$build/Makefile"
	if [ -n "$SERIES_SUITES" ]; then
		settle_programs "$tree"
		cat >>"$build/.kernelvariables" <<-EOT
		override CROSS_COMPILE = $tree/usr/bin/$ARCH_LIB-
		override PAHOLE = $tree/usr/bin/pahole
		EOT
	fi
	ln -s "usr/src/linux-headers-$abi" "$tree/build"
}

# The source as the archive has it. Only a patch series needs all of it.
fetch_tarball()
{
	local deb=$RIG_TARBALL.deb

	[ ! -e "$RIG_TARBALL" ] || return 0
	unpack "${deb##*/}" "linux-source-$RIG_SOURCE_SERIES"
	mv -- "$deb/usr/src/${RIG_TARBALL##*/}" "$RIG_TARBALL"
	rm -rf -- "$deb"
}

source_has()
{
	local tree=$1 path

	shift
	[ -d "$tree" ] || return
	for path in "$@"; do
		[ -e "$tree/$path" ] || return
	done
}

# unpack_source TREE [PATH...]: the source, or some of it, without what is
# replaced.
unpack_source()
{
	local tree=$1 top=linux-source-$RIG_SOURCE_SERIES

	shift
	! source_has "$tree" "$@" || return 0
	fetch_tarball
	rig_say "unpacking $top"
	rm -rf -- "$tree.new"
	mkdir -p "$tree.new"
	tar -xJf "$RIG_TARBALL" -C "$tree.new" --strip-components=1 \
		--no-same-owner "${REPLACED[@]}" "${@/#/$top/}"
	# One without all that is wanted may be there from an earlier time.
	rm -rf -- "$tree"
	mv -- "$tree.new" "$tree"
}

# checkpatch, kernel-doc with its Sphinx part, the kselftest headers, and a
# display driver that the distribution does not build.
fetch_source()
{
	unpack_source "$RIG_CACHE/source-$RIG_SOURCE_SERIES" \
		scripts Documentation/sphinx \
		tools/testing/selftests/kselftest \
		tools/testing/selftests/kselftest.h \
		tools/testing/selftests/kselftest_harness.h \
		tools/testing/selftests/lib.mk tools/scripts \
		drivers/gpu/drm/vkms
}

# All of the kernel source, for a kernel of our own.
fetch_tree()
{
	unpack_source "$RIG_TREE"
}

# A kernel with a configuration of its own is built, and its headers are where
# that was.
is_built()
{
	[ -e "$RIG_CONFIG" ]
}

# The driver of that kernel, for the benchmark to compare with; nothing else is
# ever built of it.
fetch_mainline()
{
	local tree=$RIG_CACHE/mainline-$RIG_SOURCE_SERIES
	local top=linux-source-$RIG_SOURCE_SERIES

	[ ! -d "$tree" ] || return 0
	fetch_tarball
	rig_say "unpacking the driver of $top"
	rm -rf -- "$tree.new"
	mkdir -p "$tree.new"
	tar -xJf "$RIG_TARBALL" -C "$tree.new" --strip-components=1 \
		--no-same-owner --wildcards \
		"$top/drivers/xen/gntdev*.[ch]" \
		"$top/include/uapi/xen/gntdev.h" \
		"$top/include/xen/mem-reservation.h"
	mv -- "$tree.new" "$tree"
}

# Two rigs on one machine share the cache.
mkdir -p "$RIG_CACHE"
exec 9>"$RIG_CACHE/fetch.lock"
flock 9

PARTS='xen kernel headers source'
if is_built; then
	PARTS='xen tree source'
else
	apt_setup "$SERIES_SUITES"
	# A kernel whose headers were not fetched in time is of no use.
	abi=$(cat "$RIG_ABI_FILE" 2>/dev/null) || abi=
	if [ -z "$abi" ] || [ ! -d "$RIG_CACHE/kernel-$abi" ] ||
	   [ ! -d "$RIG_CACHE/headers-$abi" ]; then
		abi=$(choose_abi)
		echo "$abi" >"$RIG_ABI_FILE"
	fi
fi

for what in "${@:-$PARTS}"; do
	for one in $what; do
		case $one in
		kernel | headers) apt_setup "$SERIES_SUITES" ;;
		*) apt_setup "" ;;
		esac
		case $one in
		xen) fetch_xen ;;
		kernel) is_built || fetch_kernel "$abi" ;;
		headers) is_built || fetch_headers "$abi" ;;
		source) fetch_source ;;
		tree) fetch_tree ;;
		tarball) fetch_tarball ;;
		mainline) fetch_mainline ;;
		*) rig_die "unknown part '$one'" ;;
		esac
	done
done
