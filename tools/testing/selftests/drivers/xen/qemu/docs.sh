#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Check the documentation and build it as HTML below $(O)/docs, with the
# kernel's own Sphinx extension for kernel-doc comments. Warnings are errors.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"

SRC=$RIG_CACHE/source-$RIG_SOURCE_SERIES

# In the kernel tree the files hang below indexes of other subsystems; here
# one page lists them all.
docs_index()
{
	printf '%s\n' 'The Xen grant device' '====================' '' \
		'.. toctree::' ''
	(cd "$RIG_TOP/Documentation" &&
		find . -name '*.rst' -printf '   %P\n' | sort)
}

docs_conf()
{
	cat <<-EOT
	import sys
	sys.path.insert(0, '$SRC/Documentation/sphinx')
	project = 'The Xen grant device'
	extensions = ['kerneldoc', 'automarkup']
	kerneldoc_bin = '$SRC/scripts/kernel-doc'
	kerneldoc_srctree = '$RIG_TOP'
	primary_domain = 'c'
	highlight_language = 'none'
	html_theme = 'alabaster'
	EOT
}

rig_init
rig_tmpdir
"$RIG_DIR/deps.sh" python3-sphinx
"$RIG_DIR/fetch.sh" source
# Documents include files of the tree by relative paths.
DOCS=$RIG_TMP/Documentation
cp -r -- "$RIG_TOP/Documentation" "$DOCS"
ln -s -- "$RIG_TOP/tools" "$RIG_TMP/tools"
docs_index >"$DOCS/index.rst"
docs_conf >"$DOCS/conf.py"
export srctree=$RIG_TOP
export SPHINX_QUIET=1
sphinx-build -q -W --keep-going -b html "$DOCS" "$RIG_O/docs"
rig_say "documentation: $RIG_O/docs/index.html"
