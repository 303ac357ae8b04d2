# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the series: which files and edits each of them brings.

A file comes whole, but for what a later part brings, which is listed in LATER.
What no tree needs is listed in NEVER.
"""

import functools
import re
import subprocess
from pathlib import Path

import cuts

TOP = Path(__file__).resolve().parents[3]
XEN = "drivers/xen/"
SELF = "tools/testing/selftests/drivers/xen/"
KCONFIG = XEN + "Kconfig"
MAKEFILE = XEN + "Makefile"
UAPI = "include/uapi/xen/gntdev.h"
COMPAT = XEN + "gntdev-compat.h"
DMA_ALLOC = "CONFIG_XEN_GRANT_DMA_ALLOC"
GRANT_TABLE = (XEN + "grant-table.c", "include/xen/grant_table.h")

DMABUF_STUBS = (r"^/\* gntdev-dmabuf\.c, ", r"^#endif /\* _XEN_GNTDEV_COMMON_H")

# What a part brings to files that were there before.
LATER = {
    "export": {
        XEN + "gntdev.c": [
            cuts.entry(r"\bgntdev_ioctl_exp_"),
            cuts.text("\tret = gntdev_dmabufs_init(file);\n\tif (ret) {\n"
                      "\t\tkfree(file);\n\t\treturn ret;\n\t}\n"),
            cuts.text("\tstruct gntdev_file *file;\n\tint ret;\n\n",
                      "\tstruct gntdev_file *file;\n\n"),
            cuts.text("\tgntdev_dmabufs_release(file);\n"),
            cuts.text("\tret = gntdev_dmabuf_init();\n\tif (ret)\n"
                      "\t\tgoto exit_map;\n"),
            cuts.text("\tgntdev_dmabuf_exit();\nexit_map:\n"),
            cuts.lines_like(r"^\tgntdev_dmabuf_exit\(\);"),
        ],
        XEN + "gntdev-common.h": [
            cuts.between(r"^/\* gntdev-dmabuf\.c, ",
                         r"^#endif /\* _XEN_GNTDEV_COMMON_H"),
            cuts.lines_like(r"\bgntdev_dmabuf_table( \*dmabufs)?;"),
            cuts.lines_like(r"^ \* @dmabufs:"),
        ],
    },
    "import": {
        XEN + "gntdev.c": [cuts.entry(r"\bgntdev_ioctl_imp_")],
        XEN + "gntdev-common.h": [cuts.lines_like(r"\bgntdev_ioctl_imp_")],
        XEN + "gntdev-dmabuf-cookies.c": [
            cuts.function("import_create"),
            cuts.function("gntdev_ioctl_imp_to_refs"),
            cuts.function("import_at"),
            cuts.function("pick_import"),
            cuts.function("gntdev_ioctl_imp_release"),
        ],
        XEN + "gntdev-dmabuf.c": [
            cuts.function("first_from"),
            cuts.function("next_import"),
            cuts.function("release_imports"),
            cuts.lines_like(r"^\trelease_imports\("),
            cuts.text("\treturn gntdev_import_init();\n", "\treturn 0;\n"),
            cuts.lines_like(r"^\tgntdev_import_exit\(\);"),
            cuts.text(" * Imports are released. Exported", " * Exported"),
        ],
        XEN + "gntdev-dmabuf.h": [
            cuts.between(r"^ \* struct gntdev_import - ",
                         r"^/\* gntdev-dmabuf\.c \*/$"),
            cuts.between(r"^/\* gntdev-dmabuf-frames\.c",
                         r"^#endif /\* _XEN_GNTDEV_DMABUF_H"),
        ],
    },
    "handles": {
        XEN + "gntdev.c": [
            cuts.entry(r"^\t\[0x2"),
            cuts.lines_like(r"\.show_fdinfo\b"),
            cuts.function("gntdev_op_read"),
        ],
        XEN + "gntdev-common.h": [
            cuts.lines_like(r"\bgntdev_(op_read|ranges_query)\("),
            cuts.between(r"^/\* gntdev-query\.c", r"^/\* gntdev-copy\.c"),
            cuts.lines_like(r"^struct seq_file;"),
            cuts.function("gntdev_dmabufs_query"),
            cuts.lines_like(r"\bgntdev_dmabufs_query\("),
            cuts.lines_like(
                r"\bgntdev_ioctl_(export|import|import_release|wait)\b"),
        ],
        XEN + "gntdev-range.c": [cuts.function("gntdev_ranges_query")],
        XEN + "gntdev-dmabuf.c": [
            cuts.function("gntdev_buffer_find"),
            cuts.function("gntdev_buffer_left"),
            cuts.function("add_to_totals"),
            cuts.function("describe"),
            cuts.function("gntdev_dmabufs_query"),
        ],
        XEN + "gntdev-dmabuf.h": [
            cuts.between(r"^struct gntdev_buffer \*gntdev_buffer_find\(",
                         r"^int gntdev_dmabufs_wait\("),
        ],
        UAPI: [
            cuts.between(r"^ \* DOC: structures that can grow",
                         r"^ \* struct ioctl_gntdev_grant_ref -"),
            cuts.between(r"^ \* For GNTDEV_DMABUF_\* flags",
                         r"^#endif /\* _UAPI_XEN_GNTDEV_H"),
        ],
    },
}

# What only the drop-in module and its tests have.
NEVER = {
    "MAINTAINERS": [cuts.lines_like(r"^F:\ttools/xen/")],
    "Documentation/driver-api/xen/gntdev.rst": [
        cuts.lines_like(r"^``gntdev-(kunit|selftest)"),
        cuts.to_end(r"^Tests$"),
    ],
    "Documentation/driver-api/xen/index.rst": [
        cuts.lines_like(r"^   gntdev-(tests|bench)$"),
    ],
    "Documentation/userspace-api/xen/index.rst": [
        cuts.lines_like(r"^   display-backend$"),
    ],
}


class Part:
    """One patch."""

    def __init__(self, name, files=(), edit=None, needed=None):
        self.name = name
        self.files = tuple(files)       # patterns of files of ours
        self.edit = edit                # edits files of others
        self.needed = needed            # whether a tree needs it


@functools.lru_cache(maxsize=None)
def repo_files(patterns):
    """Files of this repository, without what builds leave in it."""
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others",
         "--exclude-standard", "--", *patterns],
        cwd=TOP, check=True, text=True, stdout=subprocess.PIPE)
    return sorted(f for f in set(done.stdout.split()) if (TOP / f).is_file())


def kconfig(option):
    """Our entry for an option."""
    lines = (Path(__file__).parent / "Kconfig").read_text().splitlines()
    first = lines.index(f"config {option}")
    entry = []
    for line in lines[first:]:
        if entry and line.startswith("config "):
            break
        entry.append(line)
    while not entry[-1]:
        entry.pop()
    return entry


def entry_dmabuf(tree):
    """Without DMA operations of its own, the import device would be bounced."""
    entry = kconfig("XEN_GNTDEV_DMABUF")
    if tree.matches("kernel/dma/Kconfig", r"^config DMA_OPS$"):
        at = entry.index("\tselect DMA_SHARED_BUFFER")
        entry.insert(at, "\tselect DMA_OPS")
    return entry


def module_objects(tree):
    """The lines of our Makefile for the module, of what there is yet."""
    text = (TOP / MAKEFILE).read_text()
    text = re.sub(r"^if(.|\n)*?^endif", "", text, flags=re.M)
    lines = []
    for line in text.splitlines():
        if not re.match(r"xen-gntdev-(y|\$\(\S+\)) [+:]= ", line):
            continue
        head, objects = line.split("= ")
        there = [o for o in objects.split()
                 if tree.has(XEN + o.replace(".o", ".c"))]
        if there:
            lines.append(f"{head}= {' '.join(there)}")
    return lines


def edit_module(tree):
    tree.replace_lines(MAKEFILE, r"^xen-gntdev-", module_objects(tree),
                       r"^xen-gntdev-y\s*:=")


def edit_mem_reservation(tree):
    tree.insert_after(MAKEFILE, r"^obj-y\s*\+=\s*mem-reservation\.o$",
                      "obj-$(CONFIG_XEN_PV) += mem-reservation-pv.o")


def edit_grant_dma_alloc(tree):
    tree.insert_after(MAKEFILE, r"^obj-\$\(CONFIG_XEN_PV\)\s*\+="
                      r"\s*mem-reservation-pv\.o$",
                      f"obj-$({DMA_ALLOC}) += grant-dma-alloc.o")
    tree.kconfig(KCONFIG, "XEN_GRANT_DMA_ALLOC",
                 kconfig("XEN_GRANT_DMA_ALLOC"))


def edit_trace(tree):
    tree.insert_after(MAKEFILE, r"^xen-gntdev-y\s*:=",
                      "xen-gntdev-y += gntdev-trace.o")


def edit_replace(tree):
    """The tree's own files of the same driver go."""
    for name in tree.glob(XEN, "gntdev*"):
        if name not in files_until("replace"):
            tree.remove(name)
    tree.kconfig(KCONFIG, "XEN_GNTDEV", kconfig("XEN_GNTDEV"))
    if tree.matches(KCONFIG, "^config XEN_GNTDEV_DMABUF$"):
        tree.kconfig(KCONFIG, "XEN_GNTDEV_DMABUF", [])
    edit_module(tree)
    compat = compat_header(tree)
    if compat:
        tree.write(COMPAT, compat)


