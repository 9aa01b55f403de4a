"""What docker-compose.yml and the Dockerfile must keep to, checked on what Docker's own code reads in them.

    check.py DOCKER_COMPOSE IMAGE

DOCKER_COMPOSE is the plugin `docker compose` as a program, IMAGE is image.go's. Prints every finding and exits with 1, or
prints what was looked at. `test_check.py` shows each rule something that it has to find.
"""

import contextlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The services of each selection of profiles, so that one which is lost or moved is noticed.
PROFILES = {
    (): {"qdrant", "runbookd"},
    ("cluster",): {"qdrant", "qdrant-2", "qdrant-3", "runbookd"},
    ("ingest",): {"qdrant", "runbookd", "ingest"},
    ("embedded",): {"qdrant", "runbookd", "runbookd-embedded", "ingest-embedded"},
}
KEY = "for-this-check"
QDRANT = re.compile(r"qdrant(-\d+)?$")
LOOPBACK = {"127.0.0.1", "::1"}
# Of variables that hold a secret, and of those that only name its file.
SECRET = re.compile(r"(KEY|TOKEN|TOKENS|PASSWORD|SECRET)$")
REQUIRED_LABELS = ["title", "description", "licenses", "version", "revision", "created", "source"]
# The health check of our own image, which has neither a shell nor another client.
READY = ["CMD", "/usr/local/bin/runbookd", "ready"]
# Of Debian's releases, the one that distroless calls by its number.
DEBIAN = {"trixie": "debian13", "bookworm": "debian12"}


def unescaped(text):
    """A value as a container gets it: `config` doubles every `$`, so that its output can be read again."""
    return text.replace("$$", "$")


def pinned(image):
    """Whether an image has a digest, or a tag that does not move with every release."""
    if "@sha256:" in image:
        return True
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag != "" and not tag.startswith("latest") and tag not in {"nonroot", "debug"}


def one_service(name, service):
    """What is wrong with a service by itself."""
    runs_once = service.get("restart") == "no"
    if not pinned(service.get("image", "")):
        yield f"the image `{service.get('image')}` is not pinned"
    for key in ("privileged", "cap_add", "devices", "volumes_from", "network_mode", "pid", "ipc", "userns_mode"):
        if service.get(key):
            yield f"`{key}` is set"
    if service.get("cap_drop") != ["ALL"]:
        yield "it keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "it may gain privileges"
    if not service.get("read_only"):
        yield "its root is writable"
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", service.get("user", "")):
        yield "it does not say a user and a group other than root's, by number"
    if service.get("restart") not in {"unless-stopped", "no"}:
        yield "it has no restart policy"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    for limit in ("cpus", "memory", "pids"):
        if not limits.get(limit):
            yield f"it has no limit of {limit}"
    options = service.get("logging", {}).get("options", {})
    if not options.get("max-size") or not options.get("max-file"):
        yield "its log grows without end"
    for port in service.get("ports", []):
        if port.get("host_ip") not in LOOPBACK:
            yield f"port {port.get('published')} is open on {port.get('host_ip') or 'every address'}"
        if QDRANT.match(name):
            yield f"port {port.get('target')} of the database is published"
    for volume in service.get("volumes", []):
        if volume["type"] != "volume" and not volume.get("read_only"):
            yield f"it may write to {volume.get('source')} of the machine"
        if "docker.sock" in str(volume.get("source")):
            yield "it reaches the daemon"
    for variable in service.get("environment", {}):
        if SECRET.search(variable):
            yield f"the secret {variable} is in the environment"
    # What runs once ends with an exit code; our image's check would ask a server that is not there.
    check = service.get("healthcheck", {})
    if runs_once and "build" in service and not check.get("disable"):
        yield "it has the health check of a server"
    if not runs_once and (check.get("disable") or not check.get("test")):
        yield "it has no health check"
    if not runs_once and "build" in service and check.get("test") != READY:
        yield f"its health check is not {READY}"
    if QDRANT.match(name):
        yield from database(service)


def database(service):
    """What is wrong with a node of Qdrant."""
    environment = service.get("environment", {})
    for variable, value in {
        "QDRANT__TELEMETRY_DISABLED": "true",
        "QDRANT__SERVICE__ENFORCE_INTERNAL_AUTH": "true",
        "QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY": "false",
        "QDRANT__SERVICE__ENABLE_CORS": "false",
    }.items():
        if str(environment.get(variable)).lower() != value:
            yield f"{variable} is not {value}"
    if "qdrant-api-key" not in [secret["source"] for secret in service.get("secrets", [])]:
        yield "it has no key"


def together(project):
    """What is wrong with networks, secrets, and services beside each other."""
    networks = project.get("networks", {})
    inner = {name for name, network in networks.items() if network.get("internal")}
    for name, service in project["services"].items():
        joined = set(service.get("networks", {}))
        if QDRANT.match(name) and not joined <= inner:
            yield f"{name}: it is on networks that lead outside: {', '.join(sorted(joined - inner))}"
        if not QDRANT.match(name) and "peers" in joined:
            yield f"{name}: it is on the network of the database's nodes"
        if not joined:
            yield f"{name}: it is on the default network"
    for name, secret in project.get("secrets", {}).items():
        if "file" not in secret:
            yield f"the secret {name} is not a file"
    images = {service["image"] for name, service in project["services"].items() if QDRANT.match(name)}
    if len(images) > 1:
        yield f"the database's nodes are of several versions: {', '.join(sorted(images))}"


