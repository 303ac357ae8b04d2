#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a patch series of the driver for a kernel tree.

  series.py apply TREE        put the driver into the tree
  series.py make KSRC OUT     write the patches of the series to OUT

KSRC is a git work tree, of which the last commit counts, a plain folder or a
tarball. It is not changed: patches are made in a repository of their own, with
the files that they are about. Doing "apply" again changes nothing.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# What lies beside this file may be read-only.
sys.dont_write_bytecode = True

import cuts     # noqa: E402
import edits    # noqa: E402
import parts    # noqa: E402

HERE = Path(__file__).resolve().parent

# The files that the series is about, and what tells the version.
WANTED = [
    "Makefile", "MAINTAINERS", "drivers/xen", "include/xen",
    "include/uapi/xen", "kernel/dma/Kconfig", "tools/testing/selftests/Makefile",
    "tools/testing/selftests/drivers/xen",
    "Documentation/userspace-api/index.rst", "Documentation/userspace-api/xen",
    "Documentation/userspace-api/ioctl/ioctl-number.rst",
    "Documentation/driver-api/index.rst", "Documentation/driver-api/xen",
]


class SeriesError(Exception):
    """Something else than the tree is wrong."""


def run(*args, **kwargs):
    """A command whose output is needed; what it complains of is shown."""
    kwargs.setdefault("check", True)
    done = subprocess.run(args, text=True, stdout=subprocess.PIPE, **kwargs)
    return done.stdout


def identity():
    """Who signs off, as git knows it where the command was given."""
    env = {}
    for role in ("AUTHOR", "COMMITTER"):
        done = subprocess.run(["git", "var", f"GIT_{role}_IDENT"], text=True,
                              cwd=parts.TOP, check=False, capture_output=True)
        if done.returncode:
            raise SeriesError("git does not know who you are: set user.name "
                              "and user.email")
        name, rest = done.stdout.split(" <", 1)
        env[f"GIT_{role}_NAME"] = name
        env[f"GIT_{role}_EMAIL"] = rest.split(">", 1)[0]
    return env


def take_tree(ksrc, tree):
    """What the series is about, from wherever the kernel is."""
    tree.mkdir(parents=True)
    if ksrc.is_file():
        patterns = [f"*/{w}" for w in WANTED]
        done = subprocess.run(
            ["tar", "-xf", str(ksrc), "-C", str(tree), "--strip-components=1",
             "--no-same-owner", "--wildcards", "--no-wildcards-match-slash"]
            + patterns, check=False, stderr=subprocess.DEVNULL)
        if done.returncode > 2:
            raise SeriesError(f"{ksrc}: not a tarball")
    elif (ksrc / ".git").exists():
        there = run("git", "ls-tree", "--name-only", "HEAD", *WANTED, cwd=ksrc)
        archive = subprocess.Popen(
            ["git", "archive", "HEAD", "--"] + there.split(), cwd=ksrc,
            stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", str(tree)], check=True,
                       stdin=archive.stdout)
        if archive.wait():
            raise SeriesError(f"{ksrc}: git archive failed")
    else:
        for name in WANTED:
            source, to = ksrc / name, tree / name
            to.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, to, symlinks=True)
            elif source.exists():
                shutil.copyfile(source, to)
    if not (tree / parts.GRANT_TABLE[0]).exists():
        raise SeriesError(f"{ksrc}: no kernel tree")


def apply_all(top):
    """All parts at once."""
    tree = edits.Tree(top)
    if not tree.has(parts.GRANT_TABLE[0]):
        raise SeriesError(f"{top}: no kernel tree")
    for index, part in enumerate(parts.PARTS):
        if not part.needed or part.needed(tree):
            parts.apply_part(tree, index)
    parts.check_whole(tree)
    tree.flush()


def text_of(name):
    """Subject and body of a patch."""
    return (HERE / "texts" / f"{name}.txt").read_text(encoding="utf-8")


class Repository:
    """Where the commits are made that become patches."""

    def __init__(self, top, env):
        self.top = top
        self.env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null",
                        GIT_CONFIG_SYSTEM="/dev/null", **env)

    def git(self, *args, **kwargs):
        return run("git", *args, cwd=self.top, env=self.env, **kwargs)

    def commit(self, message):
        # What the kernel tells git to ignore counts.
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-s", "-F", "-", input=message)


def commit_parts(repo):
    """A commit for each part; returns subjects of those that are not needed."""
    left_out = []
    tree = edits.Tree(repo.top)
    for index, part in enumerate(parts.PARTS):
        message = text_of(part.name)
        if part.needed and not part.needed(tree):
            left_out.append(message.splitlines()[0])
            continue
        parts.apply_part(tree, index)
        tree.flush()
        repo.commit(message)
    parts.check_whole(tree)
    return left_out


def tree_version(top):
    """The version that the tree gives itself."""
    text = edits.Tree(top).read("Makefile").splitlines()
    values = dict(line.split(" = ", 1) for line in text[:10] if " = " in line)
    return ".".join(values[n] for n in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))


def cover_letter(repo, out, left_out):
    """The text of the cover letter into what git made of it."""
    text = text_of("cover").replace("{version}", tree_version(repo.top))
    if left_out:
        lines = "".join(f"  {subject}\n" for subject in left_out)
        text = text.replace("{left_out}", "\nThis tree has parts already, so "
                            f"these patches are not needed:\n\n{lines}")
    else:
        text = text.replace("{left_out}", "")
    subject, body = text.split("\n\n", 1)
    path = out / "0000-cover-letter.patch"
    letter = path.read_text(encoding="utf-8")
    letter = letter.replace("*** SUBJECT HERE ***", subject)
    letter = letter.replace("*** BLURB HERE ***", body.strip())
    path.write_text(letter, encoding="utf-8")


def make_series(ksrc, out):
    """The patches, in a folder that holds nothing else."""
    env = identity()
    with tempfile.TemporaryDirectory(prefix="xen-series.") as tmp:
        repo = Repository(Path(tmp) / "tree", env)
        take_tree(ksrc, repo.top)
        if (repo.top / parts.XEN / "gntdev-map.c").exists():
            raise SeriesError(f"{ksrc}: has this driver already")
        repo.git("init", "-q", "-b", "series")
        repo.commit("base")
        repo.git("tag", "base")
        left_out = commit_parts(repo)
        new = Path(tmp) / "patches"
        repo.git("format-patch", "-q", "--cover-letter", "-o", str(new),
                 "--subject-prefix=PATCH", "base..HEAD")
        cover_letter(repo, new, left_out)
        out.mkdir(parents=True, exist_ok=True)
        for old in out.glob("*.patch"):
            old.unlink()
        for patch in sorted(new.iterdir()):
            shutil.copyfile(patch, out / patch.name)
    print(f"{len(list(out.glob('*.patch'))) - 1} patches: {out}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("apply")
    command.add_argument("tree", type=Path)
    command = commands.add_parser("make")
    command.add_argument("ksrc", type=Path)
    command.add_argument("out", type=Path)
    args = parser.parse_args()
    if args.command == "apply":
        apply_all(args.tree.resolve())
    else:
        make_series(args.ksrc.resolve(), args.out.resolve())


if __name__ == "__main__":
    try:
        main()
    except (cuts.CutError, edits.EditError, SeriesError) as problem:
        sys.exit(f"series.py: {problem}")
