import gzip
import hashlib
import io
import sys
import tarfile

import numpy as np
import pytest
from toy_data import cifar_bytes, toy_images, write_idx_pair

from minidl.data import DataFileError, DataNotFoundError, cifar10, mnist
from minidl.data.download import ProgressBar, fetch
from minidl.data.files import Download, Source

MNIST = sys.modules["minidl.data.mnist"]
CIFAR = sys.modules["minidl.data.cifar"]
NOBODY = "http://127.0.0.1:9/"  # the discard port: nobody answers


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def item(website):
    """A small file on the website, as something to download."""
    folder, address = website
    content = bytes(range(256)) * 1000
    (folder / "thing.gz").write_bytes(content)
    return Download("thing.gz", md5(content), (address,)), content


def test_fetch_puts_the_file_in_place(tmp_path, item):
    download, content = item
    target = tmp_path / "new" / "folder"
    assert fetch(download, target) == []
    assert (target / "thing.gz").read_bytes() == content
    assert [p.name for p in target.iterdir()] == ["thing.gz"]


def test_a_failing_mirror_is_followed_by_the_next(tmp_path, item):
    download, content = item
    mirrors = (NOBODY, download.mirrors[0] + "missing/", download.mirrors[0])
    assert fetch(Download("thing.gz", download.md5, mirrors), tmp_path / "in") == []
    assert (tmp_path / "in" / "thing.gz").read_bytes() == content


def test_a_corrupted_body_is_followed_by_the_next_mirror(tmp_path, website, item):
    download, content = item
    (website[0] / "bad").mkdir()
    (website[0] / "bad" / "thing.gz").write_bytes(content[:-1])
    mirrors = (website[1] + "bad/", website[1])
    assert fetch(Download("thing.gz", download.md5, mirrors), tmp_path / "in") == []
    assert (tmp_path / "in" / "thing.gz").read_bytes() == content


def test_when_all_mirrors_fail_each_says_why_and_nothing_is_left(tmp_path, website, item):
    download, content = item
    (website[0] / "thing.gz").write_bytes(content + b"!")
    mirrors = (NOBODY, website[1] + "missing/", website[1])
    failures = fetch(Download("thing.gz", download.md5, mirrors), tmp_path / "in")
    assert len(failures) == 3
    assert "404" in failures[1] and f"{website[1]}missing/thing.gz" in failures[1]
    assert "MD5 hash" in failures[2] and download.md5 in failures[2]
    assert list((tmp_path / "in").iterdir()) == []


def test_the_progress_bar_counts():
    bar = ProgressBar("thing.gz")
    bar.total = 100
    bar.update(30)
    bar.update(30)
    assert bar.total == 100 and bar._progress.tasks[0].completed == 60
    bar.reset()
    assert bar._progress.tasks[0].completed == 0
    bar.close()


def test_the_progress_bar_fits_into_an_ascii_terminal(monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    output.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", output)
    monkeypatch.setenv("TERM", "xterm")
    with ProgressBar("thing.gz") as bar:
        bar.total = 2000
        bar.update(2000)
    output.flush()
    shown = output.buffer.getvalue().decode("ascii")
    assert "thing.gz" in shown and "2.0/2.0 kB" in shown


# Whole datasets


@pytest.fixture
def online_mnist(website, monkeypatch):
    """MNIST, but tiny and served by the website, behind a mirror that is down."""
    folder, address = website
    images, labels = write_idx_pair(folder, count=7)
    downloads = tuple(
        Download(f"{name}.gz", md5((folder / f"{name}.gz").read_bytes()), (NOBODY, address))
        for name in MNIST.FILES["train"]
    )
    source = Source("MNIST", MNIST.MNIST.folders, MNIST.FILES, {"train": downloads})
    monkeypatch.setattr(MNIST, "MNIST", source)
    return images, labels


def test_mnist_is_downloaded_once(online_mnist, website, isolated):
    data = mnist()
    np.testing.assert_array_equal(data.images[:, 0], online_mnist[0])
    names = sorted(p.name for p in (isolated / "mnist").iterdir())
    assert names == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    for path in website[0].iterdir():
        path.unlink()
    assert len(mnist()) == 7


@pytest.mark.usefixtures("online_mnist")
def test_a_download_goes_to_the_first_place(tmp_path, monkeypatch, isolated):
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path / "named"))
    mnist()
    assert (tmp_path / "named" / "mnist" / "train-images-idx3-ubyte.gz").is_file()
    for path in (tmp_path / "named" / "mnist").iterdir():
        path.unlink()
    mnist(root=tmp_path / "root")
    assert (tmp_path / "root" / "mnist" / "train-images-idx3-ubyte.gz").is_file()
    assert not isolated.exists()


