"""The files of a download: a file, a folder or an archive, which is not unpacked to disk."""

import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError

LIMIT = 1 << 30
"""Bytes of one file, unpacked: twenty times the largest of the official ones, and far below a machine's memory."""
TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# zipfile raises RuntimeError for a password, its subclass NotImplementedError for an unknown compression, and
# IndexError and struct.error for a damaged directory.
BROKEN = (
    OSError, EOFError, RuntimeError, IndexError, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
    tarfile.TarError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One file of a source. `name`: its path there, without .gz; `where`: its name in messages."""

    name: str
    where: str
    open: Callable[[], Any]

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each line. Raises: UserError where the file is cut off, damaged or larger than LIMIT."""
        number, left = 0, LIMIT
        try:
            with self.open() as raw, gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw as file:
                while line := file.readline(left + 1):
                    number, left = number + 1, left - len(line)
                    if left < 0:
                        raise UserError(f"{self.where}: more than {LIMIT} bytes: no benchmark is that large")
                    yield number, line
        except BROKEN as error:
            raise UserError(f"{self.where}:{number + 1}: cannot read on ({error}): fetch the file again") from error

    def whole(self) -> bytes:
        """All bytes. Raises: UserError as `lines` does."""
        return b"".join(line for _, line in self.lines())


@contextmanager
def members(source: Path) -> Iterator[list[Member]]:
    """The files of a source by name, readable until the context ends.

    Hidden files and those that macOS adds (`__MACOSX`, `._name`) are left out. Raises: UserError if it cannot be read.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder: name the download, or the folder that it was unpacked to")
    with ExitStack() as stack:
        try:
            mark, found = _files(source, stack)
        except (*BROKEN, ValueError) as error:  # ValueError: bad names, negative offsets
            message = " ".join(str(error).split())  # tarfile's has five lines
            raise UserError(f"{source}: cannot be read ({message}): fetch it again") from error
        yield [
            Member(name.removesuffix(".gz"), f"{source}{mark}{name}" if mark else str(source), opener)
            for name, opener in sorted(found.items())
            if not (mark and _hidden(name))
        ]


def _files(source: Path, stack: ExitStack) -> tuple[str, dict[str, Callable[[], Any]]]:
    """The mark between a source and its files in messages, and path inside the source -> a function that opens it."""
    name = source.name.lower()
    if source.is_dir():
        return "/", {p.relative_to(source).as_posix(): partial(p.open, "rb") for p in source.rglob("*") if p.is_file()}
    if name.endswith(".zip"):
        packed = stack.enter_context(zipfile.ZipFile(source))
        return "!", {i.filename: partial(packed.open, i) for i in packed.infolist() if not i.is_dir()}
    if name.endswith(TAR):
        archive = stack.enter_context(tarfile.TarFile.open(source))
        found: dict[str, Callable[[], Any]] = {m.name: partial(archive.extractfile, m) for m in archive if m.isfile()}
        # tarfile stops at the end mark of the archive. The checksum of the compression follows: read on to check it.
        while archive.fileobj is not None and archive.fileobj.read(1 << 20):
            pass
        return "!", found
    return "", {source.name: partial(source.open, "rb")}


def _hidden(name: str) -> bool:
    return any(part == "__MACOSX" or part.startswith(".") for part in name.removeprefix("./").split("/"))
