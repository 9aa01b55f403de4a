#!/usr/bin/env python3
"""Lists the rooms of this workspace: lines of code, longest files, circles. Fails where a rule of `rules.txt` is broken.

A package is one of the workspace; a room is a module directly below its `lib.rs`, a file or a folder with all that is in
it. Code is production code unless it is in `tests/`, `benches/`, a file called `tests.rs` or below one, or marked
`#[cfg(test)]`. One file needs another where it names it by a path (`crate::`, `super::`, `self::`, a module of its own).

    rooms.py            figures and broken rules
    rooms.py --check    broken rules only
"""

import argparse
import collections
import dataclasses
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NUM_LONGEST = 12


# --- Rust, as far as it matters here ---------------------------------------------------------------------------------

TOKENS = re.compile(
    r"""
    (?P<line>//[^\n]*)
  | (?P<block>/\*)
  | (?P<raw>\bb?r(?P<hashes>\#*)")
  | (?P<text>b?"(?:\\.|[^"\\])*")
  | (?P<char>b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^\\'\n])')
    """,
    re.VERBOSE | re.DOTALL,
)


def blank(text):
    """The same lines with nothing in them."""
    return re.sub(r"[^\n]", " ", text)


def without_texts(source):
    """The source without comments and literals, every line where it was."""
    parts, at = [], 0
    while match := TOKENS.search(source, at):
        parts.append(source[at : match.start()])
        end = match.end()
        if match["block"]:
            depth = 1
            while depth and (edge := re.compile(r"/\*|\*/").search(source, end)):
                depth += 1 if edge.group() == "/*" else -1
                end = edge.end()
            end = len(source) if depth else end
        elif match["raw"]:
            close = source.find('"' + match["hashes"], end)
            end = len(source) if close < 0 else close + 1 + len(match["hashes"])
        parts.append(blank(source[match.start() : end]))
        at = end
    parts.append(source[at:])
    return "".join(parts)


def end_of_item(code, at):
    """Where the item that begins at `at` ends: at its semicolon, or with its braces."""
    depth = 0
    for place in range(at, len(code)):
        if code[place] in "{([":
            depth += 1
        elif code[place] in "})]":
            depth -= 1
            if depth == 0 and code[place] == "}":
                return place + 1
        elif code[place] == ";" and depth == 0:
            return place + 1
    return len(code)


def without_tests(code):
    """The code without what is `#[cfg(test)]`, and the names of the modules of that kind that have files of their own."""
    modules = []
    while match := re.search(r"#\[cfg\((?:all\()?test\b[^\]]*\]", code):
        end = end_of_item(code, match.end())
        if declared := re.search(r"\bmod\s+(\w+)\s*;", code[match.end() : end]):
            modules.append(declared[1])
        code = code[: match.start()] + blank(code[match.start() : end]) + code[end:]
    return code, modules


def paths_of_tree(tree):
    """The paths of a `use` tree, as lists of names."""
    tree = tree.strip()
    if "{" not in tree:
        return [[part.strip() for part in re.sub(r"\s+as\s+\w+$", "", tree).split("::")]]
    prefix, _, rest = tree.partition("{")
    before = [part.strip() for part in prefix.split("::") if part.strip()]
    inside, branches, depth, start = rest.rsplit("}", 1)[0], [], 0, 0
    for place, sign in enumerate(inside):
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            branches.append(inside[start:place])
            start = place + 1
    branches.append(inside[start:])
    return [before + path for branch in branches if branch.strip() for path in paths_of_tree(branch)]


USE = re.compile(r"\buse\s+([^;]+);")


def paths_in(code):
    """Every path that the code names from a root of its own: of `use` trees, and those that stand in the code."""
    paths = [path for match in USE.finditer(code) for path in paths_of_tree(match[1])]
    rest = USE.sub(lambda match: blank(match[0]), code)
    rest = re.sub(r"\bpub\s*\(\s*(?:in\s+[\w:]+|\w+)\s*\)", " ", rest)
    paths += [match[0].split("::") for match in re.finditer(r"(?<![\w:])\w+(?:::\w+)+", rest)]
    return paths


# --- files and packages ----------------------------------------------------------------------------------------------


@dataclasses.dataclass
class File:
    path: str  # from the workspace's root
    module: tuple  # from the package's root
    is_test: bool
    num_lines: int
    num_test_lines: int
    paths: list


@dataclasses.dataclass
class Package:
    name: str  # as other packages call it
    folder: str
    uses: set  # of [dependencies]
    tests_use: set  # of [dev-dependencies]
    files: list = dataclasses.field(default_factory=list)

    def num_lines(self):
        lines = sum(file.num_lines for file in self.files)
        tests = sum(file.num_test_lines for file in self.files)
        return lines - tests, tests


