#!/usr/bin/env python3
"""Writes kb/src/redact/near_misses.json: what gitleaks' own tests say is no secret of a rule.

    GOFLAGS=-mod=mod go mod download -json github.com/zricethezav/gitleaks/v8@v8.30.0     (prints "Dir")
    scripts/secrets/near_misses.py DIR > kb/src/redact/near_misses.json

Taken are the texts that stand as such in the lists `fps` of cmd/generate/config/rules/*.go; those that its tests draw or put together
are not. Left out are rules that are not in vendors.json, and published keys. Python's standard library only.
"""

import ast
import json
import re
import sys
from pathlib import Path

from generate import LEFT_OUT, VERSION

# Real keys that Google has published in examples: masked all the same, and nothing to keep in a file.
PUBLISHED = {"gcp-api-key"}

# Longer texts are whole files.
MAX_CHARS = 400


def end_of_string(text, at):
    """Where the string literal that begins at a place ends."""
    if text[at] == "`":
        return text.index("`", at + 1) + 1
    at += 1
    while text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at + 1


def value(literal):
    return literal[1:-1] if literal[0] == "`" else ast.literal_eval(literal)


def elements(text, at):
    """The elements of a list of strings that begins at a place, those that are literals and sums of such."""
    depth, parts, is_plain = 1, [], True
    while depth > 0:
        character = text[at]
        if character in '"`':
            end = end_of_string(text, at)
            parts.append(value(text[at:end]))
            at = end
            continue
        if text.startswith("//", at):
            at = text.index("\n", at)
            continue
        depth += (character in "({[") - (character in ")}]")
        if depth == 0 or (character == "," and depth == 1):
            if parts and is_plain:
                yield "".join(parts)
            parts, is_plain = [], True
        elif not character.isspace() and character != "+":
            is_plain = False
        at += 1


def main():
    folder = Path(sys.argv[1])
    found = {}
    for file in sorted((folder / "cmd/generate/config/rules").glob("*.go")):
        for function in re.split(r"\nfunc ", file.read_text(encoding="utf-8"))[1:]:
            rule = re.search(r'RuleID:\s*"([^"]+)"', function)
            if not rule or rule.group(1) in {*LEFT_OUT, *PUBLISHED}:
                continue
            for start in re.finditer(r"fps\s*:?=\s*\[\]string\{", function):
                texts = [text for text in elements(function, start.end()) if len(text) <= MAX_CHARS]
                found.setdefault(rule.group(1), []).extend(texts)
    head = {
        "source": f"https://github.com/gitleaks/gitleaks/tree/{VERSION}/cmd/generate/config/rules",
        "version": VERSION,
        "generated_by": "scripts/secrets/near_misses.py",
        "licence": (folder / "LICENSE").read_text(encoding="utf-8").strip(),
    }
    lines = [
        f"{json.dumps(rule)}: {json.dumps(texts, ensure_ascii=False)}" for rule, texts in sorted(found.items()) if texts
    ]
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    print(text + ',\n "texts": {\n  ' + ",\n  ".join(lines) + "\n }\n}")


if __name__ == "__main__":
    main()
