# SPDX-License-Identifier: GPL-2.0-only
"""Leave parts out of a source file.

A patch in the middle of the series has files that are not whole yet: what a
later patch brings is left out of them. A cut names what goes; one that finds
nothing to cut is an error, so that none outlives the code it was made for.
"""

import re


class CutError(Exception):
    """There is nothing to cut."""


def _drop(lines, first, behind):
    """Without two blank lines where there was something in between."""
    blank = first == 0 or not lines[first - 1].strip()
    if blank and behind < len(lines) and not lines[behind].strip():
        behind += 1
    return lines[:first] + lines[behind:]


def _find(lines, pattern, start=0):
    for i in range(start, len(lines)):
        if re.search(pattern, lines[i]):
            return i
    raise CutError(f"no line matches '{pattern}'")


def lines_like(pattern):
    """All lines that match."""
    def cut(lines):
        left = [l for l in lines if not re.search(pattern, l)]
        if len(left) == len(lines):
            raise CutError(f"no line matches '{pattern}'")
        return left
    return cut


def between(first, behind):
    """From a line, or the comment that has it, to before another one."""
    def cut(lines):
        start = _find(lines, first)
        end = _find(lines, behind, start + 1)
        if lines[start].startswith(" *"):
            while not lines[start].startswith("/*"):
                start -= 1
        if lines[end].startswith(" *"):
            while not lines[end].startswith("/*"):
                end -= 1
        return lines[:start] + lines[end:]
    return cut


def to_end(first):
    """From a line to the end."""
    def cut(lines):
        end = _find(lines, first)
        while not lines[end - 1].strip():
            end -= 1
        return lines[:end]
    return cut


def text(old, new=""):
    """Whole lines that stand there exactly so, once."""
    def cut(lines):
        whole = "".join(lines)
        if whole.count(old) != 1:
            raise CutError(f"not once there: '{old.strip()}'")
        return whole.replace(old, new).splitlines(keepends=True)
    return cut


def _comment_start(lines, first):
    """Where the comment begins that ends right before a line."""
    i = first - 1
    if i < 0 or not lines[i].rstrip().endswith("*/"):
        return first
    while not lines[i].lstrip().startswith("/*"):
        i -= 1
    return i


def function(name):
    """A function with its comment."""
    def cut(lines):
        start = re.compile(rf"^(\w.*[ *])?{name}\(")
        for i, line in enumerate(lines):
            if not start.search(line):
                continue
            body = next(j for j in range(i, len(lines))
                        if lines[j].rstrip().endswith((";", "{", "}", "{}")))
            if lines[body].rstrip().endswith(";"):
                continue        # a prototype
            if re.match(rf"{name}\(", line):
                i -= 1          # the type stands on a line of its own
            if not lines[body].rstrip().endswith("}"):
                body = next(j for j in range(i, len(lines))
                            if lines[j].rstrip() == "}")
            return _drop(lines, _comment_start(lines, i), body + 1)
        raise CutError(f"no function {name}()")
    return cut


def entry(pattern):
    """Elements "[n] = { ... }," of an array, all that match."""
    def cut(lines):
        left, found, i = [], False, 0
        while i < len(lines):
            behind = i + 1
            if re.match(r"\t\[\w+\] = \{$", lines[i]):
                behind = _find(lines, r"^\t\},$", i) + 1
            block = lines[i:behind]
            if len(block) > 1 and re.search(pattern, "".join(block)):
                found = True
            else:
                left += block
            i = behind
        if not found:
            raise CutError(f"no element matches '{pattern}'")
        return left
    return cut


def apply(name, content, cuts):
    """The content of a file after all cuts."""
    lines = content.splitlines(keepends=True)
    for cut in cuts:
        try:
            lines = cut(lines)
        except CutError as error:
            raise CutError(f"{name}: {error}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    return "".join(lines)
