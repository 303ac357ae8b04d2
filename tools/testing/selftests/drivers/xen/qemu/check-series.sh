#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Make the patch series and check it in the kernel tree that it is for. The last
# line is "N passed, N failed".
#
#   check-series.sh [quick] [KSRC]
#
# All of it builds each patch in 18 configurations of two architectures. "quick"
# builds the last patch in one.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"
# shellcheck source=points.sh
. "$RIG_DIR/points.sh"

WORK=$RIG_O/series
PATCHES=$WORK/patches
LOGS=$WORK/log
TREE=$WORK/tree
SELF=drivers/xen/gntdev
ARCHES=(x86_64 arm64)
COMPLETE=0
QUICK=0

# What the series is about; the rest of the tree is not worth the time.
TRACKED=(Makefile MAINTAINERS LICENSES drivers/xen include/xen include/uapi/xen
	include/trace kernel/dma Documentation tools/testing/selftests/Makefile
	tools/testing/selftests/drivers)

in_tree()
{
	git -C "$TREE" "$@"
}

# Whoever makes the check signs nothing.
identity()
{
	export GIT_AUTHOR_NAME=${GIT_AUTHOR_NAME:-Nobody}
	export GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL:-nobody@example.org}
	export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME
	export GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
}

# source_stamp: tells whether the tree is still that of KSRC.
source_stamp()
{
	stat -L -c '%n %s %Y' -- "$KSRC"
}

# The whole tree, as it comes. A tree that is there already goes back to that.
prepare_tree()
{
	if [ "$(cat -- "$WORK/source" 2>/dev/null)" = "$(source_stamp)" ]; then
		in_tree am --abort 2>/dev/null || true
		in_tree checkout -q -f base
		in_tree clean -q -f -d -x -- "${TRACKED[@]}"
		return
	fi
	rm -rf -- "$TREE" "$WORK/source"
	mkdir -p "$TREE"
	rig_say "unpacking $KSRC"
	if [ -f "$KSRC" ]; then
		tar -xf "$KSRC" -C "$TREE" --strip-components=1 --no-same-owner
	elif [ -e "$KSRC/.git" ]; then
		git -C "$KSRC" archive HEAD | tar -x -C "$TREE"
	else
		cp -r -- "$KSRC/." "$TREE/"
	fi
	in_tree init -q -b main
	in_tree add -f -- "${TRACKED[@]}"
	in_tree commit -q -m base
	in_tree tag base
	source_stamp >"$WORK/source"
}

# All but the cover letter.
patches()
{
	find "$PATCHES" -name '*.patch' ! -name '0000-*' | sort
}

series_apply()
{
	local files

	mapfile -t files < <(patches)
	in_tree checkout -q -B series base &&
	in_tree am -q --whitespace=error-all "${files[@]}" &&
	[ -z "$(in_tree status --porcelain --untracked-files=no)" ]
}

# What the debug kernels are built of is the same.
series_same()
{
	local applied=$WORK/applied patched=$WORK/patched

	rm -rf -- "$applied" "$patched"
	mkdir -p "$applied" "$patched"
	in_tree archive base | tar -x -C "$applied"
	in_tree archive series | tar -x -C "$patched"
	"$RIG_TOP/tools/xen/in-tree/apply.sh" "$applied" &&
	diff -rq --no-dereference "$applied" "$patched" &&
	# Nothing is left to do, either.
	touch -d @0 "$patched/drivers/xen/Kconfig" "$patched/MAINTAINERS" &&
	"$RIG_TOP/tools/xen/in-tree/apply.sh" "$patched" &&
	diff -rq --no-dereference "$applied" "$patched" &&
	[ "$(stat -c %Y "$patched/drivers/xen/Kconfig" \
		"$patched/MAINTAINERS" | sort -u)" = 0 ]
}

