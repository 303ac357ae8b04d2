# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# ARM64, built by a cross compiler against the libraries that are unpacked
# with the Xen tools. To be sourced by rig-lib.sh.

ARCH_SUFFIX=-arm64
ARCH_PACKAGES=(qemu-system-arm ipxe-qemu gcc-aarch64-linux-gnu
	libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross)
ARCH_LIB=aarch64-linux-gnu
ARCH_ROOT=$RIG_CACHE/xen-$RIG_XEN_VERSION$ARCH_SUFFIX
ARCH_LIBGCC=$ARCH_ROOT/lib/$ARCH_LIB/libgcc_s.so.1
ARCH_MAKE=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
ARCH_MODULES=(cirrus)
ARCH_MODULES_DOMU=()
ARCH_REPORT=/dev/hvc1
ARCH_REPORT_MODULES="virtio_mmio virtio_console"
ARCH_DOMU_TYPE=pvh
ARCH_VGA=none
# Tables of 52-bit addresses have a level -1. When Xen changes its own tables
# while another processor reads there, QEMU says that this is where a translation
# is missing; Xen 4.17 knows no such level and passes the fault on to dom0.
ARCH_MACHINE=(-M "virt,virtualization=on,gic-version=3" -cpu "max,lpa2=off")

ARCH_LIBS=$ARCH_ROOT/usr/lib/$ARCH_LIB
ARCH_MAKE_PROGRAMS=(
	CROSS_COMPILE=aarch64-linux-gnu-
	AR=aarch64-linux-gnu-ar
	CC32=arm-linux-gnueabihf-gcc
	"CC=aarch64-linux-gnu-gcc -I$ARCH_ROOT/usr/include -L$ARCH_LIBS -Wl,-rpath-link,$ARCH_LIBS:$ARCH_ROOT/lib/$ARCH_LIB"
)
export PKG_CONFIG_LIBDIR=$ARCH_LIBS/pkgconfig
export PKG_CONFIG_SYSROOT_DIR=$ARCH_ROOT

arch_needed()
{
	readelf -d -- "$1" 2>/dev/null |
		sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

arch_interpreter()
{
	readelf -l -- "$1" 2>/dev/null |
		sed -n 's/.*program interpreter: \(.*\)\]/\1/p'
}

# ldd cannot be asked for another architecture.
arch_libraries()
{
	local todo=("$1") seen=' ' file lib dir

	for lib in $(arch_interpreter "$1"); do
		echo "$ARCH_ROOT$lib $lib"
	done
	while [ ${#todo[@]} -gt 0 ]; do
		file=${todo[0]}
		todo=("${todo[@]:1}")
		for lib in $(arch_needed "$file"); do
			case $seen in *" $lib "*) continue ;; esac
			seen+="$lib "
			for dir in "/lib/$ARCH_LIB" "/usr/lib/$ARCH_LIB"; do
				[ -e "$ARCH_ROOT$dir/$lib" ] || continue
				echo "$ARCH_ROOT$dir/$lib $dir/$lib"
				todo+=("$ARCH_ROOT$dir/$lib")
				continue 2
			done
			rig_die "no $lib for $file"
		done
	done
}

arch_kernel()
{
	gzip -dcf -- "$1" >"$2"
}

arch_qemu()
{
	local dom0="console=hvc0 quiet panic=-1 $BOOT_KERNEL_ARGS"

	dom0+=" $BOOT_DOM0_ARGS"
	exec qemu-system-aarch64 "$@" -global virtio-mmio.force-legacy=false \
		-device virtio-serial-device -device cirrus-vga \
		-device edu,dma_mask=0xffffffffffffffff \
		-device virtconsole,chardev=ctl -kernel xen \
		-append "console=dtuart $(boot_xen_args)" \
		-device "guest-loader,addr=0x49000000,kernel=vmlinux,bootargs=$dom0" \
		-device guest-loader,addr=0x50000000,initrd=initrd
}
