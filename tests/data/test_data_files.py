import gzip
import subprocess
import sys

import numpy as np
import pytest
from toy_data import cifar_bytes, idx_bytes, toy_images, write_idx_pair

from minidl.data import DataFileError, DataNotFoundError, cifar10, cifar100, fashion_mnist, mnist

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("folder", [".", "mnist", "MNIST/raw"])
def test_idx_files_are_read_exactly(tmp_path, folder, zipped):
    images, labels = write_idx_pair(tmp_path / folder, zipped=zipped)
    data = mnist("train", root=tmp_path, download=False)
    np.testing.assert_array_equal(data.images, images[:, None])
    np.testing.assert_array_equal(data.labels, labels)
    assert data.name == "mnist" and data.classes[7] == "7"
    assert data.mean[0] == pytest.approx((images / 255).mean())


def test_train_and_test_have_their_own_files(tmp_path):
    write_idx_pair(tmp_path, count=6)
    images, _ = write_idx_pair(tmp_path, count=3, prefix="t10k")
    assert len(mnist("train", str(tmp_path))) == 6
    np.testing.assert_array_equal(mnist("test", str(tmp_path)).images[:, 0], images)


def test_gzip_is_told_by_content_not_by_name(tmp_path):
    images, _ = write_idx_pair(tmp_path, zipped=False)
    (tmp_path / IMAGES).rename(tmp_path / f"{IMAGES}.gz")  # unzipped on download, name kept
    (tmp_path / LABELS).write_bytes(gzip.compress((tmp_path / LABELS).read_bytes()))
    np.testing.assert_array_equal(mnist(root=tmp_path).images[:, 0], images)


def test_places_are_searched_in_order(tmp_path, monkeypatch, isolated):
    write_idx_pair(isolated / "mnist", count=3)
    assert len(mnist(download=False)) == 3
    write_idx_pair(tmp_path / "named" / "mnist", count=4)
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path / "named"))
    assert len(mnist(download=False)) == 4
    write_idx_pair(tmp_path / "root", count=5)
    assert len(mnist(root=tmp_path / "root", download=False)) == 5
    (tmp_path / "root" / f"{LABELS}.gz").unlink()  # half a split does not count
    assert len(mnist(root=tmp_path / "root", download=False)) == 4


def test_the_named_folder_wins_over_the_root_itself(tmp_path):
    write_idx_pair(tmp_path, count=3)
    write_idx_pair(tmp_path / "fashion_mnist", count=4)
    assert len(mnist(root=tmp_path, download=False)) == 3
    assert len(fashion_mnist(root=tmp_path, download=False)) == 4


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def damage_extend(path):
    path.write_bytes(path.read_bytes() + b"\0")


def damage_empty(path):
    path.write_bytes(b"")


def damage_header(path):
    path.write_bytes(path.read_bytes()[:9])


def damage_web_page(path):
    path.write_bytes(b"<html>403 Forbidden</html>")


def damage_type(path):
    content = bytearray(path.read_bytes())
    content[2] = 0x0D  # float32
    path.write_bytes(bytes(content))


