# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Steps of dom0 for the display backend: guests draw (vdispl-guest), the backend
# shows, and whoever watches the screen is told what has to be on it. To be
# sourced after the rig's dom0-lib.sh.

BACKEND_LOG=/tmp/backend.log
BACKEND=
JOB=0
FAILURES=0
VKMS_EQUAL=0
VKMS_DEBUG=

bad()
{
	echo "RIG-FAIL $*"
	FAILURES=$((FAILURES + 1))
}

# card_is_there DRIVER: sets CARD, the number of its node. A kernel may have others,
# in any order.
# shellcheck disable=SC2317 # called by wait_until
card_is_there()
{
	local name

	for name in /sys/kernel/debug/dri/?/name; do
		CARD=${name%/name}
		CARD=${CARD##*/}
		! grep -q "^$1 " "$name" || [ ! -c "/dev/dri/card$CARD" ] ||
			return 0
	done
	return 1
}

# An account with nothing but the backend's devices, as the udev rules give them.
make_account()
{
	echo 'vdispl:x:100:100:vdispl:/:/bin/sh' >>/etc/passwd
	chown vdispl /dev/xen/gntdev /dev/xen/evtchn /dev/xen/xenbus \
		/dev/dri/card*
}

# backend_start OPTION...
backend_start()
{
	su -s /bin/sh -c "exec vdispl-backend --stats $*" vdispl \
		>>"$BACKEND_LOG" 2>&1 &
	BACKEND=$!
}

backend_stop()
{
	[ "$(stat -c %u "/proc/$BACKEND")" = 100 ] ||
		bad "the backend is not that of its account"
	kill "$BACKEND"
	wait "$BACKEND" || bad "the backend ended with $?"
}

backend_alive()
{
	kill -0 "$BACKEND" 2>/dev/null || {
		bad "the backend has died"
		tail -n 20 "$BACKEND_LOG" | sed 's/^/# /'
		return 1
	}
}

# shellcheck disable=SC2317 # called by wait_until
guest_is_connected()
{
	local id

	id=$(domu_id "$1")
	[ "$(xenstore-read "/local/domain/$id/device/vdispl/0/state")" = 4 ] &&
		[ "$(xenstore-read "backend/vdispl/$id/0/state")" = 4 ]
}

# Another backend in its place; the guest's driver connects to it by itself.
backend_replace()
{
	local name=$1

	shift
	backend_stop
	backend_start "$@"
	wait_until 30 guest_is_connected "$name" ||
		bad "$name does not connect again"
}

# shellcheck disable=SC2317 # called by wait_until
release_is_reported()
{
	[ "$(domu_news "$1" | grep -c 'end trace')" -ge 2 ]
}

# drm_xen_front of 6.12 shuts its device down when the last reference is gone,
# which takes one and gives it back: two reports, once in the life of a kernel.
# They, and no others, are expected in a guest whose backend was replaced.
expect_release_warning()
{
	wait_until 20 release_is_reported "$1" || return 0
	domu_news "$1" >/tmp/release
	[ "$(grep -c 'cut here' /tmp/release)" -eq \
		"$(grep -c ' xen_drm_drv_release+' /tmp/release)" ] &&
		[ "$(grep -cE "$GATE_KERNEL_BAD" /tmp/release)" -eq \
			"$(grep -cE 'cut here|refcount_t:|WARNING: .*refcount' \
				/tmp/release)" ] || return 0
	wc -c <"$(domu_log "$1")" >"$GATES_DIR/$1-seen"
}

# guest_display NAME LINE: the display in the guest's configuration.
guest_display()
{
	sed -i '/^vdispl/d' "/rig/$1.cfg"
	echo "vdispl = [ '$2' ]" >>"/rig/$1.cfg"
}

# guest_program NAME [large|rogue]: what it runs instead of the stock driver, which
# may be built in and must not take the device.
guest_program()
{
	local without="initcall_blacklist=xen_drv_init"

	sed -i -E "/^extra/s/( $without (large|rogue))?\"\$/${2:+ $without $2}\"/" \
		"/rig/$1.cfg"
}

guest_data()
{
	xenstore-read "/local/domain/$(domu_id "$1")/data/$2" 2>/dev/null
}

guest_has_display()
{
	[ "$(guest_data "$1" display)" = up ]
}

# shellcheck disable=SC2317 # called by wait_until
guest_news()
{
	backend_alive || return 0
	SHOWN=$(guest_data "$1" shown)
	DONE=$(guest_data "$1" "done")
	# A frontend of its own that cannot go on.
	GAVE_UP=$(guest_data "$1" front)
	[ -n "$GAVE_UP" ] || [ "${DONE%% *}" = "$JOB" ] || {
		[ "${SHOWN%% *}" = "$JOB" ] && [ "$SHOWN" != "$LOOKED" ]
	}
}

# job_post NAME WIDTH HEIGHT BUFFERS FRAMES EVERY SEED [WIDTH HEIGHT]
job_post()
{
	local name=$1

	shift
	JOB=$((JOB + 1))
	LOOKED=
	xenstore-write "/local/domain/$(domu_id "$name")/data/job" "$JOB $*"
}

# A frame is on the screen: have it looked at, then let the guest go on.
job_look()
{
	local name=$1 way=$2 seed=$3

	LOOKED=$SHOWN
	# shellcheck disable=SC2086 # a list of words
	set -- $SHOWN
	case $way in
	vkms*) look_at_vkms "$way" "$2" "$4" ;;
	both*)
		look_at_screen "$way" "$2" "$seed" "$3"
		look_at_vkms "$way" "$2" "$5"
		;;
	*) look_at_screen "$way" "$2" "$seed" "$3" ;;
	esac
	xenstore-write "/local/domain/$(domu_id "$name")/data/next" "$JOB $2"
}

