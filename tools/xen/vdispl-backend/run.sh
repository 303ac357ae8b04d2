#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The display backend with guests that have nothing but their distribution's
# driver: boots real Xen in QEMU, watches the emulated screen, prints what was
# measured. PV guests show memory of their own, PVH guests that of the display
# device.

VDISPL_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
RIG=$VDISPL_DIR/../../testing/selftests/drivers/xen/qemu

# shellcheck source=../../testing/selftests/drivers/xen/qemu/watch-lib.sh
. "$RIG/watch-lib.sh"

BUILD=$RIG_O/vdispl
TYPE=${1:-pv}		# of the guests: pv or pvh
OUT=$RIG_O/run-vdispl-$TYPE
FRAMES=${FRAMES:-301}	# the first one is shown by setting the mode
EVERY=${EVERY:-50}
VKMS_FRAMES=${VKMS_FRAMES:-$FRAMES}

build()
{
	rig_quietly "$OUT/build-tools.log" build_one \
		make -C "$VDISPL_DIR" OUTPUT="$BUILD"
	rig_quietly "$OUT/build-vkms.log" build_one build_vkms
}

# A display without a screen, which tells the sum of what it shows.
build_vkms()
{
	mkdir -p "$BUILD/vkms"
	cp -u -- "$RIG_CACHE/source-$RIG_SOURCE_SERIES/drivers/gpu/drm/vkms"/* \
		"$BUILD/vkms/"
	make -C "$("$RIG/rig.sh" headers)" M="$BUILD/vkms" CONFIG_DRM_VKMS=m \
		"${ARCH_MAKE[@]}" modules
}

# shellcheck disable=SC2034 # for boot.sh
configure()
{
	BOOT_NAME=vdispl-$TYPE
	BOOT_DOMU=2
	BOOT_DOMU_TYPE=$TYPE
	[ "$TYPE" = pv ] || {
		BOOT_DOMU=1
		BOOT_DOMU_LIMIT=600
		BOOT_MACHINE=(-cpu "qemu64,+svm,+npt")
		# Two of them let such a guest die now and then.
		BOOT_CPUS=1
	}
	BOOT_DOMU_LATE=1
	BOOT_DISPLAY=1
	BOOT_FILTER=
	BOOT_VCPUS=1
	BOOT_LIMIT=1500
	BOOT_TEST_ENV="FRAMES=$FRAMES EVERY=$EVERY VKMS_FRAMES=$VKMS_FRAMES"
	BOOT_ADD=("$BUILD/vdispl-backend" "$BUILD/vkms/vkms.ko:/rig/vkms.ko"
		"$VDISPL_DIR/test/vdispl-lib.sh")
	BOOT_ADD_DOMU=("$BUILD/vdispl-guest" "$BUILD/vdispl-large"
		"$BUILD/vdispl-rogue")
	# No screen can be asked for this mode, which vkms does not know.
	BOOT_DOM0_ARGS+=" video=Virtual-1:3840x2160"
}

# The bytes that the backend has copied for a frame: field COPY or ZERO_COPY.
copied_per_frame()
{
	echo $(($(field "$1" copied) / $(field "$1" frames)))
}

compare_row()
{
	row "$1" "$(field 'RESULT way=guest-memory-double' "$2")" \
		"$(field 'RESULT way=copied' "$2")"
}

summary()
{
	echo
	[ "$TYPE" != pv ] || {
		row '800x600, two buffers' zero-copy --copy
		row 'bytes the backend copies per frame' \
			"$(copied_per_frame ZERO_COPY)" "$(copied_per_frame COPY)"
		compare_row 'processor time of dom0 per frame (us)' dom0_cpu_us
		compare_row 'processor time of the guest per frame (us)' \
			domu_cpu_us
		compare_row 'time per frame (us)' frame_us
		row 'request to flip-done event (us)' \
			"$(field ZERO_COPY latency_us)" "$(field COPY latency_us)"
	}
	echo "pictures equal to the last pixel: $(sed -n 's/^PICTURES //p' \
		"$OUT/results"), in $OUT"
	echo "sums of vkms equal to those of the guest: $(field VKMS equal)"
	echo "grants left after the guests: $(field LEFT_guests grants)"
}

# What the programs' exit statuses do not say: the meter has to move where
# frames are copied, and nowhere else.
verdict()
{
	[ "$TYPE" = pv ] || return 0
	[ "$(copied_per_frame ZERO_COPY)" -eq 0 ] ||
		rig_die "the backend copied frames"
	[ "$(copied_per_frame COPY)" -eq $((800 * 600 * 4)) ] ||
		rig_die "with --copy, not every frame was copied once"
}

watch_init xen kernel headers source
build
configure
watch_boot "$VDISPL_DIR/test/dom0-steps.sh" \
	"starting $TYPE guests, which draw on their displays"
verdict
summary
