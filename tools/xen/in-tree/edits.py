# SPDX-License-Identifier: GPL-2.0-only
"""Edit the files of a kernel tree that are not ours.

Each edit goes by an anchor: a pattern of which the file must have a line. A
tree that lacks it gives an error with the file and the pattern. An edit that is
done already changes nothing.
"""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path


class EditError(Exception):
    """A tree is not what was expected."""


class Tree:
    """A kernel tree, to be edited."""

    def __init__(self, top):
        self.top = Path(top)
        self.files = {}         # new contents, None for a file that goes
        self.modes = {}

    def has(self, name):
        if name in self.files:
            return self.files[name] is not None
        return (self.top / name).exists()

    def read(self, name):
        if not self.has(name):
            raise EditError(f"{name}: no such file in the tree")
        if name not in self.files:
            return (self.top / name).read_text(encoding="utf-8")
        return self.files[name]

    def write(self, name, content, mode=0o644):
        self.files[name] = content
        self.modes[name] = mode

    def remove(self, name):
        self.files[name] = None

    def flush(self):
        """Do not even touch a file that stays the same: make goes by time."""
        for name, content in self.files.items():
            path = self.top / name
            if content is None:
                path.unlink(missing_ok=True)
            elif not path.exists() or path.read_bytes() != content.encode():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
                path.chmod(self.modes[name])
        self.files.clear()

    def glob(self, folder, pattern):
        """Names of files in a folder."""
        names = {folder + p.name for p in (self.top / folder).glob(pattern)}
        names |= {n for n in self.files if fnmatch(n, folder + pattern)}
        return sorted(n for n in names if self.has(n))

    def version_code(self):
        """As LINUX_VERSION_CODE has it, without the third number."""
        numbers = [re.search(rf"^{n} = (\d+)$", self.read("Makefile"), re.M)
                   for n in ("VERSION", "PATCHLEVEL")]
        if not all(numbers):
            raise EditError("Makefile: no line matches the anchor '^VERSION ='")
        major, minor = (int(n[1]) for n in numbers)
        return major << 16 | minor << 8

    def matches(self, name, pattern):
        return self.has(name) and re.search(pattern, self.read(name), re.M)

    def _anchor(self, name, lines, pattern, last=False):
        found = [i for i, line in enumerate(lines) if re.search(pattern, line)]
        if not found:
            raise EditError(f"{name}: no line matches the anchor '{pattern}'")
        return found[-1 if last else 0]

    def insert_after(self, name, pattern, line, last=False):
        """A line behind the first, or last, one that matches."""
        lines = self.read(name).splitlines()
        if line in lines:
            return
        at = self._anchor(name, lines, pattern, last)
        lines.insert(at + 1, line)
        self.write(name, "\n".join(lines) + "\n")

    def replace_lines(self, name, pattern, new, anchor=None):
        """All lines that match by others, in the place of the first one."""
        lines = self.read(name).splitlines()
        at = self._anchor(name, lines, anchor or pattern)
        head = [l for l in lines[:at] if not re.search(pattern, l)]
        tail = [l for l in lines[at:] if not re.search(pattern, l)]
        self.write(name, "\n".join(head + new + tail) + "\n")

    def export_symbol(self, name, symbol):
        """Let modules of the same license call a function."""
        if self.matches(name, rf"^EXPORT_SYMBOL(_GPL)?\({symbol}\)"):
            return
        lines = self.read(name).splitlines()
        at = self._anchor(name, lines, rf"^\w.*\b{symbol}\(")
        end = lines.index("}", at)
        lines.insert(end + 1, f"EXPORT_SYMBOL_GPL({symbol});")
        self.write(name, "\n".join(lines) + "\n")

    def kconfig(self, name, option, new):
        """Another entry, or none, for an option."""
        lines = self.read(name).splitlines()
        first = self._anchor(name, lines, rf"^(menu)?config {option}$")
        end = first + 1
        while end < len(lines) and (not lines[end] or
                                    lines[end][0] in "\t #"):
            end += 1
        lines[first:end] = new + [""] if new else []
        self.write(name, "\n".join(lines) + "\n")

    def kconfig_add(self, name, behind, option, new):
        """The entry of an option, behind that of another one."""
        if self.matches(name, rf"^config {option}$"):
            self.kconfig(name, option, new)
            return
        lines = self.read(name).splitlines()
        end = self._anchor(name, lines, rf"^(menu)?config {behind}$") + 1
        while end < len(lines) and (not lines[end] or
                                    lines[end][0] in "\t #"):
            end += 1
        lines[end:end] = new + [""]
        self.write(name, "\n".join(lines) + "\n")

    def maintainers(self, name, entry):
        """An entry of MAINTAINERS, in the place that its title gives it."""
        title = entry[0]
        lines = self.read(name).splitlines()
        if title in lines:
            at = lines.index(title)
            end = lines.index("", at)
            lines[at:end] = entry
        else:
            at = self._title_behind(name, lines, title)
            lines[at:at] = entry + [""]
        self.write(name, "\n".join(lines) + "\n")

    def _title_behind(self, name, lines, title):
        word = title.split()[0]
        anchor = rf"^{word} [A-Z]"
        self._anchor(name, lines, anchor)
        titles = [i for i, line in enumerate(lines)
                  if re.match(anchor, line) and not lines[i - 1]]
        later = [i for i in titles if lines[i] > title]
        if later:
            return later[0]
        return lines.index("", titles[-1]) + 1

    def unifdef(self, name, symbol):
        """Without what is only there if a symbol is defined."""
        done = subprocess.run(["unifdef", f"-U{symbol}"], check=False,
                              input=self.read(name), text=True,
                              stdout=subprocess.PIPE)
        if done.returncode > 1 or symbol in done.stdout:
            raise EditError(f"{name}: unifdef leaves the anchor '{symbol}'")
        self.write(name, done.stdout)