@pytest.mark.usefixtures("online_mnist")
def test_only_what_is_missing_is_downloaded(tmp_path):
    write_idx_pair(tmp_path / "mnist", count=7, zipped=True)
    (tmp_path / "mnist" / "train-labels-idx1-ubyte.gz").unlink()
    own = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    own.write_bytes(gzip.compress(gzip.decompress(own.read_bytes()), compresslevel=1))
    before = own.read_bytes()
    assert len(mnist(root=tmp_path)) == 7
    assert own.read_bytes() == before  # recompressed, so no official archive, and left alone


@pytest.mark.usefixtures("online_mnist")
def test_offline_the_error_names_each_mirror_and_the_way_out(website, tmp_path):
    for path in website[0].iterdir():
        path.unlink()
    with pytest.raises(DataNotFoundError) as error:
        mnist(root=tmp_path / "root")
    text = str(error.value)
    assert f"  {NOBODY}train-images-idx3-ubyte.gz: " in text
    assert f"  {website[1]}train-images-idx3-ubyte.gz: 404" in text
    assert "--root" in text and "MINIDL_DATA" in text and str(tmp_path / "root" / "mnist") in text


@pytest.fixture
def online_cifar10(website, monkeypatch):
    """CIFAR-10 with 2 images a file, as the official archive packs it, on the website."""
    folder, address = website
    images = toy_images(12, 3, 32)
    labels = np.arange(12) % 10
    archive = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        names = [*CIFAR.CIFAR10.files["train"], *CIFAR.CIFAR10.files["test"]]
        for i, name in enumerate(names):
            content = cifar_bytes(images[2 * i : 2 * i + 2], labels[2 * i : 2 * i + 2])
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    download = Download(archive.name, md5(archive.read_bytes()), (NOBODY, address))
    official = CIFAR.CIFAR10
    downloads = dict.fromkeys(official.files, (download,))
    source = Source(official.title, official.folders, official.files, downloads)
    monkeypatch.setattr(CIFAR, "CIFAR10", source)
    return images, archive


pytestmark = pytest.mark.filterwarnings("ignore:the official files of cifar10 hold:UserWarning")


def test_cifar10_is_downloaded_and_unpacked(online_cifar10, isolated):
    images, archive = online_cifar10
    np.testing.assert_array_equal(cifar10("train").images, images[:10])
    archive.unlink()
    np.testing.assert_array_equal(cifar10("test").images, images[10:])
    assert sorted(p.name for p in isolated.iterdir()) == [
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
    ]
    assert len(list((isolated / "cifar-10-batches-bin").iterdir())) == 6


def test_an_archive_put_there_by_hand_is_unpacked_offline(online_cifar10, tmp_path):
    images, archive = online_cifar10
    (tmp_path / "stick").mkdir()
    archive.rename(tmp_path / "stick" / archive.name)
    data = cifar10("train", root=tmp_path / "stick", download=False)
    np.testing.assert_array_equal(data.images, images[:10])


def test_unpacking_finishes_what_was_interrupted_and_spares_what_is_there(online_cifar10, tmp_path):
    images, archive = online_cifar10
    archive.rename(tmp_path / archive.name)
    cifar10("train", root=tmp_path, download=False)
    folder = tmp_path / "cifar-10-batches-bin"
    (folder / "data_batch_4.bin").unlink()
    mine = cifar_bytes(images[:1], [9])
    (folder / "data_batch_1.bin").write_bytes(mine)
    data = cifar10("train", root=tmp_path, download=False)
    assert len(data) == 9 and data.labels[0] == 9
    assert (folder / "data_batch_1.bin").read_bytes() == mine


def test_a_damaged_archive_is_refused(online_cifar10, tmp_path):
    archive = online_cifar10[1]
    path = tmp_path / archive.name
    path.write_bytes(archive.read_bytes()[:-9])
    with pytest.raises(DataFileError, match="its MD5 should be") as error:
        cifar10(root=tmp_path)
    assert str(path) in str(error.value) and "Delete the file" in str(error.value)
    assert [p.name for p in tmp_path.iterdir() if "batches" in p.name or "unpack" in p.name] == []


def test_every_download_has_mirrors_that_end_in_a_slash_and_a_checksum():
    for source in (MNIST.MNIST, MNIST.FASHION_MNIST, CIFAR.CIFAR10, CIFAR.CIFAR100):
        for items in source.downloads.values():
            for download in items:
                assert len(download.md5) == 32 and int(download.md5, 16)
                assert len(download.mirrors) >= 2
                assert all(m.startswith("http") and m.endswith("/") for m in download.mirrors)
