# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What dom0 does for the test of the display backend; the rig's init runs it.
#
# Guests are PV when their own memory is shown. A PV guest cannot map into a
# process what it has from others but by a grant operation, which drm_xen_front
# does not do: memory of the device (be-alloc=1) needs an auto-translated guest.

# shellcheck source=../../../testing/selftests/drivers/xen/qemu/dom0-lib.sh
. /rig/dom0-lib.sh
# shellcheck source=vdispl-lib.sh
. /rig/bin/vdispl-lib.sh

# frame_of NAME JOB: the last frame that a guest has told of, or nothing
frame_of()
{
	guest_data "$1" shown | awk -v job="$2" '$1 == job { print $2 }'
}

# shellcheck disable=SC2317 # called by wait_until
frame_is_after()
{
	local frame

	backend_alive || return 0
	frame=$(frame_of "$1" "$2")
	[ "${frame:-0}" -gt "${3:-0}" ]
}

# flips_on NAME JOB: it flips now, whatever else is going on
flips_on()
{
	wait_until 120 frame_is_after "$1" "$2" "$(frame_of "$1" "$2")" ||
		bad "$1 does not flip"
}

# with_display NAME BE-ALLOC CONNECTORS: start a guest that has them
with_display()
{
	guest_display "$1" "backend=Domain-0,be-alloc=$2,connectors=$3"
	guest_start "$1"
}

# both_ways_to_flip NAME WAY WIDTH HEIGHT FRAMES EVERY SEED: one buffer, and two
both_ways_to_flip()
{
	job_run "$1" "$2-single" "$3" "$4" 1 "$5" "$6" "$7"
	job_run "$1" "$2-double" "$3" "$4" 2 "$5" "$6" "$(($7 + 500))"
}

# flip_without_end NAME WIDTH HEIGHT: returns when the guest flips
flip_without_end()
{
	job_post "$1" "$2" "$3" 2 0 5 3000
	flips_on "$1" "$JOB"
}

# shellcheck disable=SC2317 # called by wait_until
rogue_has_ended()
{
	backend_alive || return 0
	ROGUE=$(guest_data "$1" front)
	[ -n "$ROGUE" ]
}

# misbehave NAME BE-ALLOC: a guest without the driver, whose frontend misbehaves
misbehave()
{
	guest_display "$1" \
		"backend=Domain-0,be-alloc=$2,connectors=vkms:800x600"
	guest_program "$1" rogue
	domu_start "$1" || {
		bad "$1 does not start"
		return
	}
	wait_until 120 rogue_has_ended "$1" || bad "the rogue says nothing"
	echo "FRAMEDEMO ROGUE $ROGUE"
	case $ROGUE in
	ok*) ;;
	*) bad "the rogue got a wrong answer: $ROGUE" ;;
	esac
	guest_end "$1"
	guest_program "$1"
}

# Backends one after the other for the same guest: without a copy, with one. The
# numbers of frames come with the boot.
# shellcheck disable=SC2153
compare_with_copy()
{
	with_display domu 0 screen:800x600 || return
	both_ways_to_flip domu guest-memory 800 600 "$FRAMES" "$EVERY" 1000
	backend_replace domu --copy "$@"
	expect_release_warning domu
	echo "FRAMEDEMO ZERO_COPY $(last_stats)"
	job_run domu copied 800 600 2 "$FRAMES" "$EVERY" 4000
	backend_replace domu "$@"
	echo "FRAMEDEMO COPY $(last_stats)"
}

# domu stays on the screen while domu2 comes, flips and dies.
two_at_once()
{
	local other

	with_display domu2 0 vkms:1920x1080 || return
	both_ways_to_flip domu2 vkms 1920 1080 "$VKMS_FRAMES" "$EVERY" 5000
	flip_without_end domu2 1920 1080
	other=$JOB
	job_run domu beside-another 800 600 2 20 10 6000
	flips_on domu2 "$other"
	guest_end domu2
	job_run domu after-its-death 800 600 2 20 10 7000
}

# large_screen NAME BE-ALLOC: more rows than the stock driver can have
large_screen()
{
	guest_program "$1" large
	with_display "$1" "$2" vkms:3840x2160 &&
		both_ways_to_flip "$1" vkms-large 3840 2160 "$VKMS_FRAMES" \
			"$EVERY" 8000
	guest_leave "$1"
	guest_program "$1"
}

# Pixels that do not begin where the memory does, which is version 2.
offset_of_pixels()
{
	guest_program "$1" large
	with_display "$1" 0 screen:800x600 &&
		job_run "$1" offset 800 600 2 20 10 8500
	guest_leave "$1"
	guest_program "$1"
}

# One guest's two connectors, on two devices.
two_connectors()
{
	job_run "$1" both 800 600 2 "$FRAMES" "$EVERY" 9000 1920 1080
}

die_while_flipping()
{
	flip_without_end "$1" 800 600
	guest_end "$1"
	expect_nothing_left destroyed
}

# The device of the screen is taken away while it shows a guest: that one has no
# screen any more, and can end; another one does not notice.
lose_card()
{
	local other driver=/sys/bus/pci/drivers/cirrus

	with_display domu 0 screen:800x600 || return
	with_display domu2 0 vkms:1920x1080 || return
	flip_without_end domu2 1920 1080
	other=$JOB
	flip_without_end domu 800 600
	basename "$driver"/0000:* >"$driver/unbind"
	wait_until 20 grep -q 'card.* has gone' "$BACKEND_LOG" ||
		bad "the backend does not notice that a card has gone"
	flips_on domu2 "$other"
	guest_end domu
	flips_on domu2 "$other"
	guest_end domu2
	expect_nothing_left unplugged
}

guest_memory()
{
	local endless

	compare_with_copy "$@"
	two_at_once
	flip_without_end domu 800 600
	endless=$JOB
	misbehave domu2 0
	flips_on domu "$endless"
	guest_end domu
	large_screen domu2 0
	offset_of_pixels domu2
	with_display domu 0 "screen:800x600;vkms:1920x1080" || return
	two_connectors domu
	die_while_flipping domu
	with_display domu 0 screen:800x600 || return
	job_run domu last 800 600 2 2 1 9500
	guest_leave domu
	lose_card
}

device_memory()
{
	with_display domu 1 "screen:800x600;vkms:1920x1080" || return
	both_ways_to_flip domu device-memory 800 600 "$FRAMES" "$EVERY" 1000
	both_ways_to_flip domu vkms 1920 1080 "$VKMS_FRAMES" "$EVERY" 5000
	two_connectors domu
	die_while_flipping domu
	misbehave domu 1
	large_screen domu 1
}

# shellcheck disable=SC2086 # a list of words
modprobe -a $RIG_SCREEN_MODULES || bad "the screen's modules do not load"
insmod /rig/vkms.ko || bad "vkms does not load"
wait_until 30 card_is_there cirrus || bad "no screen"
screen=$CARD
wait_until 30 card_is_there vkms || bad "no vkms"
VKMS_DEBUG=/sys/kernel/debug/dri/$CARD
set -- --output "screen=/dev/dri/card$screen" \
	--output "vkms=/dev/dri/card$CARD"
make_account
gates_arm
backend_start "$@"

case $DOMU_TYPE in
pv) guest_memory "$@" ;;
*) device_memory ;;
esac
echo "FRAMEDEMO VKMS equal=$VKMS_EQUAL"
expect_nothing_left guests
backend_stop
tail -n 40 "$BACKEND_LOG" | sed 's/^/# backend: /'
gates_check vdispl || FAILURES=$((FAILURES + 1))
exit $((FAILURES > 0))
