# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The configuration transaction, run for real as root in a temporary directory with a small daemon of shell scripts."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.config_tree import stage
from ansible_collections.rampart.ops.plugins.module_utils.config_tree.model import ConfigTreeError, Node
from ansible_collections.rampart.ops.plugins.module_utils.config_tree.transaction import Settings, Transaction

REPO = Path(__file__).resolve().parents[2]


def script(path: Path, body: str) -> str:
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    return str(path)


class Daemon:
    """Its checker refuses the word BAD, its reload refuses NOLOAD and keeps what it loaded; SICK makes it unwell."""

    def __init__(self, base: Path) -> None:
        self.root = base / "etc"
        self.root.mkdir()
        (self.root / "main.conf").write_text("include *.conf\n")
        self.state_dir = base / "state"
        self.loaded = base / "loaded"
        self.calls = base / "calls"
        self.calls.write_text("")
        self.seen_live = base / "seen-live"
        tree = f"cat $(find -L {self.root} -name '*.conf' -type f | sort)"
        note = f"echo %s >> {self.calls}"
        complain = f"echo 'bad word in '$(grep -rl BAD {self.root}) >&2; exit 1"
        self.check = script(base / "check", f"{note % 'check'}\nif {tree} | grep -q BAD; then {complain}; fi\n")
        refuse = f"if {tree} | grep -q NOLOAD; then echo 'will not load' >&2; exit 3; fi"
        self.reload = script(base / "reload", f"{note % 'reload'}\n{refuse}\n{tree} > {self.loaded}\n")
        self.verify = script(base / "verify", f"{note % 'verify'}\n! grep SICK {self.loaded}\n")

    def settings(self, **overrides: Any) -> Settings:
        base: dict[str, Any] = {
            "name": "daemon",
            "root": str(self.root),
            "state_dir": str(self.state_dir),
            "check": [[self.check]],
            "reload": [[self.reload]],
            "verify": [[self.verify]],
            "timeout": 0,
        }
        return Settings(**{**base, **overrides})

    def apply(self, files: dict[str, str | None], check_mode: bool = False, **overrides: Any) -> dict[str, Any]:
        desired = {
            str(self.root / name): None if text is None else Node("file", text.encode(), 0o644, 0, 0)
            for name, text in files.items()
        }
        return Transaction(self.settings(**overrides)).run(desired, check_mode=check_mode)

    def take_calls(self) -> list[str]:
        calls = self.calls.read_text().split()
        self.calls.write_text("")
        return calls

    def snapshot(self) -> dict[str, tuple[Any, ...]]:
        found: dict[str, tuple[Any, ...]] = {}
        for path in sorted(self.root.rglob("*")):
            status = path.lstat()
            content: Any = None
            if path.is_symlink():
                content = str(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            mode = None if path.is_symlink() else oct(status.st_mode)
            found[str(path.relative_to(self.root))] = (mode, status.st_uid, status.st_gid, content)
        return found

    def open_runs(self) -> list[str]:
        return [path.name for path in self.state_dir.glob("*/undo.json")]


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    assert os.geteuid() == 0, "these tests change owners and mount namespaces: run them as root"
    return Daemon(tmp_path)


@pytest.fixture(params=["staged", "in place"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every behaviour holds with a private view and without one."""
    if request.param == "in place":

        def denied(root: str, workspace: str) -> None:
            raise PermissionError(1, "unshare")

        monkeypatch.setattr(stage, "_stage", denied)
    return str(request.param)


def crash(run: Callable[[], Any]) -> int:
    """Run in a child process that does not survive; return how it ended."""
    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join(30)
    assert child.exitcode is not None
    return child.exitcode


def test_installs_checks_reloads_verifies_and_then_is_quiet(daemon: Daemon, way: str) -> None:
    result = daemon.apply({"a.conf": "one\n", "sub/dir/b.conf": "two\n"})
    assert result["changed"] and result["checked"] == way
    assert result["changed_files"] == [str(daemon.root / "a.conf"), str(daemon.root / "sub/dir/b.conf")]
    assert daemon.take_calls() == ["check", "reload", "verify"]
    assert "one" in daemon.loaded.read_text()
    before = daemon.snapshot()
    again = daemon.apply({"a.conf": "one\n", "sub/dir/b.conf": "two\n"})
    assert not again["changed"] and again["diff"] == []
    assert daemon.take_calls() == []
    assert daemon.snapshot() == before


def test_refused_files_are_never_live_when_staged(daemon: Daemon) -> None:
    daemon.apply({"a.conf": "one\n"})
    daemon.take_calls()
    # The checker runs in the private view; this shell looks at the same path from outside at the same moment.
    outside = f"nsenter --mount=/proc/{os.getpid()}/ns/mnt cat {daemon.root}/a.conf > {daemon.seen_live}"
    peek = script(daemon.state_dir.parent / "peek", f"{outside}\ngrep -q BAD {daemon.root}/a.conf && exit 1\n")
    with pytest.raises(ConfigTreeError):
        daemon.apply({"a.conf": "BAD\n"}, check=[[peek]])
    assert daemon.seen_live.read_text() == "one\n"


def test_a_refused_file_changes_nothing_and_is_named(daemon: Daemon, way: str) -> None:
    daemon.apply({"a.conf": "one\n"})
    before = daemon.snapshot()
    daemon.take_calls()
    with pytest.raises(ConfigTreeError) as refusal:
        daemon.apply({"a.conf": "two\n", "new/b.conf": "BAD\n"})
    assert refusal.value.details["rejected"] == [str(daemon.root / "new/b.conf")]
    assert "bad word in" in str(refusal.value) and refusal.value.details["rc"] == 1
    assert daemon.snapshot() == before
    assert daemon.take_calls()[-1] == "check" and not daemon.open_runs()
    assert not daemon.apply({"a.conf": "one\n"})["changed"]


@pytest.mark.parametrize("word", ["NOLOAD", "SICK"])
def test_a_failed_reload_or_health_check_puts_the_previous_files_back_and_loads_them(
    daemon: Daemon, way: str, word: str
) -> None:
    daemon.apply({"a.conf": "one\n"})
    before = daemon.snapshot()
    with pytest.raises(ConfigTreeError, match="the previous files were put back"):
        daemon.apply({"a.conf": f"{word}\n", "sub/b.conf": "b\n"})
    assert daemon.snapshot() == before
    assert "one" in daemon.loaded.read_text() and word not in daemon.loaded.read_text()
    assert not daemon.open_runs()


def test_verify_is_repeated_until_the_daemon_is_up(daemon: Daemon) -> None:
    slow = script(
        daemon.root.parent / "slow", f"echo try >> {daemon.calls}; test $(grep -c try {daemon.calls}) -ge 3\n"
    )
    daemon.apply({"a.conf": "one\n"}, verify=[[slow]], timeout=20)
    assert daemon.take_calls().count("try") == 3


def test_absent_restores_everything_byte_for_byte(daemon: Daemon, way: str) -> None:
    original = daemon.root / "a.conf"
    original.write_bytes(b"\xff\xfe original without newline")
    original.chmod(0o640)
    os.chown(original, 1234, 4321)
    (daemon.root / "available.conf").write_text("site\n")
    (daemon.root / "enabled.conf").symlink_to("available.conf")
    (daemon.root / "default.conf").symlink_to("nowhere")
    before = daemon.snapshot()
    daemon.apply(
        {
            "a.conf": "ours\n",
            "enabled.conf": "ours too\n",
            "default.conf": None,
            "deep/er/c.conf": "c\n",
            "gone.conf": None,
        }
    )
    assert (daemon.root / "a.conf").read_text() == "ours\n"
    assert not (daemon.root / "enabled.conf").is_symlink()
    assert not (daemon.root / "default.conf").is_symlink()
    assert (daemon.root / "available.conf").read_text() == "site\n"
    daemon.apply({"a.conf": "ours again\n", "enabled.conf": "ours too\n", "default.conf": None})
    assert not (daemon.root / "deep").exists()
    result = daemon.apply({})
    assert result["changed"] and daemon.snapshot() == before
    assert b"ours" not in daemon.loaded.read_bytes()
    assert list(daemon.state_dir.iterdir()) == []
    daemon.take_calls()
    assert not daemon.apply({})["changed"] and daemon.take_calls() == []


def test_a_file_that_turns_up_where_nothing_shall_be_is_an_original(daemon: Daemon) -> None:
    daemon.apply({"a.conf": "one\n", "default.conf": None})
    (daemon.root / "default.conf").write_text("came with the package\n")
    assert daemon.apply({"a.conf": "one\n", "default.conf": None})["changed"]
    assert not (daemon.root / "default.conf").exists()
    daemon.apply({})
    assert (daemon.root / "default.conf").read_text() == "came with the package\n"


def test_what_is_put_where_a_file_was_taken_away_stays(daemon: Daemon) -> None:
    (daemon.root / "default.conf").symlink_to("nowhere")
    daemon.apply({"a.conf": "one\n", "default.conf": None})
    (daemon.root / "default.conf").write_text("his own\n")
    daemon.apply({"a.conf": "one\n"})
    assert (daemon.root / "default.conf").read_text() == "his own\n"
    daemon.apply({})
    assert (daemon.root / "default.conf").read_text() == "his own\n"


def test_our_own_file_is_no_original_when_it_shall_be_gone(daemon: Daemon) -> None:
    daemon.apply({"a.conf": "one\n", "b.conf": "ours\n"})
    daemon.apply({"a.conf": "one\n", "b.conf": None})
    daemon.apply({})
    assert not (daemon.root / "b.conf").exists()


def test_mode_and_owner_are_part_of_the_state(daemon: Daemon) -> None:
    daemon.apply({"a.conf": "one\n"})
    (daemon.root / "a.conf").chmod(0o600)
    os.chown(daemon.root / "a.conf", 1234, 0)
    result = daemon.apply({"a.conf": "one\n"})
    assert result["changed"] and "mode 0600, owner 1234" in result["diff"][0]["before"]
    status = (daemon.root / "a.conf").stat()
    assert (oct(status.st_mode & 0o7777), status.st_uid) == ("0o644", 0)


@pytest.mark.parametrize("word", ["two", "BAD"])
def test_a_run_killed_before_its_reload_is_mended_by_the_next(daemon: Daemon, way: str, word: str) -> None:
    daemon.apply({"a.conf": "one\n"})
    good = daemon.snapshot()
    killer = script(daemon.root.parent / "killer", "kill -KILL $PPID\n")
    files = {"a.conf": "two\n", "sub/b.conf": "b\n"}
    assert crash(lambda: daemon.apply(files, reload=[[killer]])) == -signal.SIGKILL
    assert (daemon.root / "a.conf").read_text() == "two\n" and "one" in daemon.loaded.read_text()
    assert daemon.open_runs()
    assert daemon.apply(files, check_mode=True)["changed"]
    daemon.take_calls()
    if word == "BAD":
        # What comes next is refused: the tree goes back to what was there before the killed run.
        with pytest.raises(ConfigTreeError, match="put back"):
            daemon.apply({"a.conf": "BAD\n"})
        assert daemon.snapshot() == good and "one" in daemon.loaded.read_text()
    else:
        result = daemon.apply(files)
        assert result["changed"] and result["resumed"] and result["changed_files"] == []
        assert daemon.take_calls() == ["check", "reload", "verify"]
        assert "two" in daemon.loaded.read_text()
    assert not daemon.open_runs()


def test_a_run_killed_between_two_files_keeps_the_originals(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    (daemon.root / "a.conf").write_text("original a\n")
    (daemon.root / "b.conf").write_text("original b\n")
    before = daemon.snapshot()

    def run() -> None:
        rename = os.rename

        def second_kills(source: str, target: str) -> None:
            if target.endswith("b.conf"):
                os.kill(os.getpid(), signal.SIGKILL)
            rename(source, target)

        # The stage is off, so that the killer strikes in the real tree.
        os.rename = second_kills
        daemon.apply({"a.conf": "ours\n", "b.conf": "ours\n"}, check=[])

    assert crash(run) == -signal.SIGKILL
    assert (daemon.root / "a.conf").read_text() == "ours\n" and (daemon.root / "b.conf").read_text() == "original b\n"
    # The next run wants something else altogether; nothing of the killed one may stay.
    daemon.apply({"c.conf": "c\n"})
    assert {name: entry for name, entry in daemon.snapshot().items() if name != "c.conf"} == before
    daemon.apply({})
    assert daemon.snapshot() == before


def test_a_full_disk_leaves_everything_as_it_was(daemon: Daemon) -> None:
    daemon.apply({"a.conf": "one\n"})
    before = daemon.snapshot()
    report = daemon.root.parent / "report"

    def run() -> None:
        # No file may grow beyond this: the small file can be written, the big one cannot. The stage is off as above.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            daemon.apply({"a.conf": "two\n", "dir/b.conf": "x" * 30_000}, check=[])
        except ConfigTreeError as error:
            report.write_text(str(error))

    assert crash(run) == 0
    assert "nothing was replaced: cannot write" in report.read_text() and "dir/b.conf" in report.read_text()
    assert daemon.snapshot() == before and not daemon.open_runs()
    assert not daemon.apply({"a.conf": "one\n"})["changed"]


def test_check_mode_writes_nothing_and_tells_all(daemon: Daemon) -> None:
    (daemon.root / "a.conf").write_text("old\n")
    before = daemon.snapshot()
    result = daemon.apply({"a.conf": "new\n", "sub/b.conf": "b\n"}, check_mode=True)
    assert result["changed"] and result["checked"] == "staged"
    assert [(entry["before"], entry["after"]) for entry in result["diff"]] == [("old\n", "new\n"), ("", "b\n")]
    assert daemon.snapshot() == before and not daemon.state_dir.exists()
    with pytest.raises(ConfigTreeError, match="would be refused"):
        daemon.apply({"a.conf": "BAD\n"}, check_mode=True)
    bare = daemon.apply({"a.conf": "BAD\n"}, check_mode=True, check=[["/usr/sbin/not-installed-yet", "-t"]])
    assert bare["changed"] and bare["checked"] == "no"
    assert "reload" not in daemon.take_calls()
    missing = Transaction(daemon.settings(root="/nonexistent/etc")).run(
        {"/nonexistent/etc/a.conf": Node("file", b"x", 0o644, -1, -1)}, check_mode=True
    )
    assert missing["changed"] and not Path("/nonexistent").exists()


def test_a_file_belongs_to_one_set(daemon: Daemon) -> None:
    daemon.apply({"a.conf": "one\n"})
    with pytest.raises(ConfigTreeError, match=r"a\.conf \(daemon\)"):
        daemon.apply({"a.conf": "two\n"}, name="other")
    assert (daemon.root / "a.conf").read_text() == "one\n"
    daemon.apply({"b.conf": "two\n"}, name="other")


def test_two_runs_do_not_mix(daemon: Daemon) -> None:
    inner: list[str] = []

    class Nosy(Transaction):
        def _verify(self) -> Any:
            with pytest.raises(ConfigTreeError, match="right now"):
                daemon.apply({"a.conf": "other\n"})
            inner.append("refused")

    Nosy(daemon.settings()).run({str(daemon.root / "a.conf"): Node("file", b"one\n", 0o644, 0, 0)})
    assert inner == ["refused"] and (daemon.root / "a.conf").read_text() == "one\n"


def test_a_mount_below_root_stays_visible_to_the_checker(daemon: Daemon) -> None:
    # As /etc/resolv.conf in a container: the overlay alone would hide it.
    (daemon.root / "mounted.conf").write_text("hidden BAD\n")
    good = daemon.root.parent / "good"
    good.write_text("visible\n")
    subprocess.run(["mount", "--bind", good, daemon.root / "mounted.conf"], check=True)
    try:
        assert daemon.apply({"a.conf": "one\n"})["checked"] == "staged"
    finally:
        subprocess.run(["umount", daemon.root / "mounted.conf"], check=True)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("../outside.conf", "plain absolute"), ("a//b.conf", "plain absolute"), ("dir/", "plain absolute")],
)
def test_paths_that_lead_elsewhere_are_refused(daemon: Daemon, name: str, complaint: str) -> None:
    parameters = {**daemon.settings()._asdict(), "check": [], "reload": [], "verify": []}
    with pytest.raises(ConfigTreeError, match=complaint):
        Settings.from_parameters(parameters, [f"{daemon.root}/{name}"])
    with pytest.raises(ConfigTreeError, match="lies outside root"):
        Settings.from_parameters(parameters, ["/etc/passwd"])
    with pytest.raises(ConfigTreeError, match="lies in it"):
        Settings.from_parameters(parameters, [f"{daemon.root}/a", f"{daemon.root}/a/b"])
    with pytest.raises(ConfigTreeError, match="listed twice"):
        Settings.from_parameters(parameters, [f"{daemon.root}/a", f"{daemon.root}/a"])


def test_directories_that_lead_out_of_root_and_odd_files_are_refused(daemon: Daemon) -> None:
    (daemon.root / "out").symlink_to("/tmp")  # noqa: S108
    with pytest.raises(ConfigTreeError, match="leads out of"):
        daemon.apply({"out/rampart-test.conf": "x\n"})
    (daemon.root / "dir.conf").mkdir()
    with pytest.raises(ConfigTreeError, match="neither a regular file"):
        daemon.apply({"dir.conf": "x\n"})


def test_a_damaged_record_stops_everything(daemon: Daemon) -> None:
    daemon.apply({"a.conf": "one\n"})
    (daemon.state_dir / "daemon/manifest.json").write_text("{")
    with pytest.raises(ConfigTreeError, match="is damaged"):
        daemon.apply({"a.conf": "two\n"})
    assert (daemon.root / "a.conf").read_text() == "one\n"


def ansible(daemon: Daemon, arguments: dict[str, Any], *flags: str) -> dict[str, Any]:
    """The module as Ansible runs it."""
    everything = {"name": "daemon", "root": str(daemon.root), "state_dir": str(daemon.state_dir), **arguments}
    command = ["-m", "rampart.ops.config_tree", "-a", json.dumps(everything), "-o", *flags]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible"), "-i", "localhost,", "-c", "local", "all", *command],
        cwd=REPO,
        env={**os.environ, "ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "=> " in done.stdout, done.stdout + done.stderr
    return dict(json.loads(done.stdout.partition("=> ")[2]))


def test_an_insertion_leaves_what_the_administrator_changes_later(daemon: Daemon) -> None:
    """Byte for byte what it was; with the edits that were made meanwhile; and nothing if the file is gone."""
    original = b"server {\r\n  a;\n}"
    for name in ("a.conf", "b.conf", "c.conf"):
        (daemon.root / name).write_bytes(original)
        (daemon.root / name).chmod(0o640)
    inserted = original.decode().replace("{", "{ OURS;")

    def entry(name: str) -> dict[str, Any]:
        return {"dest": f"{daemon.root}/{name}", "content": inserted, "inserted": " OURS;", "mode": "0640"}

    assert ansible(daemon, {"files": [entry(name) for name in ("a.conf", "b.conf", "c.conf")]})["changed"] is True
    assert (daemon.root / "a.conf").read_bytes() == inserted.encode()
    (daemon.root / "b.conf").write_bytes(inserted.encode() + b"# theirs")
    (daemon.root / "c.conf").unlink()
    assert ansible(daemon, {"state": "absent"})["changed"] is True
    assert (daemon.root / "a.conf").read_bytes() == original
    assert oct((daemon.root / "a.conf").stat().st_mode)[-4:] == "0640"
    assert (daemon.root / "b.conf").read_bytes() == original + b"# theirs"
    assert not (daemon.root / "c.conf").exists()


def test_a_secret_is_never_shown(daemon: Daemon) -> None:
    entry = {"dest": f"{daemon.root}/key", "secret_content": "s3cr3t-one\n", "mode": "0644"}
    assert "lets everybody read" in ansible(daemon, {"files": [entry]})["msg"]
    for secret in ("s3cr3t-one\n", "s3cr3t-two\n"):
        entry.update(secret_content=secret, mode="0600")
        for mode in (["--check", "--diff"], ["--diff", "-vvv"]):
            result = ansible(daemon, {"files": [entry]}, *mode)
            assert result["changed"] is True
            assert "s3cr3t" not in json.dumps(result)
    assert (daemon.root / "key").read_text() == "s3cr3t-two\n"
    result = ansible(daemon, {"state": "absent"}, "--diff", "-vvv")
    assert result["changed"] is True and "s3cr3t" not in json.dumps(result)


def test_the_module_itself(daemon: Daemon) -> None:
    arguments = {
        "files": [{"dest": f"{daemon.root}/a.conf", "content": "one\n", "mode": "0600", "owner": "root"}],
        "check": [daemon.check],
        "reload": [[daemon.reload], ["true"]],
    }
    assert ansible(daemon, arguments, "--check")["changed"] is True
    assert ansible(daemon, arguments)["checked"] == "staged"
    assert oct((daemon.root / "a.conf").stat().st_mode)[-4:] == "0600"
    assert ansible(daemon, arguments)["changed"] is False
    arguments["files"][0]["owner"] = "nobody-of-this-name"
    assert "no such owner on this host" in ansible(daemon, arguments)["msg"]
    arguments["files"][0].update(owner="root", content={"not": "text"})
    assert "content must be a string, got dict" in ansible(daemon, arguments)["msg"]
    assert ansible(daemon, {"state": "absent"})["changed"] is True
    assert not (daemon.root / "a.conf").exists()
