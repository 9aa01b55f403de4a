"""Each rule of check.py is shown a project that breaks it, and nothing else."""

import copy
import json
import unittest

import check

QDRANT = {
    "image": "qdrant/qdrant:v1.18.3-unprivileged",
    "user": "1000:1000",
    "restart": "unless-stopped",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "deploy": {"resources": {"limits": {"cpus": 2, "memory": "1", "pids": 1}}},
    "logging": {"options": {"max-size": "1m", "max-file": "3"}},
    "environment": {
        "QDRANT__TELEMETRY_DISABLED": "true",
        "QDRANT__SERVICE__ENFORCE_INTERNAL_AUTH": "true",
        "QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY": "false",
        "QDRANT__SERVICE__ENABLE_CORS": "false",
    },
    "secrets": [{"source": "qdrant-api-key"}],
    "healthcheck": {"test": ["CMD", "true"]},
    "networks": {"storage": None, "peers": None},
}
RUNBOOKD = {
    **{key: QDRANT[key] for key in ("restart", "read_only", "cap_drop", "security_opt", "deploy", "logging")},
    "image": "runbookd:local",
    "build": {"context": "."},
    "user": "65532:65532",
    "ports": [{"host_ip": "127.0.0.1", "published": "8000", "target": 8000}],
    "environment": {"RUNBOOKD_QDRANT_API_KEY_FILE": "/run/secrets/qdrant-api-key"},
    "volumes": [{"type": "bind", "source": "/runbooks", "read_only": True}],
    "healthcheck": {"test": check.READY},
    "networks": {"front": None, "storage": None},
}
INGEST = {**RUNBOOKD, "restart": "no", "ports": [], "healthcheck": {"disable": True}}
PROJECT = {
    "services": {"qdrant": QDRANT, "qdrant-2": QDRANT, "runbookd": RUNBOOKD, "ingest": INGEST},
    "networks": {"front": {}, "storage": {"internal": True}, "peers": {"internal": True}},
    "secrets": {"qdrant-api-key": {"file": "/secrets/qdrant-api-key"}},
}
IMAGE = {
    "base_images": [
        "docker.io/library/rust:1.95-slim-trixie",
        "docker.io/library/python:3.13-slim-trixie",
        "gcr.io/distroless/cc-debian13:nonroot",
    ],
    "config": {
        "User": "65532:65532",
        "Entrypoint": ["/usr/local/bin/runbookd"],
        "Env": ["PATH=/usr/bin"],
        "Labels": {f"org.opencontainers.image.{label}": "" for label in check.REQUIRED_LABELS},
    },
}


def changed(original, path, value):
    """A copy with another value at a path; `None` takes the value away."""
    result = copy.deepcopy(json.loads(json.dumps(original)))
    place = result
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result


class Rules(unittest.TestCase):
    def test_a_project_that_keeps_to_them(self):
        self.assertEqual(list(check.faults(PROJECT)), [])

    def test_a_project_that_breaks_one(self):
        node, server = ("services", "qdrant"), ("services", "runbookd")
        port = {"published": "8000", "target": 8000}
        for path, value, word in (
            ((*node, "image"), "qdrant/qdrant", "not pinned"),
            ((*node, "image"), "qdrant/qdrant:latest-unprivileged", "not pinned"),
            ((*node, "image"), "host:5000/qdrant", "not pinned"),
            ((*node, "image"), "qdrant/qdrant:v1.17.0", "several versions"),
            ((*node, "privileged"), True, "`privileged`"),
            ((*node, "cap_add"), ["SYS_PTRACE"], "`cap_add`"),
            ((*node, "network_mode"), "host", "`network_mode`"),
            ((*node, "cap_drop"), None, "capabilities"),
            ((*node, "security_opt"), None, "gain privileges"),
            ((*node, "read_only"), None, "writable"),
            ((*node, "user"), "0:0", "other than root's"),
            ((*node, "user"), None, "other than root's"),
            ((*node, "restart"), None, "restart policy"),
            ((*node, "deploy"), None, "limit of memory"),
            ((*node, "logging"), None, "without end"),
            ((*node, "ports"), [{**port, "host_ip": "127.0.0.1"}], "of the database is published"),
            ((*node, "environment", "QDRANT__TELEMETRY_DISABLED"), "false", "TELEMETRY_DISABLED"),
            ((*node, "environment", "QDRANT__SERVICE__ENFORCE_INTERNAL_AUTH"), None, "ENFORCE_INTERNAL_AUTH"),
            ((*node, "environment", "QDRANT__SERVICE__API_KEY"), "abc", "in the environment"),
            ((*node, "secrets"), None, "no key"),
            ((*node, "healthcheck"), None, "no health check"),
            ((*node, "networks", "front"), {}, "lead outside"),
            (("networks", "storage", "internal"), None, "lead outside"),
            ((*server, "healthcheck"), None, "no health check"),
            ((*server, "healthcheck"), {"disable": True}, "no health check"),
            ((*server, "healthcheck", "test"), ["CMD", "true"], "is not ['CMD'"),
            (("services", "ingest", "healthcheck"), None, "of a server"),
            ((*server, "networks", "peers"), {}, "network of the database's nodes"),
            ((*server, "networks"), None, "default network"),
            ((*server, "ports"), [port], "every address"),
            ((*server, "ports"), [{**port, "host_ip": "0.0.0.0"}], "0.0.0.0"),
            ((*server, "volumes", 0, "read_only"), None, "may write"),
            ((*server, "volumes", 0, "source"), "/var/run/docker.sock", "daemon"),
            ((*server, "environment", "RUNBOOKD_LLM_API_KEY"), "abc", "in the environment"),
            (("secrets", "qdrant-api-key"), {"environment": "KEY"}, "not a file"),
        ):
            with self.subTest(path=path, value=value):
                found = list(check.faults(changed(PROJECT, path, value)))
                self.assertTrue(any(word in fault for fault in found), found)

    def test_an_image(self):
        self.assertEqual(list(check.image_faults(IMAGE, "1.95")), [])
        for path, value, word in (
            (("base_images", 0), "docker.io/library/rust:1.94-slim-trixie", "Rust is not"),
            (("base_images", 0), "docker.io/library/rust:latest", "not pinned"),
            (("base_images", 2), "gcr.io/distroless/cc-debian12:nonroot", "Debian"),
            (("base_images", 2), "gcr.io/distroless/cc", "not pinned"),
            (("config", "User"), "", "its user"),
            (("config", "User"), "root", "its user"),
            (("config", "Entrypoint"), ["/bin/sh", "-c", "runbookd"], "entry point"),
            (("config", "Labels", "org.opencontainers.image.licenses"), None, "label"),
            (("config", "Env"), ["RUNBOOKD_TOKEN=abc"], "in its environment"),
        ):
            with self.subTest(path=path, value=value):
                found = list(check.image_faults(changed(IMAGE, path, value), "1.95"))
                self.assertTrue(any(word in fault for fault in found), found)

    def test_the_health_check_of_an_image(self):
        right = 'HEALTHCHECK --interval=10s CMD ["/usr/local/bin/runbookd", "ready"]\n'
        self.assertEqual(list(check.image_check_faults(right)), [])
        for wrong in ("", "HEALTHCHECK NONE\n", right.replace("ready", "--help"), right + right):
            self.assertEqual(len(list(check.image_check_faults(wrong))), 1, wrong)

    def test_a_health_check_that_tells_nothing(self):
        lying = {"healthcheck": {"test": ["CMD", "bash", "-c", ": /6333"]}}
        self.assertEqual(len(list(check.health_check_faults(lying))), 2)


if __name__ == "__main__":
    unittest.main()
