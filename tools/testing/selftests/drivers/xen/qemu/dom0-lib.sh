# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Running test programs in dom0, and the gates behind each of them: what Xen,
# the kernel and the guest say after a program has ended. To be sourced by the
# steps of a boot.
#
# What is printed, a line each at the start of a line:
#   RIG-BEGIN name            a program starts; its own KTAP follows
#   RIG-RESULT name status seconds
#   RIG-GATE ok|not ok name: gate
# "# " starts a line for people.

# shellcheck source=init-common.sh
. /rig/init-common.sh
# shellcheck source=/dev/null
. /rig/env
export DOMU_TYPE

GATES_DIR=/tmp/gates
RIG_GRANT_LIMIT=${RIG_GRANT_LIMIT:-30}

# Kernel messages that no program may cause, whatever it does. The report of the
# OOM killer is not among them, with its call trace: tests call for it.
GATE_KERNEL_BAD='WARNING:|BUG[: ]|kernel BUG|Oops|cut here|Bad page|Bad rss'
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|general protection|unable to handle"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|(Object|Redzone|Poison|Freepointer).*(overwritten|corrupt)"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|Right Redzone|Padding overwritten|Slab.*(corrupt|invalid)"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|list_(add|del) corruption|refcount_t:|double free"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|hung task|blocked for more than|soft lockup|rcu.*stall"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|swiotlb buffer is full|sleeping function called"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|scheduling while atomic|leaked|NMI backtrace"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|page allocation failure|vmalloc (error|size)"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|UBSAN:|DMA-API:.*(error|warning)|kmemleak: [0-9]+ new"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|possible (circular|recursive|irq)|inconsistent lock"
GATE_KERNEL_BAD="$GATE_KERNEL_BAD|suspicious RCU usage|BUG: KASAN"

# What the guests of this boot are called.
domu_names()
{
	case $RIG_DOMU in
	0) ;;
	1) echo domu ;;
	*) echo domu domu2 ;;
	esac
}

domu_id()
{
	case $1 in
	domu) echo "${DOMU:-}" ;;
	domu2) echo "${DOMU2:-}" ;;
	esac
}

domu_log()
{
	echo "/var/log/xen/guest-$1.log"
}

domu_is_up()
{
	[ "$(xenstore-read "/local/domain/$(domu_id "$1")/data/rig-state" \
		2>/dev/null)" = up ]
}

# shellcheck disable=SC2317 # called by wait_until
domu_is_up_or_gone()
{
	domu_is_up "$1" || ! xl domid "$1" >/dev/null 2>&1
}

domu_is_heard()
{
	grep -q 'domU: .* is up' "$(domu_log "$1")"
}

# domu_died NAME MESSAGE
domu_died()
{
	echo "# $1: $2"
	sed 's/^/# /' "/tmp/xl-$1.log"
	tail -n 40 "$(domu_log "$1")" 2>/dev/null | sed "s/^/# $1: /"
	xl dmesg | tail -n 40 | sed 's/^/# Xen: /'
	return 1
}

domu_create()
{
	local name=$1 id

	xl create "/rig/$name.cfg" >"/tmp/xl-$name.log" 2>&1 || {
		domu_died "$name" "xl create failed"
		return 1
	}
	id=$(xl domid "$name")
	xenstore-write "/local/domain/$id/data" ""
	xenstore-chmod "/local/domain/$id/data" "n$id"
	case $name in
	domu) export DOMU="$id" ;;
	domu2) export DOMU2="$id" ;;
	esac
}

# Start guests and wait for the init of each; $DOMU and $DOMU2 are their
# numbers from then on.
domu_start()
{
	local name

	for name in "$@"; do
		domu_create "$name" || return
	done
	for name in "$@"; do
		wait_until "$RIG_DOMU_LIMIT" domu_is_up_or_gone "$name"
		domu_is_up "$name" || {
			domu_died "$name" "its init says nothing in xenstore"
			return 1
		}
		wait_until 20 domu_is_heard "$name" || {
			domu_died "$name" "its console does not arrive"
			return 1
		}
	done
}