# What a tree could lack: the file, and how to break it.
breakages()
{
	cat <<-'EOT'
	Makefile s/^VERSION = .*/VERSION = six/
	MAINTAINERS /^XEN /d
	drivers/xen/Makefile /mem-reservation\.o/d
	drivers/xen/Makefile /^xen-gntdev-y/d
	drivers/xen/Kconfig /^config XEN_GNTDEV$/d
	drivers/xen/Kconfig /^config XEN_GRANT_DMA_ALLOC$/d
	drivers/xen/grant-table.c s/^#ifdef \(CONFIG_XEN_GRANT_DMA_ALLOC\)/#if IS_ENABLED(\1)/
	include/xen/grant_table.h s/^#ifdef \(CONFIG_XEN_GRANT_DMA_ALLOC\)/#if IS_ENABLED(\1)/
	tools/testing/selftests/Makefile /drivers/d
	Documentation/userspace-api/index.rst /media/d
	Documentation/driver-api/index.rst /tty/d
	Documentation/userspace-api/ioctl/ioctl-number.rst /gntalloc/d
	EOT
}

# A tree that is not as expected is refused as it is, with the file and what it
# lacks.
anchors()
{
	local dir=$WORK/broken file script said rc=0

	rm -rf -- "$dir"
	mkdir -p "$dir"
	in_tree archive base | tar -x -C "$dir"
	while read -r file script; do
		cp -- "$dir/$file" "$WORK/whole"
		sed -i "$script" "$dir/$file"
		if said=$("$RIG_TOP/tools/xen/in-tree/apply.sh" "$dir" 2>&1) ||
		   ! grep -qE "^series.py: $file: .*anchor '" <<<"$said" ||
		   [ -e "$dir/drivers/xen/gntdev-map.c" ]; then
			echo "not refused: $file, $script: $said"
			rc=1
		fi
		echo "$said"
		cp -- "$WORK/whole" "$dir/$file"
	done < <(breakages)
	return "$rc"
}

# A tree that keeps functions from modules gets patches more.
exports()
{
	local dir=$WORK/broken out=$WORK/exports

	sed -i '/^EXPORT_SYMBOL.*gnttab_\(alloc_pages\|pages_clear_private\)/d' \
		"$dir/drivers/xen/grant-table.c"
	"$RIG_TOP/tools/xen/in-tree/series.py" make "$dir" "$out" &&
	[ "$(find "$out" -name '*.patch' | wc -l)" -eq \
		$(($(find "$PATCHES" -name '*.patch' | wc -l) + 2)) ] &&
	cat -- "$out"/000[12]-* | grep '^+EXPORT_SYMBOL_GPL' >"$out/added" &&
	[ "$(wc -l <"$out/added")" -eq 2 ]
}

# Files of ours: what a commit added, and what it has in the place of others.
ours()
{
	in_tree diff --name-only --diff-filter=AM base "${1:-series}" -- \
		'*.c' '*.h' | grep -v '/grant[-_]table\.[ch]$'
}

# FILE_PATH_CHANGES asks for MAINTAINERS in each patch with a new file. The
# series has one for that, and that its entry covers all files is a check of its
# own. What else cannot be heeded is in static.sh.
checkpatch()
{
	local patch rc=0 out ignore

	while read -r patch; do
		ignore=FILE_PATH_CHANGES
		[[ $patch != *-selftests-* ]] || ignore+=,CAMELCASE
		# The modules are those of the distribution's own Python.
		out=$(cd "$TREE" && PATH=/usr/bin:$PATH scripts/checkpatch.pl \
			--strict --terse --show-types --no-summary --quiet \
			--ignore "$ignore" "$patch" 2>&1 |
			static_checkpatch_fixtures) || true
		[ -z "$out" ] || { printf '%s\n' "$out"; rc=1; }
	done < <(patches)
	return "$rc"
}

# Complaints of a build about files of ours, without quoting any source.
complaints()
{
	local files

	files=$(ours HEAD | sed 's/[.+]/\\&/g' | paste -s -d '|')
	grep -hE "($files):[0-9]+:([0-9]+:)? *(warning|error):|\*\*\* " "$@"
}

