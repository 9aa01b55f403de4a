"""Tests of `rooms.py`."""

import unittest

import rooms


class Reading(unittest.TestCase):
    def test_comments_and_literals_name_nothing(self):
        source = """// use crate::a;
            /* crate::b /* crate::c */ crate::d */ let x = "crate::e \\" crate::f"; let y = r#"crate::g " "#;
            let z = ('"', '\\'', b'\\\\'); fn f<'a>(a: &'a str) { crate::h(a) }"""
        self.assertEqual(rooms.paths_in(rooms.without_texts(source)), [["crate", "h"]])

    def test_trees_are_taken_apart(self):
        tree = "crate::{a, b::{self, c as d}, e::*}"
        paths = [["crate", "a"], ["crate", "b", "self"], ["crate", "b", "c"], ["crate", "e", "*"]]
        self.assertEqual(rooms.paths_of_tree(tree), paths)

    def test_tests_are_no_production_code(self):
        code = "use crate::a;\n#[cfg(test)]\nmod contract;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\nfn f() {}\n"
        production, modules = rooms.without_tests(code)
        self.assertEqual(modules, ["contract"])
        self.assertEqual(rooms.paths_in(production), [["crate", "a"]])
        self.assertEqual(rooms.lines_of_tests(code, production), {1, 2, 3, 4, 5, 6})

    def test_paths_lead_to_modules(self):
        modules = {("a",), ("a", "b"), ("c",)}
        check = lambda path, module: rooms.resolve(path.split("::"), module, modules, {"Item": ("c",)})
        self.assertEqual(check("crate::a::b::Item", ("c",)), ("a", "b"))
        self.assertEqual(check("super::c", ("a",)), ("c",))
        self.assertEqual(check("super::super::c::Item", ("a", "b")), ("c",))
        self.assertEqual(check("b::Item", ("a",)), ("a", "b"))
        self.assertEqual(check("crate::Item", ("a",)), ("c",))
        self.assertIsNone(check("std::fmt", ("a",)))


class Judging(unittest.TestCase):
    def test_circles_are_found(self):
        graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"d"}}
        self.assertEqual(rooms.circles(graph), [["a", "b", "c"]])

    def test_broken_rules_are_told(self):
        def file(path, module, *paths):
            return rooms.File(path, module, False, 1, 0, [path.split("::") for path in paths])

        files = [file("kb/src/a.rs", ("a",), "crate::b", "axum::Json"), file("kb/src/b.rs", ("b",), "crate::a")]
        found = [rooms.Package("kb", "kb", {"ingest", "axum"}, set(), files), rooms.Package("ingest", "ingest", set(), set())]
        rules = rooms.read_rules("package kb:\ncrate axum: src # HTTP\nlayers kb: b > a\ncircle kb: c d")
        self.assertEqual(
            list(rooms.broken(found, rules)),
            [
                "package `kb` must not use package `ingest`",
                "package `kb` must not depend on `axum`",
                "kb/src/a.rs must not use `axum`",
                "room `a` of package `kb` must not use room `b`, which is not in a lower layer",
                "rooms of package `kb` need each other in a circle: a b",
                "this circle of package `kb` is no more, take its rule out: c d",
                "package `ingest` has no rule",
            ],
        )


if __name__ == "__main__":
    unittest.main()