def compat_header(tree):
    """What a kernel lacks that is not the one the sources are for."""
    code = tree.version_code()
    text = (TOP / "tools/xen/drop-in/compat.h").read_text()
    text = re.sub(r"KERNEL_VERSION\((\d+), (\d+), (\d+)\)",
                  lambda m: str(int(m[1]) << 16 | int(m[2]) << 8 | int(m[3])),
                  text)
    done = subprocess.run(
        ["unifdef", f"-DLINUX_VERSION_CODE={code}", "-UMODULE"],
        check=False, input=text, text=True, stdout=subprocess.PIPE)
    text = re.sub(r"#include <linux/version\.h>\n", "", done.stdout)
    text = re.sub(r"\n{3,}", "\n\n", text)
    body = text.split("#define _XEN_GNTDEV_COMPAT_H", 1)[1]
    return text if "#define" in body else None


def edit_export(tree):
    tree.kconfig_add(KCONFIG, "XEN_GNTDEV", "XEN_GNTDEV_DMABUF",
                     entry_dmabuf(tree))
    edit_module(tree)


def old_allocator(tree):
    return any(tree.matches(f, rf"^#\s*if.*\b{DMA_ALLOC}\b")
               for f in GRANT_TABLE)


def edit_old_allocator(tree):
    for name in GRANT_TABLE:
        if tree.matches(name, rf"^#\s*if.*\b{DMA_ALLOC}\b"):
            tree.unifdef(name, DMA_ALLOC)