def damage_swap(path):
    path.write_bytes((path.parent / LABELS).read_bytes())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_truncate, r"cut short or damaged: .*\[6, 28, 28\], which is 4,720 bytes, .* 4,713"),
        (damage_extend, "there are 4,721"),
        (damage_empty, "its 0 bytes begin with nothing"),
        (damage_header, "its 9 bytes begin with 00 00 08 03"),
        (damage_web_page, "It looks like a web page"),
        (damage_type, "should begin with the bytes 00 00 08 03, .* begin with 00 00 0d 03"),
        (damage_swap, "begin with 00 00 08 01"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damaged_idx_files_are_refused(tmp_path, damage, message):
    write_idx_pair(tmp_path, zipped=False)
    damage(tmp_path / IMAGES)
    with pytest.raises(DataFileError, match=message) as error:
        mnist(root=tmp_path)
    assert str(tmp_path / IMAGES) in str(error.value)
    assert "Delete the file" in str(error.value)


def test_truncated_or_damaged_gzip_is_refused(tmp_path):
    write_idx_pair(tmp_path)
    path = tmp_path / f"{IMAGES}.gz"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    no_block = (
        whole[:10] + b"\x07" + whole[11:]
    )  # after the header, a block type that is not defined
    cut = whole[:-1], whole[: len(whole) // 2], whole[:12]
    for content in (*cut, bytes(flipped), no_block):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match="gzip file is cut short or damaged"):
            mnist(root=tmp_path)


def test_labels_must_fit(tmp_path):
    write_idx_pair(tmp_path, count=6, zipped=False)
    (tmp_path / LABELS).write_bytes(idx_bytes(np.array([0, 1, 2, 3, 10, 5])))
    with pytest.raises(DataFileError, match=r"labels 0…9, but label 4 is 10"):
        mnist(root=tmp_path)
    (tmp_path / LABELS).write_bytes(idx_bytes(np.arange(5)))
    with pytest.raises(DataFileError, match=r"holds 6 images but .* holds 5 labels"):
        mnist(root=tmp_path)


def test_one_dataset_is_not_taken_for_another(tmp_path, monkeypatch):
    # Let the toy pair be an official file of MNIST: then Fashion-MNIST must refuse it.
    write_idx_pair(tmp_path / "fashion_mnist", zipped=False)
    content = (tmp_path / "fashion_mnist" / IMAGES).read_bytes()
    module = sys.modules["minidl.data.mnist"]
    monkeypatch.setitem(module.CONTENTS, module.md5(content), ("MNIST", IMAGES))
    with pytest.raises(
        DataFileError, match=rf"the file {IMAGES} of MNIST, not .* of Fashion-MNIST"
    ):
        fashion_mnist(root=tmp_path, download=False)
    write_idx_pair(tmp_path / "mnist", zipped=True)
    assert len(mnist(root=tmp_path, download=False)) == 6
    # Nor is the official training file accepted under the test file's name.
    for name, other in ((IMAGES, "t10k-images-idx3-ubyte"), (LABELS, "t10k-labels-idx1-ubyte")):
        (tmp_path / "mnist" / f"{name}.gz").rename(tmp_path / "mnist" / f"{other}.gz")
    with pytest.raises(DataFileError, match="not t10k-images-idx3-ubyte of MNIST"):
        mnist("test", root=tmp_path, download=False)


def test_the_official_mnist(real_mnist):
    for split, count, start in (
        ("train", 60_000, [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]),
        ("test", 10_000, [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]),
    ):
        data = mnist(split, root=real_mnist, download=False)
        assert data.images.shape == (count, 1, 28, 28)
        assert data.labels[:10].tolist() == start
    assert mnist(root=real_mnist).mean == (pytest.approx(0.1307, abs=5e-5),)
    assert mnist(root=real_mnist).std == (pytest.approx(0.3081, abs=5e-5),)
    with pytest.raises(DataFileError, match=r"of MNIST, not .* of Fashion-MNIST"):
        fashion_mnist(root=real_mnist, download=False)


# CIFAR


def write_cifar10(folder, counts=(2, 3, 1, 2, 2)):
    folder.mkdir(parents=True, exist_ok=True)
    images = toy_images(sum(counts), 3, 32)
    labels = np.arange(sum(counts)) % 10
    start = 0
    for i, count in enumerate(counts, start=1):
        part = slice(start, start + count)
        content = cifar_bytes(images[part], labels[part])
        (folder / f"data_batch_{i}.bin").write_bytes(content)
        start += count
    return images, labels


@pytest.mark.parametrize("folder", [".", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
def test_cifar10_records_are_read_exactly(tmp_path, folder):
    images, labels = write_cifar10(tmp_path / folder)
    with pytest.warns(UserWarning, match=r"10,000 images each, but not .*_1.bin \(2\), .*_2"):
        data = cifar10(root=tmp_path, download=False)
    np.testing.assert_array_equal(data.images, images)
    np.testing.assert_array_equal(data.labels, labels)
    assert data.name == "cifar10" and data.classes[3] == "cat" and len(data.classes) == 10


def test_a_file_of_the_official_size_gives_no_warning(tmp_path):
    pixels = np.zeros((10_000, 3073), np.uint8)
    pixels[-1, 0], pixels[-1, -1] = 9, 200
    pixels.tofile(tmp_path / "test_batch.bin")
    data = cifar10("test", root=tmp_path)
    assert data.labels[-1] == 9 and data.images[-1, 2, 31, 31] == 200


def test_cifar100_takes_the_fine_label(tmp_path):
    images = toy_images(4, 3, 32)
    content = cifar_bytes(images, [4, 1, 14, 8], [0, 1, 2, 3])
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(content)
        with pytest.warns(UserWarning, match="official files of cifar100 hold"):
            data = cifar100(name[:-4], root=tmp_path, download=False)
        np.testing.assert_array_equal(data.images, images)
        assert data.labels.tolist() == [0, 1, 2, 3]
    assert len(set(data.classes)) == 100 and data.classes[3] == "bear"
    assert list(data.classes) == sorted(data.classes)  # the official order is alphabetical


def test_damaged_cifar_files_are_refused(tmp_path):
    write_cifar10(tmp_path, counts=(2, 2, 2, 2, 2))
    path = tmp_path / "data_batch_3.bin"
    whole = path.read_bytes()
    for content in (whole[:-1], b"", whole + b"\0"):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match="multiple of 3,073 bytes") as error:
            cifar10(root=tmp_path)
        assert str(path) in str(error.value) and "Delete the file" in str(error.value)
    path.write_bytes(whole[:3073] + bytes([10]) + whole[3074:])
    with pytest.raises(DataFileError, match=r"0…9, but in record 1 it is 10"):
        cifar10(root=tmp_path)


def test_cifar100_labels_must_lie_in_range(tmp_path):
    for coarse, fine, message in (
        (20, 0, "label byte 0 .* 0…19"),
        (0, 100, "label byte 1 .* 0…99"),
    ):
        (tmp_path / "train.bin").write_bytes(cifar_bytes(toy_images(1, 3, 32), [coarse], [fine]))
        with pytest.raises(DataFileError, match=message):
            cifar100(root=tmp_path)


# Nothing there


@pytest.mark.parametrize(
    ("load", "names", "folder"),
    [
        (mnist, ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"], "mnist"),
        (fashion_mnist, ["train-images-idx3-ubyte.gz"], "fashion_mnist"),
        (cifar10, ["data_batch_1.bin", "data_batch_5.bin", "cifar-10-binary.tar.gz"], "."),
        (cifar100, ["train.bin", "cifar-100-binary.tar.gz"], "."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_error_says_how_to_get_the_files(tmp_path, isolated, load, names, folder):
    root = tmp_path / "mine"
    with pytest.raises(FileNotFoundError) as error:
        load(root=root, download=False)
    assert isinstance(error.value, DataNotFoundError)
    text = str(error.value)
    for name in names:
        assert name in text
    for expected in ("--root", "MINIDL_DATA", "https://", "MD5", str(isolated), str(root / folder)):
        assert expected in text
    assert not root.exists()  # looking leaves no trace


def test_the_download_code_waits_until_it_is_needed():
    """pooch and rich are slow to import."""
    code = "import sys, minidl.data; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "minidl.data.loader" in run.stdout.split()
    assert "minidl.data.download" not in run.stdout.split()
