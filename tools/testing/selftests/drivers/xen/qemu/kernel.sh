#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build a kernel that no package has, with the driver's files in its tree: that
# of RIG_FLAVOUR, from the archive's source and configs/$RIG_FLAVOUR.config. It
# ends in the cache where stock kernels are, too, under the name that it gives
# itself. What is there already is built again only as far as sources or
# configuration changed.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"

COMMON=${RIG_FLAVOUR%%-*}
OUT=$RIG_CACHE/out-$RIG_SERIES-$RIG_FLAVOUR
LOG=$RIG_CACHE/log/kernel-$RIG_FLAVOUR.log
WANTED=$OUT/wanted.config

kernel_make()
{
	make -C "$RIG_TREE" O="$OUT" "${ARCH_MAKE[@]}" "$@"
}

# Options that are wanted and not there: the dependencies of one changed.
config_missing()
{
	local line

	while read -r line; do
		case $line in
		CONFIG_*=n) ! grep -q "^${line%n}" "$OUT/.config" || echo "$line" ;;
		CONFIG_*) grep -qxF -- "$line" "$OUT/.config" || echo "$line" ;;
		esac
	done <"$WANTED"
}

# What any kernel of the rig needs, then what this one is for. The last word on
# an option counts.
wanted_config()
{
	local dir=$RIG_DIR/configs

	cat -- "$dir/base.config" "$dir/base-$RIG_ARCH.config" \
		"$dir/$COMMON.config" "$RIG_CONFIG"
	echo "CONFIG_LOCALVERSION=\"-$RIG_FLAVOUR\""
}

last_words()
{
	tac | awk -F= '/^CONFIG_/ && !seen[$1]++' | tac
}

# A tree of another version may have other options, but nothing else to go by.
configure()
{
	local missing

	wanted_config | last_words >"$WANTED.new"
	if [ -e "$OUT/.config" ] && cmp -s "$WANTED" "$WANTED.new"; then
		rm -- "$WANTED.new"
		return
	fi
	mv -- "$WANTED.new" "$WANTED"
	rm -f -- "$OUT/.config"
	rig_quietly "$LOG" kernel_make KCONFIG_ALLCONFIG="$WANTED" allnoconfig
	missing=$(config_missing)
	[ -z "$missing" ] || rig_die "this kernel cannot have: $missing"
}

# All that is put into the tree.
sources_sum()
{
	(cd -- "$RIG_TOP" && find MAINTAINERS Documentation drivers include tools \
		-type f ! -name '*.pyc' -print0 | sort -z |
		xargs -0 sha256sum | sha256sum)
}

tree_is_ready()
{
	[ "$(cat -- "$RIG_TREE/.sources-sum" 2>/dev/null)" = "$SOURCES" ]
}

# Have the driver in the tree. Where it comes from is decided here alone.
prepare_tree()
{
	rm -f -- "$RIG_TREE/.sources-sum"
	"$RIG_TOP/tools/xen/in-tree/apply.sh" "$RIG_TREE"
	echo "$SOURCES" >"$RIG_TREE/.sources-sum"
}

# Several kernels may be built of the tree at a time, none while it changes.
lock_tree()
{
	local SOURCES

	SOURCES=$(sources_sum)
	exec 9>"$RIG_CACHE/kernel.lock"
	until flock -s 9 && tree_is_ready; do
		flock 9
		prepare_tree
	done
}

# What Xen is given to boot.
boot_image()
{
	case $RIG_ARCH in
	amd64) strip -g -o "$1" "$OUT/vmlinux" ;;
	arm64) cp -- "$OUT/arch/arm64/boot/Image" "$1" ;;
	esac
}

# The image appears last: whoever finds it finds its modules.
install_kernel()
{
	local abi=$1 tree=$RIG_CACHE/kernel-$1

	[ ! -e "$tree/vmlinux" ] || [ "$OUT/vmlinux" -nt "$tree/vmlinux" ] ||
		[ "$OUT/modules.order" -nt "$tree/vmlinux" ] || return 0
	rm -rf -- "$tree.new"
	mkdir -p "$tree.new/boot"
	kernel_make INSTALL_MOD_PATH="$tree.new" INSTALL_MOD_STRIP=1 \
		modules_install
	cp -- "$OUT/.config" "$tree.new/boot/config-$abi"
	boot_image "$tree.new/vmlinux"
	rm -rf -- "$tree"
	mv -- "$tree.new" "$tree"
}

[ -e "$RIG_CONFIG" ] || rig_die "no configuration for '$RIG_FLAVOUR'"
mkdir -p "$OUT"
exec 7>"$OUT.lock"
flock 7
lock_tree
configure
ABI=$(kernel_make -s kernelrelease)
rig_say "building the kernel $ABI (log: $LOG)"
case $RIG_ARCH in
amd64) IMAGES=(vmlinux) ;;
arm64) IMAGES=(vmlinux Image) ;;
esac
rig_quietly "$LOG" kernel_make -j "$(nproc)" "${IMAGES[@]}" modules
rig_quietly "$LOG" install_kernel "$ABI"
mkdir -p "$RIG_CACHE/headers-$ABI"
ln -sfn -- "$OUT" "$RIG_CACHE/headers-$ABI/build"
echo "$ABI" >"$RIG_ABI_FILE"
