"""Advice for failed commands, from their exit code and output; only imported after a failure."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.layout import EGRESS

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_FOUND = 127
_NO_NETWORK = (
    "Commands have no network: name what they need as inputs, or say `workflow.network: true` in meta.yml."
)
_PROXIED = (
    "Commands reach public addresses by HTTP and HTTPS, through the proxy that http_proxy and https_proxy "
    "name, and none by FTP or SSH (a file of an FTP server can be an input); of others those that a line "
    "names by number and port: on this machine's loopback a port from 1024 up, at which a service listens "
    "when the task begins."
)
_NO_PROGRAM = 126
_NOT_EXECUTABLE = (
    "A script has to be executable (chmod +x, before it is packed), or be called by its interpreter: "
    '`bash "$RECIPE_DIR/NAME"`.'
)
_INTERPRETER = (
    r"required file not found|bad interpreter|env: [\u2018'][^\u2019'\n]*\\?r[\u2019']: No such file"
)
_LINE_ENDS = (
    "The first line (#!) of that script names a program that is not there. Where the script was written on "
    "Windows, save it with the line ends of Unix (LF)."
)
_LIBRARY = (
    r"(?<![^:\s])(?P<program>[^:\s]+): error while loading shared libraries: (?P<library>[^:\s]+): "
    r"cannot open shared object file"
)
_HARD_LINKS = "Invalid cross-device link"
_LINK = (
    "No file can be in /input_dir and /output_dir at once: link it by `ln -s`, which takes no room and hands "
    "it on, or copy it."
)
_CLOSED_PIPE = "Broken pipe"
_READ_ALL = (
    "The program after the pipe stopped reading before the other had written everything. Let it read all, as "
    "`sed -n 1p` does in place of `head -n 1`, or write to a file first."
)
_ZERO = "An arithmetic command, such as `((n++))`, has exit code 1 if its value is 0. Write `n=$((n + 1))`."
_TEST = (
    "The exit code of the line may be that of a test before `&&`, which was false in the end. Write "
    "`if …; then …; fi`."
)
_NO_SERVER = (
    r"[Cc]ould not resolve|[Uu]nable to resolve|[Nn]ame or service not known|[Nn]ame resolution"
    r"|No address associated with hostname|getaddrinfo|nodename nor servname"
    r"|from proxy after CONNECT|CONNECT tunnel failed|Tunnel connection failed"
    r"|Network is unreachable|[Cc]ould ?n.t connect to|Failed to connect to|Connection refused"
)
_REFUSED = (
    r"no public address|cloud's metadata|stack's own|403|[Rr]emote end closed|Empty reply|Network unreachable"
)
_REMOTE_FILE = r"/vsi(curl|s3|gs|az|swift|oss|adls)|(https?|ftp|s3|gs)://"
_MISSING = (
    r"(?<!\d)(?:line )?\d+: (?P<a>[^:\n]+): (?:command )?not found"
    r"|env: [\u2018'](?P<b>[^\u2019'\n]+)[\u2019']: No such file"
    r"|(?<![^:\s])(?P<c>[^:\s]+): command not found"
)

_FAILED_ANSWER = "a server answered with an error"
_QUIET = {
    "curl": {
        6: "a server's name is not known",
        7: "nothing answers there",
        22: _FAILED_ANSWER,
        28: "it took too long",
    }
    | {
        35: "the connection could not be encrypted",
        56: "the connection broke off",
        60: "a certificate is not trusted",
    },
    "wget": {
        4: "the network failed",
        5: "a certificate is not trusted",
        6: "a login is missing",
        8: _FAILED_ANSWER,
    },
}
"""Meanings of exit codes, for programs run with an option that suppresses their messages.

Source: "EXIT CODES" in curl(1); "Exit Status" in the manual of GNU Wget.
"""


def hints(text: str, *, exit_code: int, output: str, path: str, culprit: str = "") -> str:
    """Return advice about a failure as sentences to append to its message; empty if there is none.

    Args:
        text: The command line.
        exit_code: The command's exit code.
        output: The end of its output.
        path: The command's PATH.
        culprit: The program in the line that failed; empty if it is unknown.
    """
    found = []
    if re.search(_INTERPRETER, output):
        found.append(_LINE_ENDS)
    elif match := re.search(_LIBRARY, output):
        found.append(_no_library(match))
    elif exit_code == _NOT_FOUND:
        found.append(_not_found(output, path))
    if exit_code == _NO_PROGRAM and "Permission denied" in output:
        found.append(_NOT_EXECUTABLE)
    if not output.strip():
        found += _quiet(text, exit_code)
    if exit_code == 1 and re.match(r"\(\(|let\b", culprit or text):
        found.append(_ZERO)
    if exit_code == 1 and not output and culprit in {"", text} and re.search(r"\]\s*&&", text):
        found.append(_TEST)
    if _CLOSED_PIPE in output and "|" in text:
        found.append(_READ_ALL)
    if _HARD_LINKS in output:
        found.append(_LINK)
    if _wanted_network(text, output) and has_only_loopback():
        if EGRESS not in os.environ:
            found.append(_NO_NETWORK)
        elif re.search(f"{_NO_SERVER}|{_REFUSED}", output):
            found.append(_PROXIED)
    return " ".join(found)


def has_only_loopback() -> bool:
    """Whether this process has no network interface but loopback; False if that is unknown.

    Source: proc_pid_net(5): two header lines, then one line per interface.
    """
    with suppress(OSError), open("/proc/self/net/dev") as file:
        names = {line.split(":")[0].strip() for line in file.readlines()[2:]}
        return names <= {"lo"}
    return False


def _quiet(text: str, exit_code: int) -> Iterator[str]:
    """Explain the exit code of a program that wrote nothing."""
    for program, codes in _QUIET.items():
        if exit_code in codes and re.search(rf"\b{program}\b", text):
            louder = {"curl": "-sS in place of -s", "wget": "-nv in place of -q"}[program]
            yield f"{program} ends so where {codes[exit_code]}; with {louder} it says more."


def _not_found(output: str, path: str) -> str:
    match = re.search(_MISSING, output)
    name = next((group for group in match.groups() if group), None) if match else None
    program = f"The program {name!r}" if name else "A program"
    searched = ", ".join(filter(None, path.split(os.pathsep))) or "no directory: PATH is empty"
    return (
        f"{program} was not found. Programs are looked for in {searched}. On one machine, those outside of "
        "/usr are of the PATH with which the stack was started, but never the home directory itself."
    )


def _no_library(match: re.Match[str]) -> str:
    return (
        f"The program {match['program']!r} is there, and {match['library']}, a shared library that it needs, "
        "is not: install it where the program is from, or set LD_LIBRARY_PATH on the line to its directory."
    )


def _wanted_network(text: str, output: str) -> bool:
    return bool(re.search(_NO_SERVER, output) or re.search(_REMOTE_FILE, f"{text}\n{output}"))
