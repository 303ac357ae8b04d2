# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What dom0 does for the benchmark, each in a process of its own: all drivers
# find the same machine. BENCH_WHAT says what, BENCH_IMPLS of which drivers.

# shellcheck source=../../testing/selftests/drivers/xen/qemu/dom0-lib.sh
. /rig/dom0-lib.sh

# bench WHAT NAME [DEVICE]
bench()
{
	gntdev-bench "$@" || {
		echo "RIG-FAIL gntdev-bench $* ended with $?"
		rc=1
	}
}

# What one driver can do of it. One that is mended to export can map nothing for
# programs any more.
bench_driver()
{
	local impl=$1 what=$2

	case $impl:$what in
	*:floor) ;;
	ours:*) bench "$what" ours /dev/xen/gntdev ;;
	mainline_lift:sizes | mainline_lift:threads)
		bench "export-$what" "$impl" "/dev/xen/$impl"
		;;
	mainline_lift:*) ;;
	*) bench "$what" "$impl" "/dev/xen/$impl" ;;
	esac
}

rc=0
insmod /rig/bench/gntdev-bench.ko || exit
for impl in $BENCH_IMPLS; do
	[ "$impl" = ours ] || insmod "/rig/bench/$impl.ko" || exit
done
echo "BENCH machine kernel=$(uname -r) mode=$(cat /sys/hypervisor/guest_type)"
for what in $BENCH_WHAT; do
	# There is one floor only.
	[ "$what" != floor ] || bench "$what" floor
	for impl in $BENCH_IMPLS; do
		bench_driver "$impl" "$what"
	done
done
# What the kernel's own driver makes the kernel say is not ours.
dmesg -c | grep -v 'xen!mainline\|gntdev-bench: swiotlb' >/tmp/dmesg.bench
cat /tmp/dmesg.bench >>/tmp/dmesg.all
if grep -qE "$GATE_KERNEL_BAD" /tmp/dmesg.bench; then
	grep -E -m 20 -A 20 "$GATE_KERNEL_BAD" /tmp/dmesg.bench | sed 's/^/# /'
	echo "RIG-FAIL the kernel log is not clean"
fi
exit $rc
