"""Single members of zip and tar archives, read into memory: nothing is ever unpacked onto the disk."""

from __future__ import annotations

from .files import LIMIT, DataError, Source, as_data_error, gunzip, is_gzip, name_of, read_bytes


def read_zip_member(source: Source, member: str, *, limit: int = LIMIT) -> bytes:
    """One file of a zip archive.

    Raises DataError for a damaged or encrypted archive, a missing member, a compression other than deflate, and for
    archives or members of more than `limit` bytes: the declared size is checked first, then the true one.
    """
    import io
    import zipfile

    name = name_of(source)
    data = read_bytes(source, limit)
    with as_data_error(name, f"member {member!r} cannot be read"), zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo(member)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{name}: member {member!r} is packed by method {info.compress_type}, not deflate")
        if info.file_size > limit:
            raise DataError(f"{name}: member {member!r} declares {info.file_size} bytes, the limit is {limit}")
        with archive.open(info) as file:
            content = file.read(limit + 1)
        if len(content) > limit or len(content) != info.file_size:
            raise DataError(f"{name}: member {member!r} does not have the {info.file_size} bytes it declares")
        return content


def read_tar_member(source: Source, member: str, *, limit: int = LIMIT) -> bytes:
    """One plain file of a tar archive, which may be gzipped.

    Raises DataError for a damaged archive, a missing member, a member that is no plain file (a link, a device, a sparse
    file), and for an archive of more than `limit` bytes, packed or unpacked.
    """
    import io
    import tarfile

    name = name_of(source)
    data = read_bytes(source, limit)
    if is_gzip(data):
        data = gunzip(data, limit, name)
    with (
        as_data_error(name, f"member {member!r} cannot be read"),
        tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive,
    ):
        info = archive.getmember(member)
        if not info.isreg() or info.issparse():
            raise DataError(f"{name}: member {member!r} is no plain file")
        if not 0 <= info.size <= len(data):
            raise DataError(f"{name}: member {member!r} declares {info.size} bytes, the archive has {len(data)}")
        file = archive.extractfile(info)
        content = b"" if file is None else file.read(info.size)
        if len(content) != info.size:
            raise DataError(f"{name}: member {member!r} is cut short")
        return content
