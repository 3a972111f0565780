"""The workspace: a directory with `.aisys/workspace.json`, found from any folder inside.

State is one small file beside the student's own, so that it moves with them and survives
an update of the course. Paths in it are relative to the workspace.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from aisys_cli.errors import UsageError
from aisys_cli.report.records import Report, Whole
from aisys_cli.report.writing import write_whole

__all__ = ["LabState", "Workspace", "find_workspace"]

FOLDER = ".aisys"


class LabState(msgspec.Struct, kw_only=True):
    """What is known of a started lab. `verdicts` are of the last run of each check."""

    folder: str
    version: int
    verdicts: dict[str, str] = {}
    hints: dict[str, int] = {}


class _File(msgspec.Struct, kw_only=True):
    current: str = ""
    labs: dict[str, LabState] = {}


class Workspace:
    """A workspace in `root`; `save` writes what changed."""

    def __init__(self, root: Path) -> None:
        self.root = root = root.resolve()
        self._path = root / FOLDER / "workspace.json"
        self._file = _File()
        if self._path.is_file():
            try:
                self._file = msgspec.json.decode(self._path.read_bytes(), type=_File)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> UsageError:
        if b"\n<<<<<<< " in b"\n" + self._path.read_bytes():
            return UsageError(
                f"{self._path} holds two versions: a merge that is not finished",
                remedy=f"Keep either one: git checkout --ours {self._path}    (or --theirs)",
            )
        return UsageError(
            f"{self._path} is damaged: {error}",
            remedy="Move it away and start the lab again; your own files stay.",
        )

    @property
    def current(self) -> str:
        return self._file.current

    @property
    def labs(self) -> dict[str, LabState]:
        return self._file.labs

    def folder(self, lab: str) -> Path:
        return self.root / self.labs[lab].folder

    def start(self, lab: str, folder: Path, version: int) -> None:
        """Note a lab as started in `folder` and current; keeps what is known of it."""
        relative = folder.resolve().relative_to(self.root).as_posix()
        known = self.labs.get(lab)
        if known is None:
            self.labs[lab] = LabState(folder=relative, version=version)
        else:
            known.folder, known.version = relative, version
        self._file.current = lab

    def lab_at(self, place: Path) -> str:
        """The started lab whose folder holds `place`, or ""."""
        for id in self.labs:
            if place.resolve().is_relative_to(self.folder(id).resolve()):
                return id
        return ""

    def save(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self._file)).decode()
        write_whole(self._path, text + "\n")

    # -- the last run of a lab ---------------------------------------------------

    def record(
        self,
        report: Report,
        calls: dict[str, bytes],
        whole: dict[str, Whole] | None = None,
        *,
        language: str = "en",
    ) -> dict[str, Path]:
        """Keep a run: verdicts, and for each failed check what `lab repro` needs, and a text of
        all that is known. Returns the files with these texts."""
        from aisys_cli.report.text import render_whole

        texts: dict[str, Path] = {}
        folder = self.root / FOLDER / report.lab
        state = self.labs[report.lab]
        for check in report.checks:
            state.verdicts[check.id] = check.verdict
            kept, text = folder / f"{check.id}.failure", folder / f"{check.id}.txt"
            if check.verdict in ("pass", "blocked"):
                text.unlink(missing_ok=True)
            else:
                shown = render_whole(check, (whole or {}).get(check.id), language=language)
                write_whole(text, shown)
                texts[check.id] = text
            if check.id in calls:
                failure = StoredFailure(calls=calls[check.id], report=report_of(report, check.id))
                write_whole(kept, msgspec.msgpack.encode(failure))
            elif kept.exists():
                kept.unlink()
        self.save()
        return texts

    def failure(self, lab: str, check: str) -> StoredFailure | None:
        """The stored failure of a check, or None."""
        path = self.root / FOLDER / lab / f"{check}.failure"
        if not path.is_file():
            return None
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=StoredFailure)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Cut short, or of another version of aisys; the next test makes it anew.
            raise UsageError(f"{path} is damaged", remedy="aisys lab test") from None


class StoredFailure(msgspec.Struct):
    """The smallest failing input of a check: its calls on the driver (see
    grader/student.py, Asked), and the report with that check alone."""

    calls: bytes
    report: Report


def report_of(report: Report, check: str) -> Report:
    """The report, with one of its checks only."""
    return msgspec.structs.replace(
        report, checks=tuple(one for one in report.checks if one.id == check)
    )


def find_workspace(start: Path) -> Workspace | None:
    """The workspace that holds `start`, or None."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FOLDER / "workspace.json").is_file():
            return Workspace(folder)
    return None
