#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a table, and JSON, of what the benchmark reported."""

import argparse
import json
import sys

# A row: its name, the operation and the parts that make it, and the parts of
# the floor below it. Rows of grants that are mapped twice have two floors.
KERNEL = (("kernel", "map"), ("kernel", "unmap"))
USER = (("user", "map"), ("user", "unmap"))
ROWS = (
    ("MAP+mmap+munmap+UNMAP", "map", ("MAP", "mmap", "munmap", "UNMAP"),
     KERNEL + USER),
    ("  MAP+mmap", "map", ("MAP", "mmap"), (KERNEL[0], USER[0])),
    ("  munmap+UNMAP", "map", ("munmap", "UNMAP"), (KERNEL[1], USER[1])),
    ("export+attach+release", "attach",
     ("EXP", "attach", "detach", "release"), KERNEL),
    ("  export", "export", ("EXP",), KERNEL[:1]),
    ("  release", "export", ("release",), KERNEL[1:]),
    ("  re-attach", "attach", ("reattach", "redetach"), ()),
    ("import+release (udmabuf)", "import-udmabuf", ("IMP", "release"),
     (("grant", "grant"), ("grant", "end"))),
    ("  import", "import-udmabuf", ("IMP",), (("grant", "grant"),)),
    ("  release", "import-udmabuf", ("release",), (("grant", "end"),)),
    ("import+release (heap)", "import-heap", ("IMP", "release"),
     (("grant", "grant"), ("grant", "end"))),
    ("  import", "import-heap", ("IMP",), (("grant", "grant"),)),
    ("  release", "import-heap", ("release",), (("grant", "end"),)),
    ("dma-buf mmap+touch+munmap", "dmabuf-mmap", ("mmap", "touch", "munmap"),
     USER),
    ("vmap+vunmap", "vmap", ("vmap", "vunmap"), ()),
    ("GRANT_COPY of one frame", "copy", ("COPY",), (("copy", "COPY"),)),
    ("wake-up at release", "wake", ("wake",), ()),
)
# The one that can do it stands for the kernel's own driver.
OTHERS = ("mainline", "mainline_lift")
# By how much a ratio may exceed that of before.
TOLERANCE = 1.03


def fields(line):
    return dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)


class Report:
    """The lines, by what they are about."""

    def __init__(self, lines):
        self.machine = {}
        self.cost = {}
        self.other = []
        self.sizes = []
        for line in lines:
            self.add(line)

    def add(self, line):
        words = fields(line)
        if line.startswith("BENCH machine"):
            self.machine = words
        elif "cost" not in words or "live" in words or "frame" in words["op"]:
            self.other.append(words)
        else:
            pages = int(words["pages"])
            if pages not in self.sizes:
                self.sizes.append(pages)
            key = (words["impl"], words["op"], words["part"], pages)
            self.cost[key] = int(words["cost"])

    def sum(self, impl, op, parts, pages):
        keys = [(impl, op, part, pages) for part in parts]
        if not keys or any(key not in self.cost for key in keys):
            return None
        return sum(self.cost[key] for key in keys)

    def floor(self, parts, pages):
        keys = [("floor", op, part, pages) for op, part in parts]
        known = [self.cost[key] for key in keys if key in self.cost]
        return sum(known) if known else None


def rows(report):
    """Yield a dictionary for each row and size that was measured."""
    for name, op, parts, floor in ROWS:
        for pages in report.sizes:
            ours = report.sum("ours", op, parts, pages)
            if ours is None:
                continue
            others = [report.sum(impl, op, parts, pages) for impl in OTHERS]
            least = report.floor(floor, pages)
            other = next((cost for cost in others if cost is not None), None)
            yield {
                "id": op + ":" + "+".join(parts), "row": name.strip(),
                "title": name, "pages": pages,
                "ours": ours, "mainline": other, "floor": least,
                "ours/mainline": ours / other if other else None,
                "ours/floor": ours / least if least else None,
            }


def number(value, pages=1):
    return "-" if value is None else f"{value / pages:.0f}"


def ratio(value):
    return "-" if value is None else f"{value:.2f}"


def print_rows(table):
    line = "{:<28} {:>6} {:>12} {:>9} {:>9} {:>9} {:>6} {:>6}"
    print(line.format("instructions", "pages", "ours", "per page", "mainline",
                      "floor", "/main", "/floor"))
    for row in table:
        pages = row["pages"]
        print(line.format(row["title"], pages, row["ours"],
                          number(row["ours"], pages),
                          number(row["mainline"], pages),
                          number(row["floor"], pages),
                          ratio(row["ours/mainline"]),
                          ratio(row["ours/floor"])))


def print_frames(report):
    print("\na frame from a guest to a device, instructions, for a buffer that is "
          "new and one\nthat is known (its grants stay mapped); of the kernel's "
          "own driver behind it")
    cost = {(words["impl"], words["op"], words["pages"], words["part"]):
            words["cost"] for words in report.other
            if "frame" in words["op"] and "cost" in words}
    for impl, op, pages, part in cost:
        if impl == "ours":
            other = cost.get(("mainline", op, pages, part), "-")
            print(f"{op:<18} {pages:>5} pages {part:<6} "
                  f"{cost[impl, op, pages, part]:>10} {other:>10}")


