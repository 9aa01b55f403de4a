#!/usr/bin/env python3
"""Writes kb/src/redact/vendors.json, the formats of vendors' secrets, from gitleaks' rule set.

    GOFLAGS=-mod=mod go mod download -json github.com/zricethezav/gitleaks/v8@v8.30.0     (prints "Dir")
    scripts/secrets/generate.py DIR > kb/src/redact/vendors.json

Taken are the pattern, keywords, least entropy, secret's group and allow list of every rule; what is changed or left out is
below, each with its reason, and is repeated in the file. Python's standard library only.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

VERSION = "v8.30.0"

# What gitleaks' generator puts around a vendor's name, an operator and the value.
CONTEXT = r"[\w.-]{0,50}?"
NAMED = r"""(?:[ \t\w.-]{0,20})[\s'"]{0,3}"""
OPERATOR = r"""(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}"""
END = r"""(?:[\x60'"\s;]|\\[nr]|$)"""
# The same for runbooks: backticks and stars around the name, tables, full-width signs, `is` in five languages.
OUR_NAMED = r"""(?:[ \t\w.-]{0,20})[\s\x60*'"]{0,3}"""
OUR_OPERATOR = r"""(?:=|>|:{1,3}=|\|\||\||:|=>|\?=|,|：|＝|is|là|adalah|是|为|為)[\x60'"\s=]{0,5}"""
# Prose ends a value with a full stop, a comma or a Chinese character as well.
OUR_END = r"(?:[^\w/+=-]|$)"

LEFT_OUT = {
    "curl-auth-header": "redact/rules finds every header, not only curl's, and each of several on a line",
    "curl-auth-user": "redact/rules finds each of several on a line",
    "generic-api-key": "redact/rules judges assignments, by the same keys",
    "hashicorp-tf-password": "redact/rules judges assignments to passwords in any file",
    "kubernetes-secret-yaml": "redact/manifests.rs masks every value of a Secret",
    "pkcs12-file": "it names files, which are not read",
    "private-key": "redact/rules finds keys that are cut off as well",
}

# Alternatives that need no vendor's mark: any hash of a commit in a text that names the vendor.
CHANGED = {
    "sourcegraph-access-token": (
        r"(?i)\b(sgp_(?:[a-fA-F0-9]{16}|local)_[a-fA-F0-9]{40}|sgp_[a-fA-F0-9]{40})\b"
        rf"|(?:sourcegraph|src_access_token){NAMED}{OPERATOR}([a-f0-9]{{40}}){END}"
    ),
}

# A text need not name the vendor.
KEYWORDS = {"airtable-personnal-access-token": ["pat"], "sourcegraph-access-token": ["sgp_", "sourcegraph", "src_access_token"]}

# Rules whose groups are parts of the secret.
WHOLE = {"jwt-base64", "microsoft-teams-webhook"}


def pattern(rule):
    """The pattern for Rust's `regex`, and whether a vendor's name and an operator stand before the value."""
    text = CHANGED.get(rule["id"], rule["regex"])
    assigned = OPERATOR in text
    # It captures nothing, and only keeps the engine from looking for the name directly.
    text = text.replace(CONTEXT, "").replace(NAMED, OUR_NAMED).replace(OPERATOR, OUR_OPERATOR)
    for end in [END, r"(?:[^\w-]|\z)", r"(?:[^a-zA-Z0-9+/]|\z)"]:
        text = text.replace(end, OUR_END)
    text = text.replace(r"\"", '"').replace("hooks.slack.com", r"hooks\.slack\.com").replace("xoxe.xox", r"xoxe\.xox")
    if text.endswith(OUR_END) and not re.search(r"(?<!\\)\((?!\?)", text):
        text = f"({text.removesuffix(OUR_END)}){OUR_END}"
    return text, assigned


def allowed(rule):
    """Patterns of secrets that are none: those that the rule set tries on the secret."""
    return [
        regex
        for allow in rule.get("allowlists", [])
        if allow.get("regexTarget", "secret") == "secret" and allow.get("condition", "OR") == "OR"
        for regex in allow.get("regexes", [])
    ]


def main():
    folder = Path(sys.argv[1])
    config = tomllib.loads((folder / "config" / "gitleaks.toml").read_text(encoding="utf-8"))
    licence = (folder / "LICENSE").read_text(encoding="utf-8").strip()
    lines = []
    for rule in sorted(config["rules"], key=lambda rule: rule["id"]):
        if rule["id"] in LEFT_OUT:
            continue
        text, assigned = pattern(rule)
        entry = {"id": rule["id"], "pattern": text, "keywords": rule["keywords"]}
        entry["keywords"] = KEYWORDS.get(rule["id"], rule["keywords"])
        if "entropy" in rule:
            entry["entropy"] = rule["entropy"]
        if rule["id"] in WHOLE:
            entry["group"] = 0
        elif "secretGroup" in rule:
            entry["group"] = rule["secretGroup"]
        if assigned:
            entry["assigned"] = True
        if allowed(rule):
            entry["allowed"] = allowed(rule)
        lines.append(json.dumps(entry, ensure_ascii=False))
    head = {
        "source": f"https://github.com/gitleaks/gitleaks/blob/{VERSION}/config/gitleaks.toml",
        "version": VERSION,
        "generated_by": "scripts/secrets/generate.py",
        "licence": licence,
        "left_out": LEFT_OUT,
        "changed": sorted({*CHANGED, *KEYWORDS, *WHOLE}),
        "stop_words": config["allowlist"]["stopwords"],
    }
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    print(text + ',\n "rules": [\n  ' + ",\n  ".join(lines) + "\n ]\n}")


if __name__ == "__main__":
    main()