# A function that nothing defines would be missed when modules are linked, which
# is not done for each patch.
undefined()
{
	local dir=$1/drivers/xen objects symbols

	objects=("$dir/built-in.a")
	! grep -q '^CONFIG_XEN_GNTDEV=m' "$1/.config" ||
		objects+=("$dir/xen-gntdev.o")
	nm "${objects[@]}" >"$1/symbols" || return
	symbols=$(awk 'NF < 2 { next }
		$(NF - 1) == "U" { used[$NF]; next }
		{ defined[$NF] }
		END { for (s in used) if (!(s in defined)) print s }' \
		"$1/symbols") || return
	grep -qw gnttab_map_refs "$1/symbols" || return
	! grep -E '^_*(gntdev|gnttab|xenmem|traceiter_gntdev)_' <<<"$symbols"
}

kernel_make()
{
	local arch=$1 out=$2

	shift 2
	case $arch in
	arm64) set -- CROSS_COMPILE=aarch64-linux-gnu- "$@" ;;
	esac
	nice make -s -C "$TREE" O="$out" ARCH="$arch" W=1 \
		KCFLAGS=-fno-diagnostics-show-caret "$@"
}

# variants: name and options of each configuration
variants()
{
	local dev buf dma

	for dev in m y; do
		for buf in y n; do
			for dma in y n; do
				echo "$dev$buf$dma" \
					"CONFIG_XEN_GNTDEV=$dev" \
					"CONFIG_XEN_GNTDEV_DMABUF=$buf" \
					"CONFIG_XEN_GRANT_DMA_ALLOC=$dma"
			done
		done
	done
	echo "off CONFIG_XEN=n CONFIG_XEN_PV=n CONFIG_XEN_PVH=n"
}

# configure ARCH OUT OPTION...: only when something changed that it depends on.
configure()
{
	local arch=$1 out=$2

	shift 2
	mkdir -p "$out"
	{
		cat -- "$RIG_DIR/configs/check-series.config"
		printf '%s\n' "$@"
	} >"$out/wanted"
	cat -- "$out/wanted" "$TREE/drivers/xen/Kconfig" >"$out/configured.new"
	cmp -s "$out/configured.new" "$out/configured" && return
	kernel_make "$arch" "$out" KCONFIG_ALLCONFIG="$out/wanted" allnoconfig &&
		mv -- "$out/configured.new" "$out/configured"
}

# An option that is wanted must be there, where the tree has it at all.
configured()
{
	local out=$1 option

	shift
	for option in "$@"; do
		case $option in
		*=n) ! grep -q "^${option%n}[ym]" "$out/.config" ;;
		*) grep -qxF -- "$option" "$out/.config" ||
			! grep -q "^config ${option//@(CONFIG_|=*)/}$" \
				"$TREE/drivers/xen/Kconfig" ;;
		esac || { echo "$out: not $option"; return 1; }
	done
}

# build_variant ARCH NAME OPTION...: builds what the series touches.
build_variant()
{
	local arch=$1 name=$2 out=$WORK/out-$1-$2 sum log check=0

	shift 2
	log=$out.log
	[ -d "$out" ] || [ ! -d "$WORK/out-$arch-myy" ] ||
		cp -a -- "$WORK/out-$arch-myy" "$out"
	configure "$arch" "$out" "$@" >"$log" 2>&1 || { cat "$log"; return 1; }
	configured "$out" "$@" || return
	# Before an option is there, two of these are one.
	sum=$(sha256sum <"$out/.config")
	grep -qxF "$sum" "$WORK/seen-$arch" && return
	echo "$sum" >>"$WORK/seen-$arch"
	[ "$name" != myy ] || check=1
	if [ "$name" = off ]; then
		kernel_make "$arch" "$out" prepare >"$log" 2>&1
	else
		kernel_make "$arch" "$out" C="$check" CF=-D__CHECK_ENDIAN__ \
			prepare drivers/xen/ >"$log" 2>&1
	fi || { complaints "$log"; echo "$out: build failed"; return 1; }
	! complaints "$log" || return
	[ "$name" = off ] || undefined "$out"
}

