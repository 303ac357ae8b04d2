# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Checks that need no machine, each a function that fails when it finds
# anything. To be sourced after suite.sh by test.sh, which sets KDIR and SRC.

# Files of the project, also those that are not committed yet, relative to its
# top. The folder may belong to another user, as it often does in containers.
static_files()
{
	local f

	git -c safe.directory='*' -C "$RIG_TOP" ls-files --cached --others \
		--exclude-standard -- "$@" | while read -r f; do
		# A file may be deleted but not yet committed.
		[ ! -f "$RIG_TOP/$f" ] || echo "$f"
	done
}

# No files, nothing wrong: that must not pass.
static_any()
{
	[ $# -gt 0 ] || {
		echo "no files to check"
		return 1
	}
}

# A command whose output must not have a line of a pattern.
static_silent()
{
	local bad=$1 log rc=0

	shift
	log=$("$@" 2>&1) || rc=$?
	printf '%s\n' "$log"
	[ "$rc" -eq 0 ] && ! grep -qE "$bad" <<<"$log"
}

static_build()
{
	# Start from nothing, as kbuild does not repeat the warnings of an
	# object that it does not build again.
	rm -rf -- "$RIG_O/module" "$RIG_O/module-selftest" \
		"$RIG_O/module-coverage"
	static_silent 'warning:|WARNING:' build_module &&
	static_silent 'warning:|WARNING:' build_traced_module
}

static_sparse_make()
{
	make -C "$KDIR" W=1 C=2 CF=-D__CHECK_ENDIAN__ "$@" modules
}

static_sparse()
{
	static_silent 'warning:|error:|WARNING:' static_sparse_make \
		M="$RIG_O/module/drivers/xen" &&
	static_silent 'warning:|error:|WARNING:' static_sparse_make \
		M="$RIG_O/module-selftest/drivers/xen" \
		CONFIG_XEN_GNTDEV_SELFTEST=y &&
	static_silent 'warning:|error:|WARNING:' static_sparse_make \
		M="$RIG_O/module-coverage/drivers/xen" \
		CONFIG_XEN_GNTDEV_COVERAGE=y
}

static_checkpatch_files()
{
	# That it complained is seen from what passes the filter.
	{ "$SRC/scripts/checkpatch.pl" --no-tree --strict --show-types --terse \
		--no-summary --quiet "$@" || [ $? -eq 1 ]; } |
		static_checkpatch_fixtures
}

# FIXTURE_DATA() and FIXTURE_VARIANT() of kselftest_harness.h are types, which
# checkpatch takes for factors when they stand before an asterisk.
static_checkpatch_fixtures()
{
	local file line rest rc=0

	while IFS=: read -r file line rest; do
		case $rest in
		*:SPACING:*"around that '*'"*)
			sed -n "${line}p" "$file" |
				grep -qE 'FIXTURE_(DATA|VARIANT)\(.*\) \*' && continue
			;;
		esac
		echo "$file:$line:$rest"
		rc=1
	done
	return "$rc"
}

# Some types of complaint cannot be heeded, each in its place only. Besides that
# above these are:
# - LINUX_VERSION_CODE and how it is compared in compat.h, which is what the
#   module needs outside of a kernel tree and has no place in one;
# - CAMELCASE in user space: libdrm and C11 chose their names.
static_checkpatch()
{
	local compat=tools/xen/drop-in/compat.h
	local kernel user rc=0

	cd "$RIG_TOP" || return
	mapfile -t kernel < <(static_files '*.c' '*.h' '*.sh' '*.py' '*.rst' \
		'*.md' '*Makefile' '*Kconfig' .ci/run | grep -v '^tools/')
	mapfile -t user < <(static_files 'tools/*' | grep -v "^$compat\$")
	static_any "${kernel[@]}" && static_any "${user[@]}" || return
	static_checkpatch_files -f "${kernel[@]}" || rc=1
	static_checkpatch_files -f "$compat" \
		--ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON || rc=1
	static_checkpatch_files --ignore CAMELCASE -f "${user[@]}" || rc=1
	rm -f -- .checkpatch-camelcase.git.*
	return "$rc"
}

# The sources are those of a kernel tree; what other kernels need stands in the
# one header that only the module built outside of a tree includes.
static_versions()
{
	local files rc=0

	mapfile -t files < <(static_files 'drivers/*' 'include/*')
	static_any "${files[@]}" && cd "$RIG_TOP" || return
	grep -nE 'LINUX_VERSION_|KERNEL_VERSION|linux/version\.h' -- \
		"${files[@]}" || rc=$?
	[ "$rc" -eq 1 ]
}

static_kernel_doc()
{
	local files

	mapfile -t files < <(static_files 'drivers/*.[ch]' 'include/*.h')
	static_any "${files[@]}" && cd "$RIG_TOP" || return
	"$SRC/scripts/kernel-doc" -none -Wall -Werror "${files[@]}"
}

static_docs()
{
	static_silent 'WARNING' "$RIG_DIR/docs.sh"
}

static_codespell()
{
	local files

	mapfile -t files < <(static_files '*' | grep -v '\.png$')
	static_any "${files[@]}" && cd "$RIG_TOP" || return
	# The kernel's name for a struct file pointer is a word here.
	codespell -L filp -- "${files[@]}"
}

static_shellcheck()
{
	local files

	mapfile -t files < <(static_files '*.sh' '.ci/run')
	static_any "${files[@]}" && cd "$RIG_TOP" || return
	shellcheck -x -P SCRIPTDIR -- "${files[@]}"
}

static_build_programs()
{
	build_programs &&
	make -C "$RIG_TOP/tools/xen/framedemo" OUTPUT="$RIG_O/framedemo" &&
	make -C "$RIG_TOP/tools/xen/vdispl-backend" OUTPUT="$RIG_O/vdispl" &&
	make -C "$RIG_TOP/tools/xen/bench" OUTPUT="$RIG_O/bench"
}

static_programs()
{
	static_silent 'warning:|WARNING:' static_build_programs
}

# The C code of a document, as one file.
static_code()
{
	awk '/^\.\. code-block:: c$/ { code = 1; next }
		code && /^[^ ]/ { code = 0 }
		code { sub(/^   /, ""); print }' "$1"
}

# What readers copy compiles.
static_examples()
{
	local doc=$RIG_TOP/Documentation/userspace-api/xen/gntdev.rst
	local code=$RIG_TMP/examples.c

	static_code "$doc" >"$code"
	grep -q . "$code" &&
		gcc -std=gnu11 -O2 -Wall -Wextra -Werror -D__user= \
			-I"$RIG_TOP/include/uapi" -c -o "$code.o" "$code"
}

static_ktap()
{
	"$RIG_DIR/ktap.py" --self-test
}
