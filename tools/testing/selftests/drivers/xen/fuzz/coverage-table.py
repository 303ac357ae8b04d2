#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tell what of the driver a run of the fuzzer covered, per source file.

Takes the report of a boot, with its lines "# block OFFSET" and "# edge OFFSET
OFFSET", and the module that ran. An offset is that of a return address in the
section .text; the compiler's calls of __sanitizer_cov_trace_pc() say how many
there can be.
"""

import collections
import os
import re
import subprocess
import sys

BLOCK = re.compile(r"^# block ([0-9a-f]+)$")
EDGE = re.compile(r"^# edge ([0-9a-f]+) ([0-9a-f]+)$")
RELOCATION = re.compile(r"^([0-9a-f]+)\s.*__sanitizer_cov_trace_pc\b")
SECTION = re.compile(r"^Relocation section '(\S+)'")
# From the operand of a call to where it returns to.
RETURN = {"X86-64": 4, "AArch64": 4}


def run(*command, text=None):
    return subprocess.run(command, input=text, check=True, encoding="utf-8",
                          stdout=subprocess.PIPE).stdout


def machine(module):
    header = run("readelf", "-h", module)
    return next(m for m in RETURN if m in header)


def instrumented(module):
    """Return addresses of all the calls in .text."""
    step = RETURN[machine(module)]
    section = ""
    for line in run("readelf", "-rW", module).splitlines():
        if m := SECTION.match(line):
            section = m[1]
        elif section == ".rela.text" and (m := RELOCATION.match(line)):
            yield int(m[1], 16) + step


def files_of(module, offsets):
    """The .c file of each offset, whatever was inlined there."""
    offsets = list(offsets)
    text = "".join(f"{offset - 1:x}\n" for offset in offsets)
    output = run("addr2line", "-aij", ".text", "-e", module, text=text)
    result = {}
    for line in output.splitlines():
        if line.startswith("0x"):
            offset = int(line, 16) + 1
        else:
            # The last one is where all of them were inlined.
            name = os.path.basename(line.split(":")[0])
            result[offset] = name if name.endswith(".c") else "headers"
    return result


def main():
    report, module = sys.argv[1:]
    blocks, edges = set(), set()
    with open(report, encoding="utf-8", errors="replace") as f:
        for line in f:
            line = line.rstrip("\r\n")
            if m := BLOCK.match(line):
                blocks.add(int(m[1], 16))
            elif m := EDGE.match(line):
                edges.add((int(m[1], 16), int(m[2], 16)))
    every = set(instrumented(module))
    files = files_of(module, every)
    there = collections.Counter(files[offset] for offset in every)
    ran = collections.Counter(files[o] for o in blocks & every)
    edge = collections.Counter(files[to] for _, to in edges if to in every)
    print(f"{'file':28} {'blocks':>7} {'of':>6} {'':>5} {'edges':>7}")
    for name in sorted(there) + ["all"]:
        if name == "all":
            part, whole, n = (sum(c.values()) for c in (ran, there, edge))
        else:
            part, whole, n = ran[name], there[name], edge[name]
        print(f"{name:28} {part:7} {whole:6} {100 * part // whole:4}% {n:7}")


if __name__ == "__main__":
    main()