# A program may end guests; the next one gets new ones.
domu_ensure()
{
	local name gone=''

	for name in $(domu_names); do
		domu_is_up "$name" && continue
		xl destroy "$name" 2>/dev/null
		gone="$gone $name"
	done
	# shellcheck disable=SC2086 # a list of words
	[ -z "$gone" ] || domu_start $gone
}

# Active entries of all grant tables: "granter reference mapper frame pins".
gate_active_grants()
{
	awk '
	/grant-table for remote d/ {
		sub(/.*remote d/, ""); granter = $1; next
	}
	/\[0x[0-9a-f]+\]/ {
		sub(/.*\[/, "["); print granter, $1, $2, $3, $4
	}' "$1" | sort
}

# Fill $GATES_DIR/active; fails unless Xen answered in full.
gate_dump_grants()
{
	xl dmesg -c >>"$GATES_DIR/xen"
	xl debug-keys g
	xl dmesg -c >"$GATES_DIR/dump"
	grep -q 'gnttab_usage_print_all \] done' "$GATES_DIR/dump" || return 1
	# Lines of others may stand between those of the dump.
	grep -vE 'gnttab_usage|active ----|\[ref\]|grant-table for|maptrack|no active|\[0x' \
		"$GATES_DIR/dump" >>"$GATES_DIR/xen"
	gate_active_grants "$GATES_DIR/dump" >"$GATES_DIR/active"
}

# More mappings now than at the baseline? A domain that has gone since takes
# its part of the baseline with it.
gate_new_grants()
{
	awk -v file="$GATES_DIR/baseline" '
	BEGIN { while ((getline line <file) > 0) old[line] }
	!($0 in old)' "$GATES_DIR/active"
}

gate_zombies()
{
	xl list | grep -c '(null)'
}

gate_grants_settled()
{
	gate_dump_grants && [ -z "$(gate_new_grants)" ] &&
		[ "$(gate_zombies)" -eq 0 ]
}

gate_report()
{
	echo "RIG-GATE $1 $2: $3"
}

# Grants may be released in the background: wait for the dump to settle.
gate_grants()
{
	if wait_until "$RIG_GRANT_LIMIT" gate_grants_settled; then
		gate_report ok "$1" "Xen counts no grant left mapped"
		return 0
	fi
	gate_new_grants | head -n 20 | sed 's/^/# still mapped: /'
	echo "# $(gate_new_grants | wc -l) grants left, $(gate_zombies) zombies"
	gate_report "not ok" "$1" "Xen counts no grant left mapped"
	return 1
}

gate_log()
{
	local name=$1 file=$2 what=$3 pattern=$4

	if ! grep -qE "$pattern" "$file"; then
		gate_report ok "$name" "$what"
		return 0
	fi
	grep -nE -m 3 -B 2 -A 40 "$pattern" "$file" | head -n 120 |
		sed 's/^/# /'
	gate_report "not ok" "$name" "$what"
	return 1
}

# With slub_debug the allocator notices a write after free only when it next
# touches the object; make it look at all of them now.
slub_validate()
{
	local f

	grep -q slub_debug /proc/cmdline || return 0
	for f in /sys/kernel/slab/*/validate; do
		[ -h "${f%/validate}" ] || echo 1 >"$f"
	done 2>/dev/null
}

gate_kernel()
{
	slub_validate
	dmesg -c >"$GATES_DIR/kernel"
	cat "$GATES_DIR/kernel" >>/tmp/dmesg.all
	gate_log "$1" "$GATES_DIR/kernel" "kernel log is clean" \
		"$GATE_KERNEL_BAD"
}

# Print a guest's console, as far as it has grown since the last look.
domu_news()
{
	local log

	log=$(domu_log "$1")
	[ -e "$log" ] || return 0
	tail -c "+$(($(cat "$GATES_DIR/$1-seen" 2>/dev/null || echo 0) + 1))" \
		"$log"
}

gate_domu()
{
	local name log

	[ "$RIG_DOMU" -gt 0 ] || return 0
	for name in $(domu_names); do
		log=$(domu_log "$name")
		domu_news "$name"
		[ ! -e "$log" ] || wc -c <"$log" >"$GATES_DIR/$name-seen"
	done >"$GATES_DIR/domu"
	gate_log "$1" "$GATES_DIR/domu" "the guests' kernel logs are clean" \
		"$GATE_KERNEL_BAD"
}

# Xen has nothing to say while programs run. Debian's hypervisor is a release
# build, which does not log that it refuses a reference (what tests provoke all
# the time), so there is no list of allowed lines: each line is one too many,
# be it of page tables changed behind Xen's back or of a domain that crashed.
gate_xen()
{
	cat "$GATES_DIR/xen" >>/tmp/xen.all
	gate_log "$1" "$GATES_DIR/xen" "Xen's console is clean" '^\(XEN\)'
}

# Look at the state before a program.
gates_arm()
{
	mkdir -p "$GATES_DIR"
	gate_dump_grants || echo "# no grant dump from Xen"
	cp "$GATES_DIR/active" "$GATES_DIR/baseline"
	: >"$GATES_DIR/xen"
	dmesg -c >>/tmp/dmesg.all
}

# Look at the state after it. Every gate is looked at.
gates_check()
{
	local rc=0

	gate_grants "$1" || rc=1
	gate_kernel "$1" || rc=1
	gate_domu "$1" || rc=1
	gate_xen "$1" || rc=1
	return $rc
}

program_gone()
{
	! kill -0 "$1" 2>/dev/null
}

# Run a program with a time limit. One that cannot be killed ends the boot:
# nothing that ran after it would mean anything.
run_limited()
{
	local limit=$1 pid

	shift
	timeout -k 10 "$limit" "$@" &
	pid=$!
	if ! wait_until $((limit + 40)) program_gone "$pid"; then
		echo w >/proc/sysrq-trigger
		dmesg | tail -n 80 | sed 's/^/# /'
		echo "RIG-STUCK $1 cannot be killed"
		touch /tmp/stuck
		return 137
	fi
	wait "$pid"
}

# run_program NAME LIMIT COMMAND...: a test program and its gates. Fails only
# when nothing more can be run.
run_program()
{
	local name=$1 limit=$2 start status

	shift 2
	domu_ensure || gate_report "not ok" "$name" "the guests start again"
	gates_arm
	echo "RIG-BEGIN $name"
	start=$(cut -d. -f1 /proc/uptime)
	(cd /rig/tests && run_limited "$limit" "$@")
	status=$?
	echo
	echo "RIG-RESULT $name $status $(($(cut -d. -f1 /proc/uptime) - start))"
	gates_check "$name"
	[ ! -e /tmp/stuck ]
}

# After its first report the lock checker sees nothing any more.
gate_lockdep()
{
	[ -e /proc/lockdep_stats ] || return 0
	if grep -q 'debug_locks: *1' /proc/lockdep_stats; then
		gate_report ok "$1" "locks are still checked"
		return 0
	fi
	gate_report "not ok" "$1" "locks are still checked"
	return 1
}

# A scan does not look at what is younger than five seconds, and that nothing is
# lost cannot be waited for. What one scan finds may have been in a register of
# another processor meanwhile, so it takes two.
gate_kmemleak()
{
	local file=/sys/kernel/debug/kmemleak

	[ -e "$file" ] || return 0
	echo scan >"$file"
	wait_until 6 false
	echo scan >"$file"
	if ! grep -q '^unreferenced' "$file"; then
		gate_report ok "$1" "no memory is unreferenced"
		return 0
	fi
	head -n 60 "$file" | sed 's/^/# /'
	gate_report "not ok" "$1" "no memory is unreferenced"
	return 1
}

# A program that does what the gates are to notice: no gates.
run_unchecked()
{
	local name=$1 limit=$2 start

	shift 2
	echo "RIG-BEGIN $name"
	start=$(cut -d. -f1 /proc/uptime)
	(cd /rig/tests && run_limited "$limit" "$@")
	set -- $?
	echo
	echo "RIG-RESULT $name $1 $(($(cut -d. -f1 /proc/uptime) - start))"
}

daemons_gone()
{
	! pidof xenstored xenconsoled >/dev/null
}

# What is part of the kernel stays.
gate_unload()
{
	if is_built_in "$1"; then
		echo "# $1 is part of the kernel: it does not unload"
	elif rmmod "$1"; then
		gate_report ok "at the end" "$1 unloads"
	else
		gate_report "not ok" "at the end" "$1 unloads"
	fi
}

# The end of a boot: without guests nothing at all may be mapped, and the
# module goes when the last who used it has gone.
gates_final()
{
	local name

	gates_arm
	for name in $(domu_names); do
		xl destroy "$name"
	done
	: >"$GATES_DIR/baseline"
	gates_check "without a guest"
	kill "$(pidof xenconsoled)" "$(pidof xenstored)"
	wait_until 20 daemons_gone
	gate_lockdep "at the end"
	gate_kmemleak "at the end"
	gate_unload xen_gntdev
	[ ! -d /sys/module/xen_gntdev_selftest ] ||
		gate_unload xen_gntdev_selftest
	gate_kernel "at the end"
}

# Each gate must be able to go red: cause what it looks for, and take the
# inverse of its answer.
control_gate()
{
	local what=$1 pattern=$2 rc=0

	shift 2
	"$@" >/tmp/control.out 2>&1 || rc=$?
	if [ "$rc" -eq 1 ] && grep -q '^RIG-GATE not ok' /tmp/control.out &&
	   grep -q "^# .*$pattern" /tmp/control.out; then
		gate_report ok control "$what is noticed"
	else
		sed 's/^/# /' /tmp/control.out
		gate_report "not ok" control "$what is noticed"
	fi
}

holder_is_ready()
{
	grep -q held /tmp/holder.out
}

peer_is_ready()
{
	xenstore-exists "/local/domain/$DOMU/data/xen-peer/ready"
}

# A mapping that stays: hold-grant maps a page of the peer until its input ends.
control_held_grant()
{
	local holder refs

	[ "$RIG_DOMU" -gt 0 ] || return 0
	wait_until 20 peer_is_ready
	refs=$(xenstore-read "/local/domain/$DOMU/data/xen-peer/refs")
	mkfifo /tmp/holder.in
	hold-grant "$DOMU" "${refs%%[!0-9]*}" \
		</tmp/holder.in >/tmp/holder.out 2>&1 &
	holder=$!
	exec 3>/tmp/holder.in
	wait_until 20 holder_is_ready || sed 's/^/# /' /tmp/holder.out
	RIG_GRANT_LIMIT=1 control_gate "a grant left mapped" \
		"still mapped: $DOMU \[0x[0-9a-f]*\] 0 " gate_grants x
	exec 3>&-
	wait "$holder"
	gate_grants control
}

control_kernel_message()
{
	echo "$1" >/dev/kmsg
	control_gate "'$1' in the kernel log" "$1" gate_kernel x
}

# Have Xen say something.
control_xen()
{
	xl debug-keys h
	gate_dump_grants
	control_gate "a line on Xen's console" "installed handlers" gate_xen x
	: >"$GATES_DIR/xen"
}

domu_has_backtrace()
{
	domu_news "$1" | grep -q '</TASK>'
}

# Have the kernel of each guest print a backtrace.
control_domu()
{
	local name

	for name in $(domu_names); do
		gate_domu control
		xl sysrq "$name" l
		wait_until 20 domu_has_backtrace "$name"
		control_gate "a backtrace in $name" "NMI backtrace" gate_domu x
	done
}

gates_control()
{
	gates_arm
	control_held_grant
	control_kernel_message "WARNING: CPU: 0 PID: 1 at control"
	control_kernel_message "BUG: Bad page map in process control"
	control_kernel_message "Poison overwritten (control)"
	control_xen
	control_domu
	gate_kernel control
}
