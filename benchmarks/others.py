"""Other tools for running a command for each of many files, for comparison."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.commands import CommandError, call, seconds
from benchmarks.service import ROOT, inherited

_SNAKEMAKE = "9.27.1"
_SNAKEFILE = """\
rule all:
    input: expand("{directory}/out/{{name}}", name=glob_wildcards("{directory}/in/{{name}}").name)

rule copy:
    input: "{directory}/in/{{name}}"
    output: "{directory}/out/{{name}}"
    shell: 'cp "{{input}}" "{{output}}"'
"""
_SNAKEFILE_OF_PARTS = """\
import os

NAMES = sorted(os.listdir("{directory}/in"))
PARTS = [NAMES[first : first + {size}] for first in range(0, len(NAMES), {size})]

rule all:
    input: expand("{directory}/out/{{part}}", part=range(len(PARTS)))

rule copy:
    input: lambda wanted: [f"{directory}/in/{{name}}" for name in PARTS[int(wanted.part)]]
    output: directory("{directory}/out/{{part}}")
    shell: 'mkdir "{{output}}" && cp {{input}} "{{output}}"'
"""
_XARGS = 'mkdir out && ls in | xargs -P "$1" -I {} sh -c \'cp "in/$1" "out/$1"\' sh {}'


def snakemake() -> Path | None:
    """Where snakemake is, in an environment made for it the first time; None: it cannot be had."""
    environment = ROOT / "bench-results" / f"snakemake-{_SNAKEMAKE}"
    program = environment / "bin" / "snakemake"
    if not program.exists():
        try:
            call([sys.executable, "-m", "venv", "--clear", str(environment)], inherited())
            call([str(environment / "bin/pip"), "install", f"snakemake=={_SNAKEMAKE}"], dict(os.environ))
        except CommandError as exc:
            print(f"Left out, since it cannot be installed: snakemake ({exc})", file=sys.stderr)
            return None
    return program


def by_snakemake(program: Path, directory: Path, *, at_once: int) -> float:
    """Seconds that snakemake takes to copy each file in `directory`/in to `directory`/out."""
    return _by_snakemake(program, directory, _SNAKEFILE.format(directory=directory), at_once=at_once)


def by_snakemake_in_parts(program: Path, directory: Path, *, size: int, at_once: int) -> float:
    """Seconds that snakemake takes for the same with a job for so many files each."""
    snakefile = _SNAKEFILE_OF_PARTS.format(directory=directory, size=size)
    return _by_snakemake(program, directory, snakefile, at_once=at_once)


def _by_snakemake(program: Path, directory: Path, snakefile: str, *, at_once: int) -> float:
    (directory / "Snakefile").write_text(snakefile)
    command = [str(program), "--cores", str(at_once), "--quiet", "all", "--directory", str(directory)]
    return seconds([*command, "--snakefile", str(directory / "Snakefile")], inherited())


def by_xargs(directory: Path, *, at_once: int) -> float:
    """Seconds that xargs, with a shell for each file, takes to do the same."""
    return seconds(["sh", "-c", f"cd {directory} && {_XARGS}", "sh", str(at_once)], inherited())
