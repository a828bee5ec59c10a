# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Check, write, reload, verify; and the way back from each of these steps."""

from __future__ import annotations

import time
from typing import Any, Mapping, NamedTuple

from ansible_collections.rampart.ops.plugins.module_utils.config_tree import stage, store
from ansible_collections.rampart.ops.plugins.module_utils.config_tree.model import (
    Command,
    ConfigTreeError,
    Tree,
    blame,
    check_paths,
    commands,
    difference,
    render_diff,
    target,
)


class Settings(NamedTuple):
    name: str
    root: str
    state_dir: str
    check: list[Command]
    reload: list[Command]
    verify: list[Command]
    timeout: int

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any], paths: list[str]) -> Settings:
        check_paths(parameters["root"], paths)
        return cls(
            parameters["name"],
            parameters["root"],
            parameters["state_dir"],
            commands("check", parameters["check"]),
            commands("reload", parameters["reload"]),
            commands("verify", parameters["verify"]),
            parameters["timeout"],
        )


class Transaction:
    def __init__(self, settings: Settings, label: store.Label | None = None) -> None:
        self.settings = settings
        self.label = label
        self.record = store.Record(settings.state_dir, settings.name)

    def run(self, desired: Tree, check_mode: bool = False, inserted: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Bring about C(desired). C(inserted) is, for each file of the administrator's, the text that is ours in it."""
        try:
            if not check_mode and (desired or self.record.exists()):
                self.record.open()
            return self._run(desired, check_mode, dict(inserted or {}))
        finally:
            self.record.close()

    def _run(self, desired: Tree, check_mode: bool, inserted: dict[str, str]) -> dict[str, Any]:
        foreign = self.record.owners(desired)
        if foreign:
            listed = ", ".join(f"{path} ({owner})" for path, owner in sorted(foreign.items()))
            raise ConfigTreeError(f"these files belong to another set: {listed}")
        manifest, undo = self.record.manifest(), self.record.undo()
        # A path that an interrupted run was the first to touch is known from the way back alone.
        originals: Tree = {**undo.files, **manifest.files}
        live = store.read_all(self.settings.root, {**desired, **originals})
        removed = [] if undo.exists else manifest.removed
        wanted = target(desired, originals, live, {**undo.inserted, **manifest.inserted}, removed)
        changes = difference(live, wanted)
        result: dict[str, Any] = {
            "changed": bool(changes or undo.exists),
            "changed_files": list(changes),
            "resumed": undo.exists,
            "diff": render_diff(live, changes),
        }
        directories = {*manifest.directories, *undo.directories}
        if result["changed"] and check_mode:
            result["checked"] = self._check_only(changes)
        elif result["changed"]:
            directories.update(store.missing_directories(path for path, node in changes.items() if node))
            way_back = {path: live[path] for path in changes}
            # What an interrupted run left behind is no state to come back to; what it replaced is.
            way_back.update(undo.files)
            result["checked"] = self._apply(changes, store.Saved(way_back, sorted(directories), inserted, []), undo)
        if not check_mode:
            self._remember(desired, live, originals, inserted, manifest._replace(directories=sorted(directories)))
        return result

    def _remember(
        self, desired: Tree, live: Tree, originals: Tree, inserted: dict[str, str], manifest: store.Saved
    ) -> None:
        if not desired:
            store.remove_empty_directories(manifest.directories)
            self.record.forget()
            return
        # The first sight of a path is its original. Where nothing was and nothing shall be there is none yet.
        first_sight = {path: originals.get(path, live[path]) for path in desired}
        kept = store.Saved(
            {path: node for path, node in first_sight.items() if node or desired[path]},
            store.remove_empty_directories(manifest.directories),
            inserted,
            sorted(path for path, node in desired.items() if node is None),
        )
        if kept != manifest:
            self.record.save_manifest(kept)
        self.record.finish()

    def _check_only(self, changes: Tree) -> str:
        check = self.settings.check
        if not check or not all(stage.available(argv) for argv in check):
            return "no"
        try:
            failed = self._on_stage(changes)
        except stage.CannotStage:
            return "no"
        if failed:
            raise refusal("these changes would be refused", failed, changes)
        return "staged"

    def _on_stage(self, changes: Tree) -> stage.Outcome | None:
        return stage.checked_on_stage(self.settings.root, lambda: store.write_all(changes), self.settings.check)

    def _apply(self, changes: Tree, way_back: store.Saved, interrupted: store.Saved) -> str:
        settings = self.settings
        checked = "no"
        if settings.check:
            try:
                failed = self._on_stage(changes)
                checked = "staged"
            except stage.CannotStage:
                failed = None
            if failed and not interrupted.exists:
                raise refusal("nothing was changed", failed, changes)
            if failed:
                raise refusal(self._roll_back(way_back, reload=True), failed, changes)
        self.record.save_undo(way_back)
        try:
            store.discard_leftovers(way_back.files)
            store.write_all(changes, self.label)
        except (ConfigTreeError, OSError) as error:
            raise ConfigTreeError(f"{error}; {self._roll_back(way_back, interrupted.exists)}") from error
        if settings.check and checked == "no":
            checked = "in place"
            failed = stage.run_until_failure(settings.check)
            if failed:
                raise refusal(self._roll_back(way_back, interrupted.exists), failed, changes)
        failed = stage.run_until_failure(settings.reload) or self._verify()
        if failed:
            raise refusal(self._roll_back(way_back, reload=True), failed, changes)
        return checked

    def _verify(self) -> stage.Outcome | None:
        deadline = time.monotonic() + self.settings.timeout
        while True:
            failed = stage.run_until_failure(self.settings.verify)
            if failed is None or time.monotonic() >= deadline:
                return failed
            time.sleep(0.25)

    def _roll_back(self, way_back: store.Saved, reload: bool) -> str:
        """Put the previous files back and say so. Until the daemon has loaded them, the way back stays on record."""
        try:
            live = store.read_all(self.settings.root, way_back.files)
            store.write_all(difference(live, way_back.files), self.label)
            store.remove_empty_directories(way_back.directories)
        except (ConfigTreeError, OSError) as error:
            return f"THE PREVIOUS FILES COULD NOT BE PUT BACK ({error}); the next run tries again"
        failed = stage.run_until_failure(self.settings.reload) if reload else None
        if failed:
            return f"the previous files were put back, but '{failed.command}' then failed: {failed.output}"
        self.record.finish()
        return "the previous files were put back"


def refusal(consequence: str, failed: stage.Outcome, changes: Tree) -> ConfigTreeError:
    rejected = blame(changes, failed.output)
    files = ", ".join(rejected) or "state"
    reason = failed.output or "no output"
    return ConfigTreeError(
        f"{consequence}: '{failed.command}' failed (rc {failed.rc}) with the new {files}: {reason}",
        command=failed.command,
        rc=failed.rc,
        output=failed.output,
        rejected=rejected,
    )
