#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count the results in the report of a boot.

Reads the report from standard input as it grows, prints each result with the
time, and writes the sums to a file. A result is a KTAP line of a program or a
gate of the rig. A program that dies, is killed at its time limit, prints fewer
results than it planned, or never runs although it is expected, has failed.
"""

import argparse
import io
import os
import re
import sys
import time

RESULT = re.compile(r"^(ok|not ok)\s+(\d+)\s*-?\s*(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)\s*(#\s*SKIP\b.*)?", re.IGNORECASE)
DIRECTIVE = re.compile(r"#\s*(SKIP|XFAIL|TODO)\b", re.IGNORECASE)
BEGIN = re.compile(r"^RIG-BEGIN (\S+)")
END = re.compile(r"^RIG-RESULT (\S+) (\d+) (\d+)")
GATE = re.compile(r"^RIG-GATE (ok|not ok) (.*)$")
NOISE = re.compile(r"^#\s+(RUN|OK|SKIP)\s|^# (Starting|Totals|PASSED|FAILED)")
FATAL = re.compile(r"^RIG-(FAIL|STUCK) (.*)$")
EXIT_SKIP = 4


class Program:
    """What one program has said so far."""

    def __init__(self, name):
        self.name = name
        self.plan = None
        self.results = 0
        self.failed = 0
        self.skipped_whole = None


class Report:
    """The sums of a boot."""

    def __init__(self, expected, out):
        self.waiting = list(expected)
        self.out = out
        self.epoch = float(os.environ.get("RIG_EPOCH", time.time()))
        self.passed = self.failed = self.skipped = 0
        self.program = None

    def say(self, text):
        elapsed = int(time.time() - self.epoch)
        self.out.write(f"[{elapsed // 60:02d}:{elapsed % 60:02d}] {text}\n")
        self.out.flush()

    def count(self, good, text, skip=False):
        if skip:
            self.skipped += 1
            self.say(f"skip {text}")
        elif good:
            self.passed += 1
            self.say(f"ok {text}")
        else:
            self.failed += 1
            self.say(f"not ok {text}")

    def result(self, good, text):
        program = self.program
        skip = bool(DIRECTIVE.search(text)) and good
        program.results += 1
        program.failed += not good
        self.count(good, f"{program.name}: {text}", skip)

    def close(self, status):
        """A program has ended, or the boot has ended in the middle of it."""
        program, self.program = self.program, None
        name = program.name
        plan = program.plan
        if plan is None and not program.results:
            reason = program.skipped_whole
            good = status == EXIT_SKIP or bool(reason)
            self.count(good, f"{name}: ended with {status}, no results "
                       f"{reason or ''}".rstrip(), good)
            return
        if plan is not None and program.results < plan:
            for _ in range(plan - program.results):
                self.count(False, f"{name}: result missing (exit {status})")
        elif plan is not None and program.results > plan:
            self.count(False, f"{name}: {program.results} results, "
                       f"{plan} planned")
        elif plan is None:
            self.count(False, f"{name}: results without a plan")
        elif status not in (0, EXIT_SKIP) and not program.failed:
            self.count(False, f"{name}: all passed, but exit {status}")

    def line(self, line):
        if m := BEGIN.match(line):
            if self.program:
                self.close("none")
            self.program = Program(m[1])
            if m[1] in self.waiting:
                self.waiting.remove(m[1])
        elif m := END.match(line):
            if self.program:
                self.close(int(m[2]))
            self.say(f"# {m[1]} took {m[3]} s")
        elif m := GATE.match(line):
            self.count(m[1] == "ok", m[2])
        elif m := FATAL.match(line):
            self.count(False, m[2])
        elif self.program and (m := PLAN.match(line)):
            self.program.plan = int(m[1])
            self.program.skipped_whole = m[2]
            if m[2]:
                self.program.plan = None
        elif self.program and (m := RESULT.match(line)):
            self.result(m[1] == "ok", m[3])
        elif line.startswith("#") and not NOISE.match(line):
            self.say(line)

    def finish(self):
        if self.program:
            self.close("none")
        for name in self.waiting:
            self.count(False, f"{name}: did not run")


SAMPLE = """\
RIG-GATE ok control: noticed
RIG-BEGIN good
TAP version 13
1..2
ok 1 first
ok 2 second # SKIP no device
RIG-RESULT good 0 3
RIG-GATE not ok good: kernel log is clean
RIG-BEGIN dies
1..3
ok 1 first
RIG-RESULT dies 139 1
RIG-BEGIN fails
1..1
not ok 1 first
RIG-RESULT fails 1 1
RIG-BEGIN lies
1..1
ok 1 first
RIG-RESULT lies 1 1
RIG-BEGIN mute
RIG-RESULT mute 0 1
RIG-BEGIN absent
1..0 # SKIP nothing to test
RIG-RESULT absent 4 1
RIG-BEGIN hangs
1..2
ok 1 first
"""
# passed: control, good.1, dies.1, lies.1, hangs.1
# failed: gate, dies 2, fails, lies, mute, hangs.2, never
# skipped: good.2, absent
SAMPLE_SUMS = (5, 8, 2)


def self_test():
    report = Report(["good", "never"], io.StringIO())
    for line in SAMPLE.splitlines():
        report.line(line)
    report.finish()
    sums = (report.passed, report.failed, report.skipped)
    if sums != SAMPLE_SUMS:
        sys.exit(f"counted {sums}, not {SAMPLE_SUMS}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--expect", nargs="*", default=[],
                        help="programs that have to run")
    parser.add_argument("--sums", help="file for passed, failed, skipped")
    args = parser.parse_args()
    if args.self_test:
        self_test()
        return
    report = Report(args.expect, sys.stdout)
    for raw in sys.stdin.buffer:
        report.line(raw.decode(errors="replace").rstrip("\r\n"))
    report.finish()
    if args.sums:
        with open(args.sums, "w", encoding="ascii") as f:
            f.write(f"{report.passed} {report.failed} {report.skipped}\n")


if __name__ == "__main__":
    main()