def edit_docs(tree):
    for name, anchor in (("userspace", r"^   media/index$"),
                         ("driver", r"^   tty/index$")):
        tree.insert_after(f"Documentation/{name}-api/index.rst", anchor,
                          "   xen/index")


def edit_handles(tree):
    edit_module(tree)
    tree.insert_after("Documentation/userspace-api/ioctl/ioctl-number.rst",
                      r"^'G'\s+00-0F\s+xen/gntalloc\.h, xen/gntdev\.h\s",
                      f"{chr(39)}G{chr(39)}   20-2F  {'xen/gntdev.h':<58}"
                      "conflict!")


def edit_selftests(tree):
    tree.insert_after("tools/testing/selftests/Makefile",
                      r"^TARGETS \+= drivers/", "TARGETS += drivers/xen/gntdev",
                      last=True)


def edit_maintainers(tree):
    text = (TOP / "MAINTAINERS").read_text()
    entry = cuts.apply("MAINTAINERS", text, NEVER["MAINTAINERS"])
    tree.maintainers("MAINTAINERS", entry.strip().splitlines())


def not_exported(*symbols):
    """Whether the grant table keeps one of these functions from modules."""
    def needed(tree):
        return not all(tree.matches(GRANT_TABLE[0],
                                    rf"^EXPORT_SYMBOL(_GPL)?\({s}\)")
                       for s in symbols)
    return needed