def print_memory(report):
    print("\nkernel memory per mapped page, bytes")
    for words in report.other:
        if words["op"] == "memory" and "bytes" in words:
            each = int(words["bytes"]) / int(words["pages"])
            print(f"{words['impl']:<10} {words['part']:<7} {each:6.1f}")


def print_live(report):
    """How the cost of all parts of an operation grows with live objects."""
    sums = {}
    for words in report.other:
        if "live" in words and "cost" in words:
            key = (words["impl"], words["kind"], words["files"], words["op"])
            lives = sums.setdefault(key, {})
            live = int(words["live"])
            lives[live] = lives.get(live, 0) + int(words["cost"])
    print("\none page, beside live objects: instructions, by their number")
    for (impl, kind, files, op), lives in sums.items():
        first, last = lives[min(lives)], lives[max(lives)]
        print(f"{impl:<9} {kind:<8} {files:<4} {op:<15} " +
              " ".join(f"{live}:{cost}" for live, cost in lives.items()) +
              f"  {(last / first - 1) * 100:+.1f} %")


def print_threads(report):
    """Operations per second by threads; of the kernel's own driver behind it."""
    rates = {}
    for words in report.other:
        if "rate" in words:
            impl = "ours" if words["impl"] == "ours" else "mainline"
            key = (words["op"], words["pages"], words["files"])
            rates.setdefault(key, {}).setdefault(
                (impl, int(words["threads"])), words["rate"])
    print("\noperations per second, by threads: a clock of an emulated machine, to "
          "compare only")
    for (op, pages, files), found in rates.items():
        for impl in ("ours", "mainline"):
            line = " ".join(f"{threads}:{rate}" for (name, threads), rate
                            in found.items() if name == impl)
            print(f"{op:<23} {pages} pages, {files:<4} files, {impl:<8} "
                  f"{line or '-'}")


def print_failed(report):
    print("\nwhat could not be done")
    failed = {}
    for words in report.other:
        if "error" in words:
            key = (words["impl"], words["op"], words["error"])
            failed.setdefault(key, []).append(words.get("pages", "-"))
    for (impl, op, error), pages in failed.items():
        print(f"{impl} {op}: {error} ({', '.join(pages)} pages)")


def print_other(report):
    ops = {words["op"] for words in report.other}
    if any("frame" in op for op in ops):
        print_frames(report)
    if "memory" in ops:
        print_memory(report)
    if any("live" in words for words in report.other):
        print_live(report)
    if any("rate" in words for words in report.other):
        print_threads(report)
    if any("error" in words for words in report.other):
        print_failed(report)


def read_ratios(path):
    """Yield row, pages, kind and value of the ratios in a file."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                row, pages, kind, value = line.rstrip("\n").split("\t")
                yield row, int(pages), kind, float(value)


def write_ratios(path, table, pages):
    with open(path, "w", encoding="utf-8") as file:
        file.write("# SPDX-License-Identifier: GPL-2.0-only\n"
                   "# What the benchmark may not exceed: row, pages, ratio of\n"
                   "# what, value. Made by table.py --keep.\n")
        for row in table:
            for kind in ("ours/mainline", "ours/floor"):
                if row["pages"] == pages and row[kind]:
                    file.write(f"{row['id']}\t{pages}\t{kind}\t"
                               f"{row[kind]:.4f}\n")


def compare(path, table):
    """Print each ratio that is exceeded, or missing; return their number."""
    known = {(row["id"], row["pages"]): row for row in table}
    count = bad = 0
    for name, pages, kind, limit in read_ratios(path):
        value = known.get((name, pages), {}).get(kind)
        count += 1
        if value is None or value > limit * TOLERANCE:
            bad += 1
            print(f"not ok {name}, {pages} pages: {kind} is {ratio(value)}, "
                  f"was {limit:.2f}")
    print(f"{count} ratios, {bad} exceeded by more than "
          f"{(TOLERANCE - 1) * 100:.0f} %")
    return bad if count else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report")
    parser.add_argument("--json")
    parser.add_argument("--keep", metavar="FILE",
                        help="write the ratios of --pages")
    parser.add_argument("--against", metavar="FILE",
                        help="fail if one of these is exceeded")
    parser.add_argument("--pages", type=int, default=2025)
    args = parser.parse_args()
    with open(args.report, encoding="utf-8") as file:
        report = Report(file.read().splitlines())
    table = list(rows(report))
    print("machine:", " ".join(report.machine.values()))
    print_rows(table)
    print_other(report)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"machine": report.machine, "rows": table,
                       "other": report.other}, file, indent=1)
            file.write("\n")
    if args.keep:
        write_ratios(args.keep, table, args.pages)
    if args.against and compare(args.against, table):
        return 1
    return 0 if report.cost or report.other else 1


if __name__ == "__main__":
    sys.exit(main())