def faults(project):
    """Everything that is wrong with a project as `docker compose config --format json` shows it."""
    for name, service in project["services"].items():
        for fault in one_service(name, service):
            yield f"{name}: {fault}"
    yield from together(project)


def image_faults(image, rust_version):
    """What is wrong with the image that the Dockerfile makes, as `image lint` shows it."""
    config = image["config"]
    for base in image["base_images"]:
        if not re.search(r"[:@][^/]*\d", base.rpartition("/")[2]) and "-debian" not in base:
            yield f"the base image {base} is not pinned"
    names = " ".join(image["base_images"])
    if not any(all(word in names for word in pair) for pair in DEBIAN.items()):
        yield "the programs are not built on the Debian that they run on"
    if f"rust:{rust_version}-" not in names:
        yield f"Rust is not that of Cargo.toml, {rust_version}"
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", config.get("User", "")):
        yield f"its user is `{config.get('User', '')}`"
    if config.get("Entrypoint") != ["/usr/local/bin/runbookd"]:
        yield f"its entry point is {config.get('Entrypoint')}"
    for label in REQUIRED_LABELS:
        if f"org.opencontainers.image.{label}" not in config.get("Labels", {}):
            yield f"it has no label `{label}`"
    for variable in config.get("Env", []):
        if SECRET.search(variable.partition("=")[0]):
            yield f"the secret {variable.partition('=')[0]} is in its environment"


# ---- What is run ----


class Failed(Exception):
    """A program ended otherwise than it should."""


def output_of(command, **options):
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    if finished.returncode != 0:
        raise Failed(f"{os.path.basename(command[0])} {' '.join(command[1:])}:\n{finished.stdout}{finished.stderr}")
    return finished.stdout


def project_of(compose, profiles, secrets):
    # Only what this check says: neither variables of the machine nor a `.env` may change what is looked at.
    environment = {"PATH": os.environ["PATH"], "HOME": secrets, "RUNBOOKD_SECRETS": secrets}
    command = [compose, "--project-directory", ROOT, "--env-file", "/dev/null", "-f", f"{ROOT}/docker-compose.yml"]
    for profile in profiles:
        command += ["--profile", profile]
    return json.loads(output_of(command + ["config", "--format", "json"], env=environment))


@contextlib.contextmanager
def readiness(status, body=b""):
    """A server that gives this status and body to /readyz and 404 to everything else; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/readyz" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if body:
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def health_check_faults(service):
    """Whether the health check of the database tells ready from not ready, in the shell that its image has."""
    test = [unescaped(word) for word in service["healthcheck"]["test"]]
    if test[0] != "CMD" or "/6333" not in test[-1]:
        yield "the health check is not the one that is known here"
        return
    for status, healthy in ((200, True), (503, False), (None, False)):
        # Nothing listens on port 1.
        with readiness(status) if status else contextlib.nullcontext(1) as port:
            script = test[-1].replace("/6333", f"/{port}")
            finished = subprocess.run([*test[1:-1], script], capture_output=True, timeout=20)
        if (finished.returncode == 0) != healthy:
            yield f"the health check exits with {finished.returncode} where /readyz gives {status}"


def start_faults(name, service, scratch):
    """Whether the database's command gives it the key of the file, names its peers, and refuses an empty key."""
    directory = tempfile.mkdtemp(dir=scratch)
    stand_in, key_file = os.path.join(directory, "qdrant"), os.path.join(directory, "key")
    with open(stand_in, "w", encoding="utf-8") as script:
        script.write('#!/usr/bin/env bash\nprintf "%s\\n" "$QDRANT__SERVICE__API_KEY" "$@"\n')
    os.chmod(stand_in, 0o755)
    command = [unescaped(word).replace("/run/secrets/qdrant-api-key", key_file) for word in service["command"]]
    environment = {"PATH": os.environ["PATH"], **service["environment"]}
    expected = [KEY, "--uri", environment["NODE_URI"]]
    if "BOOTSTRAP_URI" in environment:
        expected += ["--bootstrap", environment["BOOTSTRAP_URI"]]
    for text, code, lines in ((KEY + "\n", 0, expected), ("", 1, []), (None, 1, [])):
        if text is None:
            os.remove(key_file)
        else:
            with open(key_file, "w", encoding="utf-8") as file:
                file.write(text)
        finished = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=20)
        if (finished.returncode, finished.stdout.splitlines()) != (code, lines):
            yield f"{name}: with the key {text!r} it ends with {finished.returncode} and {finished.stdout!r}"


def image_check_faults(dockerfile):
    """Whether the image has the health check that docker-compose.yml has, for those who run it by itself."""
    checks = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", dockerfile, re.MULTILINE)
    if [json.loads(check) for check in checks] != [READY[1:]]:
        yield f"its health check is not {READY[1:]}: {checks}"


