#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The frame path: a guest's frames on a screen of dom0 without a copy, and memory of
# dom0's graphics device drawn by a guest. Boots real Xen in QEMU, watches the
# emulated screen, prints what was measured.
#
# RIG_CELL, a file of the matrix, names another machine or kernel than usual.

DEMO_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
RIG=$DEMO_DIR/../../testing/selftests/drivers/xen/qemu

# shellcheck source=../../testing/selftests/drivers/xen/qemu/watch-lib.sh
. "$RIG/watch-lib.sh"

OUT=$RIG_O/run

# shellcheck disable=SC2034 # for boot.sh
configure()
{
	if [ -n "${RIG_CELL:-}" ]; then
		# shellcheck source=../../testing/selftests/drivers/xen/qemu/cells/pv-6.12.sh
		. "$RIG_CELL"
		cell_options
	fi
	BOOT_NAME=run
	BOOT_DOMU=1
	BOOT_DISPLAY=1
	BOOT_FILTER=
	BOOT_VCPUS=1
	BOOT_LIMIT=300
	BOOT_ADD=("$WATCH/framedemo" "$DEMO_DIR/count-grants.sh")
	BOOT_ADD_DOMU=("$WATCH/lib/xen-peer")
}

copied()
{
	local way="RESULT way=$1"

	echo $(($(field "$way" copy_operations) * 4096 + $(field "$way" bounced)))
}

per_way()
{
	row "$1" "$(field "RESULT way=guest-memory" "$2")" \
		"$(field "RESULT way=device-memory" "$2")"
}

summary()
{
	local shot_a shot_b

	shot_a=("$OUT"/guest-memory-*.png)
	shot_b=("$OUT"/device-memory-*.png)
	echo
	row '' 'guest->screen' 'dumb->guest'
	per_way 'frames' frames
	per_way 'time per frame (us)' frame_us
	per_way '  the guest draws and says so' draw_us
	per_way '  the backend flips or marks damage' show_us
	row 'bytes copied between domains' "$(copied guest-memory)" \
		"$(copied device-memory)"
	per_way 'bytes of frames mapped by the backend' mapped
	per_way 'grants mapped (two buffers)' grants
	row 'pictures equal to the last pixel' "${#shot_a[@]}" "${#shot_b[@]}"
	printf '%-42s %14s\n' 'grants left after the demo' \
		"$(field LEFT after_demo)"
	printf '%-42s %14s\n' 'grants left after the domU' \
		"$(field LEFT after_domu)"
	echo 'The emulated cirrus shows video RAM only: its driver in dom0 uploads'
	echo 'what is damaged. Between the domains, nothing moves.'
	echo "pictures: $OUT/{guest,device}-memory-*.png"
}

# What the program's exit status does not say.
verdict()
{
	local way left bad=0

	for way in guest-memory device-memory; do
		[ "$(copied "$way")" -eq 0 ] || {
			rig_say "error: $way: bytes were copied"
			bad=1
		}
		[ "$(field "RESULT way=$way" mapped)" -eq 0 ] || {
			rig_say "error: $way: the backend mapped frames"
			bad=1
		}
		[ "$(field "RESULT way=$way" grants)" -eq \
			"$(field "RESULT way=$way" pages)" ] || {
			rig_say "error: $way: not every page is a mapped grant"
			bad=1
		}
	done
	for left in after_demo after_domu zombies; do
		[ "$(field LEFT "$left")" -eq 0 ] || {
			rig_say "error: grants are left ($left)"
			bad=1
		}
	done
	return "$bad"
}

watch_init xen kernel headers
configure
watch_boot "$DEMO_DIR/dom0-steps.sh" "starting the guest, then animating"
verdict
summary
