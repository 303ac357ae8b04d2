# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The root file systems of dom0 and of the domU. Each is two cpio archives in
# a row, which the kernel unpacks one over the other: a base of packaged parts,
# kept in the cache, and a small overlay with what is being tested. To be
# sourced after rig-lib.sh.

# Loaded by the init scripts or by tests; dependencies come by themselves.
ROOTFS_MODULES_DOM0="xen-privcmd xen-evtchn xen-gntalloc xen-gntdev xenfs
	vgem brd"
ROOTFS_MODULES_DOMU="xen-evtchn xen-gntalloc xen-gntdev xenfs vgem"

# Copy a program and the libraries it is linked with.
rootfs_add_binary()
{
	local root=$1 file=$2 dest=$3

	install -D -m 755 -- "$file" "$root$dest"
	rootfs_add_libraries_of "$root" "$file"
}

rootfs_add_libraries_of()
{
	local root=$1 lib dest libraries

	libraries=$(arch_libraries "$2") || return
	while read -r lib dest; do
		[ -z "$lib" ] || [ -e "$root$dest" ] ||
			install -D -m 755 -- "$lib" "$root$dest"
	done <<<"$libraries"
}

rootfs_add_modules()
{
	local root=$1 abi=$2 kernel=$RIG_CACHE/kernel-$2 m path dest
	shift 2

	# All of them may be part of the kernel.
	mkdir -p "$root/lib/modules/$abi"
	for m in "$@"; do
		modprobe -d "$kernel" -S "$abi" --show-depends "$m" |
			sed -n 's/^insmod //p'
	done | awk '{ print $1 }' | sort -u | while read -r path; do
		dest=$root/lib/modules/$abi/${path##*/}
		case $path in
		*.xz) xz -dc -- "$path" >"${dest%.xz}" ;;
		*.zst) zstd -dcq -- "$path" >"${dest%.zst}" ;;
		*) cp -- "$path" "$dest" ;;
		esac
	done
	cp -- "$kernel/lib/modules/$abi"/modules.{builtin,builtin.modinfo,order} \
		"$root/lib/modules/$abi/"
	depmod -b "$root" "$abi"
}

# The links for its applets are made by the init scripts.
rootfs_add_busybox()
{
	install -D -m 755 -- "$RIG_XEN/bin/busybox" "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
}

rootfs_add_xen_tools()
{
	local root=$1 xen=$RIG_XEN tool

	for tool in xl xenstored xenconsoled xen-init-dom0 libxl-save-helper; do
		rootfs_add_binary "$root" \
			"$xen/usr/lib/xen-$RIG_XEN_VERSION/bin/$tool" \
			"/usr/lib/xen-$RIG_XEN_VERSION/bin/$tool"
	done
	mkdir -p "$root"/etc/xen "$root"/var/{run,lib,log}/xen \
		"$root"/var/run/xenstored "$root"/var/lib/xenstored "$root"/run/xen
	: >"$root/etc/xen/xl.conf"
}

rootfs_skeleton()
{
	local root=$1 xen=$RIG_XEN tool

	mkdir -p "$root"/{bin,dev,etc,lib,proc,rig,root,run,sys,tmp,usr/bin,var}
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	rootfs_add_busybox "$root"
	for tool in ls read write rm list exists watch chmod; do
		rootfs_add_binary "$root" "$xen/usr/bin/xenstore" \
			"/usr/bin/xenstore-$tool"
	done
	# pthread_cancel() and the like load it by name: no ldd shows it.
	rootfs_add_binary "$root" "$ARCH_LIBGCC" "/lib/$ARCH_LIB/libgcc_s.so.1"
}

rootfs_pack()
{
	local root=$1 archive=$2

	(cd "$root" && find . -print0 | LC_ALL=C sort -z |
		cpio --quiet -0 -o -H newc -R 0:0) >"$archive.new"
	mv -- "$archive.new" "$archive"
}

rootfs_build_base()
{
	local kind=$1 abi=$2 archive=$3 root=$RIG_TMP/base-$1

	mkdir -p "$root"
	rootfs_skeleton "$root"
	case $kind in
	dom0)
		rootfs_add_xen_tools "$root"
		# shellcheck disable=SC2086 # lists of words
		rootfs_add_modules "$root" "$abi" $ROOTFS_MODULES_DOM0 \
			"${ARCH_MODULES[@]}" $ARCH_REPORT_MODULES
		;;
	domu)
		# shellcheck disable=SC2086
		rootfs_add_modules "$root" "$abi" $ROOTFS_MODULES_DOMU \
			"${ARCH_MODULES_DOMU[@]}"
		;;
	esac
	rootfs_pack "$root" "$archive"
	rm -rf -- "$root"
}

# Print the path of the base archive of a kind, building it when this script
# or the packages are newer.
rootfs_base()
{
	local kind=$1 abi=$2 key archive

	key=$( (cat -- "${BASH_SOURCE[0]}" "$RIG_DIR/arch-$RIG_ARCH.sh"
		echo "$abi") | sha256sum)
	archive=$RIG_CACHE/base-$kind-$abi-${key:0:16}.cpio
	if [ ! -e "$archive" ] ||
	   [ "$RIG_XEN" -nt "$archive" ] ||
	   [ "$RIG_CACHE/kernel-$abi" -nt "$archive" ]; then
		rig_say "building the $kind root file system"
		rm -f -- "$RIG_CACHE/base-$kind-$abi-"*.cpio
		depmod -b "$RIG_CACHE/kernel-$abi" "$abi"
		rootfs_build_base "$kind" "$abi" "$archive"
	fi
	echo "$archive"
}

# Copy a file or a folder of the user into an overlay: SOURCE[:DESTINATION].
# Programs get their libraries. Without a destination it goes to /rig/bin.
rootfs_add()
{
	local root=$1 src=${2%%:*} dest=

	case $2 in *:*) dest=${2#*:} ;; esac
	[ -e "$src" ] || rig_die "no such file: $src"
	dest=${dest:-/rig/bin/$(basename -- "$src")}
	if [ -d "$src" ]; then
		mkdir -p "$root$dest"
		cp -rL -- "$src/." "$root$dest/"
		rootfs_add_libraries "$root" "$src"
	elif [ -x "$src" ]; then
		rootfs_add_binary "$root" "$src" "$dest"
	else
		install -D -m 644 -- "$src" "$root$dest"
	fi
}

rootfs_add_libraries()
{
	local root=$1 file

	while read -r file; do
		rootfs_add_libraries_of "$root" "$file"
	done < <(find -L "$2" -type f -perm -u+x)
}

# The module under test and what it depends on.
rootfs_add_driver()
{
	local root=$1 ko=$2

	[ -n "$ko" ] || return 0
	install -D -m 644 -- "$ko" "$root/rig/xen-gntdev.ko"
	modinfo -F depends "$ko" | tr ',' '\n' >"$root/rig/xen-gntdev.deps"
}
