# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# The architecture of the host itself. To be sourced by rig-lib.sh.

ARCH_SUFFIX=		# of its folders in the cache
# gcc-multilib would push out the compilers for other machines.
ARCH_PACKAGES=(qemu-system-x86 seabios ipxe-qemu libc6-dev-i386
	"lib32gcc-$(gcc -dumpversion)-dev")
ARCH_LIB=x86_64-linux-gnu
ARCH_LIBGCC=$(gcc -print-file-name=libgcc_s.so.1 2>/dev/null) || true
ARCH_MAKE=()		# what make needs to build the module
ARCH_MAKE_PROGRAMS=()	# and the programs
ARCH_MODULES=(cirrus)	# only in dom0, besides those for all
ARCH_MODULES_DOMU=(drm_xen_front)
ARCH_REPORT=/dev/ttyS1	# where dom0 reports
ARCH_REPORT_MODULES=	# what is loaded first for that
ARCH_DOMU_TYPE=pv
ARCH_VGA=cirrus
ARCH_MACHINE=(-cpu qemu64)

# Print the libraries of a program: the file, and its place in the guest.
arch_libraries()
{
	{ ldd "$1" 2>/dev/null || true; } |
		sed -nE 's#.*\s(/[^ ]+).*#\1 \1#p' | sort -u
}

# The kernel proper inside a bzImage, as an ELF file: booting that saves the
# emulated machine from decompressing it.
arch_unpack()
{
	local image=$1 magic=$2 pos

	shift 2
	pos=$(grep -m 1 -abo -P -- "$magic" "$image" | sed -n '1s/:.*//p') ||
		return 0
	# The bytes behind the payload make the tools complain.
	tail -c "+$((pos + 1))" -- "$image" | "$@" 2>/dev/null || true
}

# arch_kernel IMAGE FILE: what is booted, from what the package has.
arch_kernel()
{
	arch_unpack "$1" '\x28\xb5\x2f\xfd' zstd -dcq >"$2"
	[ -s "$2" ] || arch_unpack "$1" '\xfd7zXZ\x00' xz -dcq >"$2"
	head -c 4 "$2" | cmp -s - <(printf '\x7fELF') ||
		rig_die "no vmlinux found inside $1"
}

# QEMU splits the module line at blanks and commas: the names in it must have
# none, so it runs in the temporary folder.
arch_qemu()
{
	local dom0="console=hvc0 quiet panic=-1 $BOOT_KERNEL_ARGS"

	dom0+=" $BOOT_DOM0_ARGS"
	exec qemu-system-x86_64 "$@" -serial chardev:ctl \
		-device edu,dma_mask=0xffffffffffffffff -kernel xen \
		-initrd "vmlinux $dom0,initrd" \
		-append "console=com1 com1=115200,8n1 $(boot_xen_args)"
}