# look_at_screen WAY FRAME SEED DIGEST
look_at_screen()
{
	local answer

	echo "FRAMEDEMO SHOWN way=$1 frame=$2 seed=$3 digest=$4"
	read -r answer
	[ "$answer" = next ] || bad "$1: frame $2 is not what was drawn"
}

# vkms tells the sum of what it shows, a line "frame sum" at each refresh.
# look_at_vkms WAY FRAME CRC
look_at_vkms()
{
	local dir=$VKMS_DEBUG/crtc-0/crc line sum

	echo auto >"$dir/control"
	# It answers reads of at least a line only.
	line=$(dd if="$dir/data" bs=64 count=1 2>/dev/null)
	sum=${line#* }
	if [ "$((sum))" -eq "$((0x$3))" ]; then
		VKMS_EQUAL=$((VKMS_EQUAL + 1))
		echo "RIG-LOOK $1: vkms shows frame $2 as drawn"
	else
		bad "$1: frame $2 has the sum $sum, not $3"
	fi
}

# Seconds that a domain has run, as xl says, in tenths.
cpu_of()
{
	xl list "$1" | awk 'NR == 2 { printf "%d\n", $NF * 10 }'
}

# job_run NAME WAY WIDTH HEIGHT BUFFERS FRAMES EVERY SEED [WIDTH HEIGHT]
job_run()
{
	local name=$1 way=$2 frames=$6 seed=$8 before after

	shift 2
	before="$(cpu_of Domain-0) $(cpu_of "$name")"
	job_post "$name" "$@"
	while :; do
		wait_until 120 guest_news "$name" || {
			bad "$way: the guest says nothing"
			domu_died "$name" "no news"
			return 1
		}
		backend_alive || return 1
		[ -z "$GAVE_UP" ] || {
			bad "$way: $GAVE_UP"
			return 1
		}
		[ "${DONE%% *}" != "$JOB" ] || break
		job_look "$name" "$way" "$seed"
	done
	after="$(cpu_of Domain-0) $(cpu_of "$name")"
	job_result "$way" "$frames" "$DONE" "$before $after"
}

job_result()
{
	local way=$1 frames=$2

	# shellcheck disable=SC2086 # lists of words
	set -- $3 $4
	[ "$2" -eq 0 ] || bad "$way: the guest ended with errno $2"
	echo "FRAMEDEMO RESULT way=$way frames=$frames frame_us=$(($3 / frames))" \
		"dom0_cpu_us=$((($6 - $4) * 100000 / frames))" \
		"domu_cpu_us=$((($7 - $5) * 100000 / frames))"
}

# What the backend said when it let the last device go.
last_stats()
{
	grep '^STATS' "$BACKEND_LOG" | tail -n 1
}

guest_start()
{
	domu_start "$1" || {
		bad "$1 does not start"
		return 1
	}
	wait_until 60 guest_has_display "$1" || {
		bad "$1 has no display"
		domu_died "$1" "no display"
		return 1
	}
}

# shellcheck disable=SC2317 # called by wait_until
nobody_holds()
{
	! xl domid "$1" >/dev/null 2>&1 && [ "$(gate_zombies)" -eq 0 ]
}

# shellcheck disable=SC2317 # called by wait_until
nothing_left()
{
	gate_dump_grants && [ ! -s "$GATES_DIR/active" ] &&
		grep -q '^Total 0 objects' /sys/kernel/debug/dma_buf/bufinfo
}

# After the end of all guests: no grant, no dma-buf, no framebuffer.
expect_nothing_left()
{
	local when=$1 fbs

	wait_until 30 nothing_left || {
		bad "$when: grants or dma-bufs are left"
		head -n 5 "$GATES_DIR/active" | sed 's/^/# /'
		sed 's/^/# /' /sys/kernel/debug/dma_buf/bufinfo
	}
	fbs=$(cat /sys/kernel/debug/dri/*/framebuffer 2>/dev/null |
		grep -c 'allocated by = vdispl')
	[ "$fbs" -eq 0 ] || bad "$when: $fbs framebuffers are left"
	echo "FRAMEDEMO LEFT_$when grants=$(wc -l <"$GATES_DIR/active")" \
		"framebuffers=$fbs zombies=$(gate_zombies)"
}

guest_end()
{
	xl destroy "$1"
	wait_until 30 nobody_holds "$1" || bad "$1 ended, but is still in xl list"
	backend_alive
}

# The guest switches itself off, for which drm_xen_front needs five seconds.
guest_leave()
{
	xenstore-write "/local/domain/$(domu_id "$1")/data/job" end
	wait_until 60 nobody_holds "$1" || bad "$1 does not end"
	backend_alive
}