def export(*symbols):
    """Let modules call these functions of the grant table."""
    def edit(tree):
        for symbol in symbols:
            tree.export_symbol(GRANT_TABLE[0], symbol)
    return edit


ALLOC_PAGES = ("gnttab_alloc_pages", "gnttab_free_pages")
PRIVATE = ("gnttab_pages_set_private", "gnttab_pages_clear_private")

PARTS = [
    Part("alloc-pages", edit=export(*ALLOC_PAGES),
         needed=not_exported(*ALLOC_PAGES)),
    Part("private", edit=export(*PRIVATE), needed=not_exported(*PRIVATE)),
    Part("mem-reservation",
         [XEN + "mem-reservation*.c", "include/xen/mem-reservation.h"],
         edit_mem_reservation),
    Part("grant-dma-alloc",
         [XEN + "grant-dma-alloc.c", "include/xen/grant-dma-alloc.h"],
         edit_grant_dma_alloc),
    Part("uapi", [UAPI]),
    Part("trace", [XEN + "gntdev-trace.c", "include/trace/events/gntdev.h"],
         edit_trace),
    Part("replace",
         [XEN + f"gntdev{f}" for f in (
             ".c", "-map.c", "-backing.c", "-range.c", "-pv.c", "-pv-map.c",
             "-xlate.c", "-copy.c", "-common.h", "-selftest.h",
             "-coverage.h")],
         edit_replace),
    Part("old-allocator", edit=edit_old_allocator, needed=old_allocator),
    Part("export",
         [XEN + f"gntdev-dmabuf{f}" for f in (
             ".c", ".h", "-cookies.c", "-export.c")],
         edit_export),
    Part("import",
         [XEN + f"gntdev-dmabuf-{f}.c" for f in ("import", "frames")],
         edit_module),
    Part("handles",
         [XEN + f"gntdev-{f}.c" for f in ("dmabuf-handles", "query")],
         edit_handles),
    Part("selftests", [SELF + "gntdev/", SELF + "lib/", SELF + "fuzz/"],
         edit_selftests),
    Part("docs",
         [f"Documentation/{f}.rst" for f in (
             "userspace-api/xen/index", "userspace-api/xen/gntdev",
             "driver-api/xen/index", "driver-api/xen/gntdev")],
         edit_docs),
    Part("maintainers", edit=edit_maintainers),
]


def files_until(last):
    """What all parts up to one have brought."""
    files = []
    for part in PARTS:
        if part.files:
            files += repo_files(part.files)
        if part.name == last:
            break
    return files


def content(name, left):
    """A file of ours without what the parts bring that are left."""
    todo = list(NEVER.get(name, []))
    for part in reversed(left):
        todo += LATER.get(part.name, {}).get(name, [])
    return cuts.apply(name, (TOP / name).read_text(encoding="utf-8"), todo)


def add_files(tree, done, left):
    """All files that are there by now, as whole as they can be."""
    for part in done:
        for name in repo_files(part.files) if part.files else []:
            mode = (TOP / name).stat().st_mode & 0o755
            tree.write(name, content(name, left), 0o644 | mode & 0o111)


def compat_use(tree):
    """Whatever lies behind it in the header may need it."""
    name = XEN + "gntdev-common.h"
    if tree.has(COMPAT) and tree.has(name):
        anchor = '#include "gntdev-selftest.h"\n'
        tree.write(name, tree.read(name).replace(
            anchor, f'#include "gntdev-compat.h"\n{anchor}'))


def apply_part(tree, index):
    """Bring a tree with all parts before one to the state with it."""
    done, left = PARTS[:index + 1], PARTS[index + 1:]
    add_files(tree, done, left)
    if PARTS[index].edit:
        PARTS[index].edit(tree)
    compat_use(tree)


def check_whole(tree):
    """Every object of the module has a part that brings it."""
    text = (TOP / MAKEFILE).read_text()
    text = re.sub(r"^if(.|\n)*?^endif", "", text, flags=re.M)
    for name in re.findall(r"\bgntdev[\w-]*\.o\b", text):
        if name.startswith("xen-") or tree.has(XEN + name[:-1] + "c"):
            continue
        raise cuts.CutError(f"parts.py: no part brings {name}")
