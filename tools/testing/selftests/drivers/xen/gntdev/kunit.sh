#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The driver's unit tests. They run in the kernel when the driver with hooks for
# tests is loaded; what they said is told here, a result for each case.

RESULTS=/sys/kernel/debug/kunit
SUITES='gntdev-arguments gntdev-index gntdev-pages gntdev-frames gntdev-handles
	gntdev-cookies gntdev-waiting gntdev-release gntdev-imports gntdev-exports'
MODULE=$(dirname -- "$0")/xen-gntdev-selftest.ko

skip()
{
	echo "1..0 # SKIP $*"
	exit 4
}

# The results of all suites, or a failed one in the place of a suite.
cases()
{
	for suite in $SUITES; do
		file=$RESULTS/$suite/results
		if grep -q '^ \{4\}\(not \)\{0,1\}ok ' "$file" 2>/dev/null; then
			# Suite, result and name of each; the rest is for people.
			sed -n "
				s/^ \{4\}ok [0-9]* \(.*\)/ok $suite.\1/p
				s/^ \{4\}not ok [0-9]* \(.*\)/not ok $suite.\1/p
				s/^ \{4,\}\(#.*\)/\1/p" "$file"
		else
			echo "not ok $suite: no results"
		fi
	done
}

echo 'TAP version 13'
[ -d "$RESULTS" ] || skip 'the kernel has no KUnit (CONFIG_KUNIT_DEBUGFS)'
[ -d /sys/module/xen_gntdev_selftest ] || insmod "$MODULE" || exit 1
[ -d "$RESULTS/gntdev-frames" ] || ! dmesg | grep -q 'kunit: disabled' ||
	skip 'KUnit is off: boot with kunit.enable=1'
cases | awk '
	{ line[NR] = $0 }
	/^(not )?ok / { planned++ }
	END {
		print "1.." planned
		for (i = 1; i <= NR; i++) {
			if (sub(/^ok /, "", line[i]))
				print "ok " ++n " - " line[i]
			else if (sub(/^not ok /, "", line[i])) {
				print "not ok " ++n " - " line[i]
				failed = 1
			} else
				print line[i]
		}
		exit failed
	}'
