#!/usr/bin/env python3
"""The house rules that a machine can check (ARCHITECTURE.md, CONTRIBUTING.md). Exit 1 on a breach."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_COLUMNS = 100
MAX_LINES = 500  # a longer file says why in its first lines

# module -> modules it may include (its own is always allowed)
MAY_INCLUDE = {
    "base": set(),
    "inference": {"base"},
    "retrieval": {"base", "proto"},
    "auth": {"base", "proto"},
    "services": {"base", "proto", "inference", "retrieval", "auth"},
    "ops": {"auth/crypto", "base", "proto", "services/config", "services/rpc"},
}
INSIDE_INFERENCE = {
    "kernels": {"tensor", "kernels"},
    "comm": {"comm"},
    "moe": {"moe", "comm", "kernels", "tensor", "weights"},
    "weights": {"tensor", "weights"},
    "kv": {"kv", "tensor"},
    "tokenizer": {"tokenizer", "weights"},
    "constraint": {"constraint"},
    "sampling": {"sampling", "kernels", "tokenizer"},
    "model": {"model", "comm", "moe", "weights", "kernels", "kv", "tensor"},
}
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.M)
GENERATED = re.compile(r"\.(grpc\.)?pb\.h$")
BAD_NAME = re.compile(r"(^|[/_])(utils?|helpers?|common|manager|misc|stuff)([_./]|$)", re.I)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def sources():
    command = ["git", "-c", "core.quotepath=off", "ls-files", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        names = listed.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # no git here, or no clone
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
        names = [n for n in names if n.split("/")[0] not in ("build", "models", "hadal-data", ".git")]
    return [f for f in names if (ROOT / f).is_file()]


def check_includes(name, text, problems):
    module = name.split("/")[0]
    if module not in MAY_INCLUDE:
        return
    allowed = MAY_INCLUDE[module]
    for include in INCLUDE.findall(text):
        if GENERATED.search(include):
            if "proto" not in allowed and module != "services":
                problems.append(f"{name}: {module} may not include {include}")
            continue
        target = include.split("/")[0]
        if target == module or target not in MAY_INCLUDE:  # a library's header
            continue
        if not any(include.startswith(a + "/") for a in allowed):
            problems.append(f"{name}: {module} may not include {include}")
    if module not in ("services", "ops") and re.search(r"#include [<\"](grpc|grpcpp)/", text):
        problems.append(f"{name}: only services and ops may include gRPC")
    if re.search(r"#include <faiss/", text) and not name.startswith("retrieval/index/"):
        problems.append(f"{name}: only retrieval/index may include FAISS")
    if re.search(r"#include <openssl/", text) and not name.startswith(
            ("auth/crypto/", "auth/mtls/", "services/gateway/")):
        problems.append(f"{name}: only auth/crypto, auth/mtls and the TLS front end use OpenSSL")
    if re.search(r"#include <(gcrypt\.h|p11-kit/)", text) and not name.startswith("auth/crypto/"):
        problems.append(f"{name}: only auth/crypto uses libgcrypt and PKCS#11")
    parts = name.split("/")
    if module == "inference" and len(parts) > 2 and parts[1] in INSIDE_INFERENCE:
        for include in INCLUDE.findall(text):
            inner = include.split("/")
            if (inner[0] == "inference" and len(inner) > 2 and inner[1] != parts[1]
                    and inner[1] not in INSIDE_INFERENCE[parts[1]]):
                problems.append(f"{name}: inference/{parts[1]} may not include {include}")


def check_file(name, problems):
    if BAD_NAME.search(name):
        problems.append(f"{name}: a name that says nothing")
    if not name.endswith((".h", ".cc", ".py", ".sh", ".proto", ".cmake")):
        return
    text = (ROOT / name).read_text("utf-8")
    lines = text.splitlines()
    if name.endswith((".h", ".cc")):
        check_includes(name, text, problems)
        if re.search(r"\b(std::)?getenv\(", text) and not name.endswith("main.cc") and not (
                name.startswith("tests/")):
            problems.append(f"{name}: getenv belongs into main.cc")
        if name.endswith(".h") and "#pragma once" not in text:
            problems.append(f"{name}: no #pragma once")
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS and "http" not in line and "R\"" not in line:
                problems.append(f"{name}:{number}: {len(line)} columns")
        if len(lines) > MAX_LINES and "lines because" not in "\n".join(lines[:30]):
            problems.append(f"{name}: {len(lines)} lines; say at its top '... lines because ...'")
    if name != "tests/tidy/tidy.py":
        for number, line in enumerate(lines, 1):
            if UNFINISHED.search(line):
                problems.append(f"{name}:{number}: unfinished: {line.strip()[:80]}")


def check_readmes(files, problems):
    """Every module folder with sources has a README."""
    folders = {"/".join(f.split("/")[:2]) for f in files
               if f.endswith(".cc") and f.split("/")[0] in MAY_INCLUDE and f.count("/") >= 2}
    for folder in sorted(folders):
        if f"{folder}/README.md" not in files and f"{folder.split('/')[0]}/README.md" not in files:
            problems.append(f"{folder}: no README.md")


def main():
    problems = []
    files = sources()
    for name in files:
        check_file(name, problems)
    check_readmes(files, problems)
    for problem in problems:
        print(problem)
    print(f"{len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