build_arch()
{
	local arch=$1 name options rc=0

	: >"$WORK/seen-$arch"
	while read -r name options; do
		# shellcheck disable=SC2086 # words
		build_variant "$arch" "$name" $options || rc=1
	done < <(variants)
	return "$rc"
}

# Both architectures side by side, each with one process.
build_commit()
{
	local arch pids=() rc=0

	in_tree checkout -q "$1" || return
	for arch in "${ARCHES[@]}"; do
		build_arch "$arch" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || rc=1
	done
	return "$rc"
}

build_commits()
{
	local commit subject last=

	while read -r commit subject; do
		# What is compiled did not change: neither does the result.
		if [ -n "$last" ] && in_tree diff --quiet "$last" "$commit" -- \
			drivers include; then
			rig_say "nothing to build: $subject"
			continue
		fi
		last=$commit
		point "build: $subject" build_commit "$commit"
	done < <(in_tree log --reverse --format='%h %s' base..series)
	in_tree checkout -q series
}

# link_all ARCH: as a module and built in, with all that modules need.
link_all()
{
	local arch=$1 name options log

	while read -r name options; do
		case $name in
		myy | yyn) ;;
		*) continue ;;
		esac
		log=$WORK/link-$arch-$name.log
		# shellcheck disable=SC2086 # words
		configure "$arch" "$WORK/out-$arch-link" $options || return
		kernel_make "$arch" "$WORK/out-$arch-link" -j 2 vmlinux modules \
			>"$log" 2>&1 || { complaints "$log"; return 1; }
		! complaints "$log" || return
	done < <(variants)
}

build_last()
{
	local options

	options=$(variants | sed -n 's/^myy //p')
	: >"$WORK/seen-x86_64"
	# shellcheck disable=SC2086 # words
	build_variant x86_64 myy $options
}

# The rules look at whole folders, so files of ours get one. Two rules are
# themselves in OCaml: one knows a driver of batteries, what the other one finds,
# a pointer compared with 0, sparse does, too.
coccicheck()
{
	local dir=$TREE/series-cocci f log=$WORK/cocci.log rc=0

	rm -rf -- "$dir"
	mkdir -p "$dir"
	ours | grep -E '^drivers/|/test_modules/' | while read -r f; do
		cp -- "$TREE/$f" "$dir/"
	done
	# It only looks at what git knows.
	in_tree add -f -- "${dir##*/}" || return
	grep -l 'script:ocaml' -r -- "$TREE/scripts/coccinelle" |
		xargs -r rm -f --
	make -s -C "$TREE" coccicheck MODE=report M="$dir" J=2 \
		DEBUG_FILE=/dev/null "$@" >"$log" 2>&1 || rc=$?
	in_tree rm -q -r -f --cached -- "${dir##*/}"
	rm -rf -- "$dir"
	[ "$rc" -eq 0 ] || { tail -n 20 "$log"; return 1; }
	grep -qE '^[1-9][0-9]* files match' "$log" || return
	! grep -E '^[^ ]*\.[ch]:[0-9]+' "$log"
}