def manifest(folder):
    """The name of a package and the names of what it depends on."""
    section, name, uses, tests_use = "", None, set(), set()
    for line in (ROOT / folder / "Cargo.toml").read_text().splitlines():
        if header := re.match(r"\[+([^\]]+)\]+", line):
            section = header[1]
            continue
        key = re.match(r"([\w-]+)", line)
        if not key:
            continue
        crate = key[1].replace("-", "_")
        if section in ("package", "lib") and key[1] == "name":
            name = re.search(r'"([^"]+)"', line)[1].replace("-", "_")
        elif section == "dependencies":
            uses.add(crate)
        elif section == "dev-dependencies":
            tests_use.add(crate)
    return name, uses, tests_use


def packages():
    """The packages of the workspace with their files."""
    members = re.search(r"^members = \[([^\]]*)\]", (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    found = []
    for folder in re.findall(r'"([^"]+)"', members):
        name, uses, tests_use = manifest(folder)
        package = Package(name, folder, uses, tests_use)
        base = ROOT / folder
        test_modules = set()
        for part in ("src", "tests", "benches", "examples"):
            for path in sorted((base / part).rglob("*.rs")):
                package.files.append(file_of(base, part, path, test_modules))
        for file in package.files:
            if any(file.module[: len(module)] == module for module in test_modules):
                file.is_test, file.num_test_lines, file.paths = True, file.num_lines, []
        found.append(package)
    return found


def file_of(base, part, path, test_modules):
    """Reads one file; modules that are declared for tests only are added to `test_modules`."""
    source = path.read_text()
    code = without_texts(source)
    production, modules = without_tests(code)
    names = list(path.relative_to(base / part).with_suffix("").parts)
    if names[-1] in ("mod", "lib", "main"):
        names.pop()
    module = tuple(names)
    test_modules.update(module + (name,) for name in modules)
    is_test = part != "src" or "tests" in module
    num_lines = source.count("\n")
    return File(
        path=os.path.relpath(path, ROOT),
        module=module,
        is_test=is_test,
        num_lines=num_lines,
        num_test_lines=num_lines if is_test else len(lines_of_tests(code, production)),
        paths=[] if is_test else paths_in(production),
    )


def lines_of_tests(code, production):
    """The numbers of the lines from the first to the last of each part that was taken out."""
    lines, was_out = set(), None
    for number, (old, new) in enumerate(zip(code.splitlines(), production.splitlines())):
        if old != new:
            lines.update(range(was_out + 1 if was_out is not None else number, number + 1))
            was_out = number
        elif old.strip():
            was_out = None
    return lines


# --- what needs what -------------------------------------------------------------------------------------------------


def needs(package):
    """For each module with a file, the modules that it names."""
    files = {file.module: file for file in package.files if not file.is_test}
    modules = set(files)
    exported = {}
    for path in files[()].paths if () in files else []:
        target = resolve(path, (), modules, {})
        if target:
            exported[path[-1]] = target
    graph = {module: set() for module in modules if module}
    for module in graph:
        for path in files[module].paths:
            target = resolve(path, module, modules, exported)
            if target and target != module:
                graph[module].add(target)
    return graph


def resolve(path, module, modules, exported):
    """The module that a path names, seen from a module; `None` where it leads out of the package."""
    names = list(path)
    if names[0] == "crate":
        at, names = (), names[1:]
    elif names[0] in ("self", "super"):
        at = module
        while names and names[0] in ("self", "super"):
            at = at[:-1] if names.pop(0) == "super" else at
    elif module + (names[0],) in modules:
        at = module
    else:
        return None
    while names and at + (names[0],) in modules:
        at += (names.pop(0),)
    if not at and names:
        return exported.get(names[0])
    return at or None


def circles(graph):
    """The groups of nodes that need each other in circles (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = []
            while True:
                group.append(stack.pop())
                if group[-1] == node:
                    break
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(found, key=len, reverse=True)


def between_rooms(graph):
    """The same graph of rooms instead of modules."""
    rooms = {module[0]: set() for module in graph}
    for module, targets in graph.items():
        rooms[module[0]].update(target[0] for target in targets if target[0] != module[0])
    return rooms


# --- rules -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Rules:
    packages: dict = dataclasses.field(default_factory=dict)  # name -> packages that it may use
    tests: dict = dataclasses.field(default_factory=dict)  # the same for tests
    crates: dict = dataclasses.field(default_factory=dict)  # crate -> places that may use it
    layers: dict = dataclasses.field(default_factory=dict)  # package -> sets of rooms, the highest first
    circles: list = dataclasses.field(default_factory=list)  # (package, rooms)


def read_rules(text):
    """Reads `rules.txt`, which says itself how it is written."""
    rules = Rules()
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        head, colon, rest = line.partition(":")
        kind, *names = head.split()
        values = rest.split()
        if kind == "package" and len(names) == 1:
            rules.packages[names[0]] = set(values)
        elif kind == "tests" and len(names) == 1:
            rules.tests[names[0]] = set(values)
        elif kind == "crate" and names:
            rules.crates.update({name: values for name in names})
        elif kind == "layers" and len(names) == 1:
            rules.layers[names[0]] = [set(layer.split()) for layer in rest.split(">")]
        elif kind == "circle" and len(names) == 1:
            rules.circles.append((names[0], sorted(values)))
        else:
            colon = ""
        if not colon:
            sys.exit(f"rules.txt:{number}: this is no rule: {line}")
    return rules


def broken(found, rules):
    """What breaks a rule, a sentence each."""
    names = {package.name for package in found}
    for package in found:
        may = rules.packages.get(package.name)
        if may is None:
            yield f"package `{package.name}` has no rule"
            continue
        tests_may = may | rules.tests.get(package.name, set())
        for other in sorted(package.uses & names - may):
            yield f"package `{package.name}` must not use package `{other}`"
        for other in sorted(package.tests_use & names - tests_may):
            yield f"tests of package `{package.name}` must not use package `{other}`"
        for crate in sorted(package.uses & rules.crates.keys()):
            if not any(is_below(place, package.folder) for place in rules.crates[crate]):
                yield f"package `{package.name}` must not depend on `{crate}`"
        for file in package.files:
            for crate in sorted({path[0] for path in file.paths} & rules.crates.keys()):
                if not any(is_below(file.path, place) for place in rules.crates[crate]):
                    yield f"{file.path} must not use `{crate}`"
        graph = needs(package)
        rooms = between_rooms(graph)
        yield from out_of_layer(package.name, rooms, rules.layers.get(package.name))
        known = [group for name, group in rules.circles if name == package.name]
        now = circles(rooms)
        for group in now:
            if not any(set(group) <= set(all) for all in known):
                yield f"rooms of package `{package.name}` need each other in a circle: {' '.join(group)}"
        for group in known:
            if not any(set(part) <= set(group) for part in now):
                yield f"this circle of package `{package.name}` is no more, take its rule out: {' '.join(group)}"


def out_of_layer(package, rooms, layers):
    """Which rooms use others that are not in a lower layer."""
    if layers is None:
        return
    depth = {room: at for at, layer in enumerate(layers) for room in layer}
    for room in sorted(depth.keys() - rooms.keys()):
        yield f"there is no room `{room}` in package `{package}`: take it out of its layer"
    for room, needed in sorted(rooms.items()):
        if room not in depth:
            yield f"room `{room}` of package `{package}` is in no layer"
            continue
        for other in sorted(needed):
            if depth.get(other, len(layers)) <= depth[room]:
                yield f"room `{room}` of package `{package}` must not use room `{other}`, which is not in a lower layer"


def is_below(path, place):
    """Whether a path is `place`, or in it."""
    place = place.rstrip("/")
    return place == "." or path == place or path.startswith(place + "/") or path.startswith(place + ".")


# --- the report ------------------------------------------------------------------------------------------------------


def report(found):
    """The figures, as lines."""
    yield f"{'package':<10} {'files':>6} {'production':>11} {'tests':>7} {'rooms':>6} {'circles of rooms':>17} {'of files':>9}"
    total = collections.Counter()
    details = []
    for package in found:
        production, tests = package.num_lines()
        graph = needs(package)
        rooms = between_rooms(graph)
        of_rooms, of_files = circles(rooms), circles(graph)
        # Of the files, those circles that leave a room.
        across = [group for group in of_files if len({module[0] for module in group}) > 1]
        inside = [group for group in of_files if len({module[0] for module in group}) == 1]
        figures = dict(files=len(package.files), production=production, tests=tests, rooms=len(rooms))
        figures |= dict(of_rooms=len(of_rooms), of_files=len(of_files))
        total.update(figures)
        yield row(package.name, figures)
        for group in of_rooms:
            details.append(f"{package.name}: {len(group)} rooms in a circle: {' '.join(group)}")
        for group in across:
            details.append(f"{package.name}: {len(group)} files of several rooms in a circle")
        for group in inside[:3]:
            places = " ".join("/".join(module) for module in group)
            details.append(f"{package.name}: {len(group)} files of one room in a circle: {places}")
    yield row("together", total)
    yield ""
    yield from details
    yield ""
    yield "longest files, without their tests"
    files = sorted((file for package in found for file in package.files if not file.is_test), key=production_lines)
    for file in reversed(files[-NUM_LONGEST:]):
        yield f"{production_lines(file):>6}  {file.path}"


def production_lines(file):
    return file.num_lines - file.num_test_lines


def row(name, figures):
    return (
        f"{name:<10} {figures['files']:>6} {figures['production']:>11} {figures['tests']:>7} {figures['rooms']:>6} "
        f"{figures['of_rooms']:>17} {figures['of_files']:>9}"
    )


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--check", action="store_true", help="broken rules only")
    check_only = options.parse_args().check
    found = packages()
    if not check_only:
        print("\n".join(report(found)))
    faults = list(broken(found, read_rules((HERE / "rules.txt").read_text())))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
