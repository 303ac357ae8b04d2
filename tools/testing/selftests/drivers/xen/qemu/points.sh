# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Checks that are counted. To be sourced after rig-lib.sh by scripts that set
# LOGS, a folder.

PASSED=0
FAILED=0
FAILED_POINTS=()

point_log()
{
	echo "$LOGS/${1//[^a-zA-Z0-9]/-}.log"
}

# point NAME COMMAND...: a counted check; its output is shown when it fails.
point()
{
	local name=$1 log

	log=$(point_log "$1")
	# shellcheck disable=SC2034 # for who is stopped in it
	DOING=$1
	shift
	if ("$@") >"$log" 2>&1; then
		PASSED=$((PASSED + 1))
		rig_say "ok $name"
	else
		FAILED=$((FAILED + 1))
		rig_say "not ok $name (log: $log)"
		tail -n 30 -- "$log" >&2
		FAILED_POINTS+=("$name")
	fi
}

# What each failed check said last: of a long log, only the end may be seen.
point_notes()
{
	local name

	for name in ${FAILED_POINTS[@]+"${FAILED_POINTS[@]}"}; do
		echo "failed: $name"
		tail -n 25 -- "$(point_log "$name")" | sed 's/^/    /'
	done
}