def ready_faults():
    """Whether the program has the command of its health check, and says no where nobody listens."""
    runbookd = os.environ.get("RUNBOOKD_BIN", "")
    if not os.access(runbookd, os.X_OK):
        print("SKIPPED: the health check of runbookd (RUNBOOKD_BIN is missing: cargo build --release --workspace)")
        return
    for status, code in (("ready", 0), ("draining", 1), (None, 1)):
        reply = json.dumps({"status": status}).encode()
        # Nothing listens on port 1.
        with readiness(200, reply) if status else contextlib.nullcontext(1) as port:
            environment = {"PATH": os.environ["PATH"], "RUNBOOKD_LISTEN": f"127.0.0.1:{port}"}
            finished = subprocess.run([runbookd, *READY[2:]], env=environment, capture_output=True, text=True, timeout=20)
        if finished.returncode != code:
            yield f"`runbookd ready` exits with {finished.returncode} where it is {status}: {finished.stderr.strip()}"


def context_faults(image, scratch):
    """Whether what .dockerignore lets through is enough for Cargo, and nothing that is nobody's business."""
    names = [name for name in output_of([image, "context", ROOT]).split("\0") if name]
    for name in names:
        if re.search(r"(^|/)(\.git|target|secrets/[^/]*\.toml|\.env)(/|$)", name) and not name.startswith("scripts/"):
            yield f"{name} goes to the builder"
    for package in ("src", "net", "kb", "ingest", "eval", "scripts/setup"):
        for directory, directories, files in os.walk(os.path.join(ROOT, package)):
            directories[:] = [name for name in directories if name not in {"target", "__pycache__"}]
            for file in files:
                name = os.path.relpath(os.path.join(directory, file), ROOT)
                if name not in names and not name.endswith((".pending-snap", "test_setup.py", ".pyc")):
                    yield f"{name} does not go to the builder"
    copy = os.path.join(scratch, "context")
    for name in names:
        place = os.path.join(copy, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copyfile(os.path.join(ROOT, name), place)
    if shutil.which("cargo"):
        try:
            output_of(["cargo", "metadata", "--locked", "--offline", "--format-version", "1"], cwd=copy)
        except Failed as failure:
            yield f"Cargo cannot read what goes to the builder: {failure}"
    else:
        print("SKIPPED: the builder's files in Cargo's eyes (Cargo is not installed)")


def sample_faults(scratch):
    """Whether `ingest` takes the sources that are mounted, with the folder of this machine in place of the container's."""
    ingest = os.environ.get("INGEST_BIN", "")
    if not os.access(ingest, os.X_OK):
        print("SKIPPED: the sources of deploy/compose (INGEST_BIN is missing: cargo build --release --workspace)")
        return
    with open(f"{ROOT}/deploy/compose/ingest.toml", encoding="utf-8") as file:
        text = file.read()
    local = text.replace('"/runbooks"', json.dumps(f"{ROOT}/runbooks"))
    if local == text:
        yield "deploy/compose/ingest.toml does not read /runbooks"
    path = os.path.join(scratch, "ingest.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(local)
    command = [ingest, "--config", path, "--kb", os.path.join(scratch, "kb"), "--embedder", "hashed", "--dry-run", "--strict"]
    try:
        output_of(command)
    except Failed as failure:
        yield f"the sources of deploy/compose cannot be read: {failure}"


def main(compose, image):
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("qdrant-api-key", "tokens.toml"):
            open(os.path.join(scratch, name), "w", encoding="utf-8").close()
        for profiles, services in PROFILES.items():
            project = project_of(compose, profiles, scratch)
            if set(project["services"]) != services:
                found.append(f"the profiles {profiles} have the services {sorted(project['services'])}")
            found += faults(project)
        everything = project_of(compose, ("*",), scratch)
        if set(everything["services"]) != set.union(*PROFILES.values()):
            found.append("there is a service that belongs to no known profile")
        for name, service in everything["services"].items():
            if QDRANT.match(name):
                found += start_faults(name, service, scratch)
        found += health_check_faults(everything["services"]["qdrant"])
        lint = subprocess.run([image, "lint", f"{ROOT}/Dockerfile"], stdout=subprocess.PIPE, text=True, timeout=60)
        if lint.returncode != 0:
            found.append("BuildKit's checks of the Dockerfile, see above")
        else:
            with open(f"{ROOT}/Cargo.toml", "rb") as file:
                rust_version = tomllib.load(file)["workspace"]["package"]["rust-version"]
            found += [f"Dockerfile: {fault}" for fault in image_faults(json.loads(lint.stdout), rust_version)]
        with open(f"{ROOT}/Dockerfile", encoding="utf-8") as file:
            found += [f"Dockerfile: {fault}" for fault in image_check_faults(file.read())]
        found += ready_faults()
        found += context_faults(image, scratch)
        found += sample_faults(scratch)
    for fault in dict.fromkeys(found):
        print(fault, file=sys.stderr)
    if not found:
        print(f"{len(PROFILES)} selections of profiles, {len(everything['services'])} services, one image: nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Failed as failure:
        sys.exit(str(failure))