# That of 6.1 has no -Wall.
kernel_doc()
{
	local files wanted=(-none -Werror)

	! grep -q -- -Wall "$TREE/scripts/kernel-doc" || wanted+=(-Wall)
	mapfile -t files < <(ours | grep -E '^(drivers|include)/')
	[ ${#files[@]} -gt 0 ] && cd "$TREE" &&
		scripts/kernel-doc "${wanted[@]}" "${files[@]}"
}

# There is nothing to draw, so what draws need not be there.
htmldocs()
{
	local dir log=$WORK/htmldocs.log

	rm -rf -- "$WORK/docs"
	for dir in userspace-api/xen driver-api/xen; do
		make -C "$TREE" O="$WORK/docs" SPHINXDIRS="$dir" \
			htmldocs >"$log" 2>&1 || { tail -- "$log"; return 1; }
		! grep -v '^WARNING: dot(1) not found' "$log" |
			grep -iE '\b(WARNING|ERROR):' || return
		[ -e "$WORK/docs/Documentation/output/$dir/gntdev.html" ] ||
			return
	done
}

# Each patch goes to the Xen list, and those of the device to those for dma-bufs.
maintainers()
{
	local patch lists want rc=0

	while read -r patch; do
		lists=$(cd "$TREE" && scripts/get_maintainer.pl --no-git \
			--no-git-fallback --nom --nor --no-rolestats "$patch")
		want=xen-devel@lists.xenproject.org
		case $patch in
		# It goes where the others go.
		*-MAINTAINERS-*) want=linux-kernel@vger.kernel.org ;;
		*-gntdev-*) want+=" linux-media@vger.kernel.org"
			want+=" dri-devel@lists.freedesktop.org" ;;
		esac
		for want in $want; do
			grep -qF "$want" <<<"$lists" && continue
			echo "$patch: not to $want"
			rc=1
		done
	done < <(patches)
	return "$rc"
}

# The entry of MAINTAINERS has every file that the series adds.
maintained()
{
	local f sections rc=0

	while read -r f; do
		sections=$(cd "$TREE" && scripts/get_maintainer.pl --no-git \
			--no-git-fallback --sections -f "$f")
		grep -q '^XEN GRANT DEVICE' <<<"$sections" ||
			{ echo "MAINTAINERS: not $f"; rc=1; }
	done < <(in_tree diff --name-only --diff-filter=A base series)
	return "$rc"
}

words()
{
	codespell -L filp -- "$PATCHES"/*.patch
}

# As kselftest builds them by default, between the sources.
selftests()
{
	local dir=$WORK/kselftest

	rm -rf -- "$dir"
	make -C "$TREE/tools/testing/selftests" TARGETS="$SELF" \
		INSTALL_PATH="$dir" install || return
	[ -x "$dir/$SELF/map" ] &&
		grep -qxF "$SELF:map" "$dir/kselftest-list.txt" &&
		[ -z "$(in_tree status --porcelain -- \
			tools/testing/selftests/drivers/xen)" ] &&
		make -C "$TREE/tools/testing/selftests" TARGETS="$SELF" clean
}

# shellcheck disable=SC2317 # called at the exit
print_sums()
{
	[ "$COMPLETE" -eq 1 ] || FAILED=$((FAILED + 1))
	point_notes
	echo "$PASSED passed, $FAILED failed"
}

# shellcheck source=static.sh
. "$RIG_DIR/static.sh"

rig_init
rig_at_exit print_sums
identity
if [ "${1:-}" = quick ]; then
	QUICK=1
	shift
fi
KSRC=${1:-$RIG_TARBALL}
mkdir -p "$LOGS"
# The last two are what checkpatch reads licences with.
"$RIG_DIR/deps.sh" git python3-ply python3-git
[ "$QUICK" -eq 1 ] || "$RIG_DIR/deps.sh" coccinelle python3-sphinx rsync \
	gcc-aarch64-linux-gnu
[ "$KSRC" != "$RIG_TARBALL" ] || "$RIG_DIR/fetch.sh" tarball
point "make series" "$RIG_DIR/series.sh" "$PATCHES" "$KSRC"
prepare_tree
point "git am on a clean tree" series_apply
point "the same as with apply.sh" series_same
point "other trees are refused" anchors
point "a tree without exports" exports
point "checkpatch --strict of each patch" checkpatch
if [ "$QUICK" -eq 1 ]; then
	point "build of the last patch" build_last
else
	point "kernel-doc" kernel_doc
	point "codespell" words
	point "lists of get_maintainer" maintainers
	point "all files have a maintainer" maintained
	point "kselftest in the tree" selftests
	point "htmldocs" htmldocs
	point "coccicheck" coccicheck
	build_commits
	for arch in "${ARCHES[@]}"; do
		point "kernels with all patches: $arch" link_all "$arch"
	done
fi
COMPLETE=1
[ "$FAILED" -eq 0 ]
