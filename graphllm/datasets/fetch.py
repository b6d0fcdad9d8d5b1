"""Brings the files of a manifest to this machine."""

from pathlib import Path

from tqdm import tqdm

from graphllm.datasets.download import download, file_sha256
from graphllm.datasets.locate import download_root, find_folder
from graphllm.datasets.manifest import Manifest, RemoteFile
from graphllm.errors import DatasetError


def fetch(manifest: Manifest, data_root: str | Path | None = None) -> Path:
    """Folder with all the downloads of a manifest, fetched if they are nowhere.

    A bar on stderr shows the progress, if stderr is a terminal.

    Args:
        manifest (Manifest): The data set.
        data_root (str or Path, optional): Searched before anything is downloaded.
            (default: :obj:`None`)

    Returns:
        Path: The folder; the checksums of all its files are right.

    Raises:
        DownloadError: If a file cannot be fetched.
        DatasetError: If a file that is there already is another one.
    """
    paths = [remote.path for remote in manifest.downloads]
    found = find_folder(manifest.folder, paths, data_root)
    if found is None:
        found = download_root() / manifest.folder
        for remote in manifest.downloads:
            _fetch_one(remote, found)
        return found
    for remote in manifest.downloads:
        if remote.sha256 not in (None, file_sha256(found / remote.path)):
            raise DatasetError(
                f"{found / remote.path}: not the file that '{manifest.name}' is made "
                "of (its SHA-256 differs); remove it to fetch it again"
            )
    return found


def _fetch_one(remote: RemoteFile, folder: Path) -> None:
    with tqdm(
        desc=Path(remote.path).name, unit="B", unit_scale=True, disable=None
    ) as bar:

        def advance(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        download(remote.url, folder / remote.path, remote.sha256, progress=advance)
