"""PyTorch's weight files, new and old: right numbers from whole files, no numbers from others."""

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minidl
from minidl import models
from minidl.data.transforms import Normalize
from minidl.weights import WeightsError, load
from tests.pytorch_files import (
    FALSE,
    NONE,
    call,
    dict_of,
    named,
    ordered_dict,
    pickled,
    storage,
    tensor,
    text,
    tuple_of,
    whole,
    write_legacy,
    write_zip,
)

FORMATS = ["zip", "legacy"]
NUMBERS = np.arange(12, dtype="<f4") * 0.5


def write(path: Path, form: str, program: bytes, kind: str = "FloatStorage", numbers=NUMBERS):
    """A file with one storage, called "a"; `program` says REF where the storage is meant."""
    if form == "zip":
        reference = storage("a", numbers.size, kind)
        write_zip(path, program.replace(b"REF", reference), a=numbers.tobytes())
    else:
        reference = storage("a", numbers.size, kind, view=NONE)
        write_legacy(path, program.replace(b"REF", reference), a=(numbers.size, numbers.tobytes()))


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load(path)
    assert path.name in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".th"])
def test_tensors_come_back_as_their_storage_has_them(tmp_path, capsys, form, suffix):
    path = tmp_path / f"model{suffix}"
    program = ordered_dict(
        whole=tensor(b"REF", (3, 4), (4, 1)),
        transposed=tensor(b"REF", (4, 3), (1, 4)),
        part=tensor(b"REF", (2, 2), (6, 2), offset=1),
        scalar=tensor(b"REF", (), (), offset=5),
        expanded=tensor(b"REF", (5, 2), (0, 1)),
        nothing=tensor(b"REF", (0, 3), (3, 1)),
    )
    write(path, form, program)
    arrays = load(path)
    table = NUMBERS.reshape(3, 4)
    expected = {
        "whole": table,
        "transposed": table.T,
        "part": [[0.5, 1.5], [3.5, 4.5]],
        "scalar": 2.5,
        "expanded": [[0, 0.5]] * 5,
        "nothing": np.zeros((0, 3)),
    }
    assert list(arrays) == list(expected)
    for name, values in expected.items():
        assert arrays[name].dtype == np.float32, name
        assert arrays[name].shape == np.shape(values), name
        np.testing.assert_array_equal(arrays[name], values)
        assert arrays[name].flags.writeable, name
    arrays["whole"][0, 1] = 9
    assert arrays["transposed"][1, 0] == 9, "they share a storage, as in PyTorch"
    assert capsys.readouterr().out == "", "nothing had to be done beyond reading"


DTYPES = [
    ("DoubleStorage", "<f8", "float64", [1.5, -2, np.inf]),
    ("FloatStorage", "<f4", "float32", [1.5, -2, np.nan]),
    ("HalfStorage", "<f2", "float16", [1.5, -2, 65504]),
    ("LongStorage", "<i8", "int64", [1, -2, 2**62]),
    ("IntStorage", "<i4", "int32", [1, -2, 2**31 - 1]),
    ("ShortStorage", "<i2", "int16", [1, -2, 2**15 - 1]),
    ("CharStorage", "<i1", "int8", [1, -2, 127]),
    ("ByteStorage", "<u1", "uint8", [1, 2, 255]),
    ("BoolStorage", "<u1", "bool", [1, 0, 1]),
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("kind", "stored", "dtype", "values"), DTYPES)
def test_number_types(tmp_path, form, kind, stored, dtype, values):
    write(
        tmp_path / "a.pth",
        form,
        dict_of(x=tensor(b"REF", (3,), (1,))),
        kind,
        np.array(values, stored),
    )
    x = load(tmp_path / "a.pth")["x"]
    assert x.dtype == dtype
    np.testing.assert_array_equal(x, np.array(values, dtype))


@pytest.mark.parametrize("form", FORMATS)
def test_bfloat16_becomes_float32_exactly_and_says_so(tmp_path, capsys, form):
    # sign, 8 bits of exponent, 7 of fraction: 1.0, -2.0, 1 + 1/128, the smallest number, infinity
    bits = np.array([0x3F80, 0xC000, 0x3F81, 0x0001, 0x7F80], "<u2")
    program = dict_of(x=tensor(b"REF", (5,), (1,)))
    write(tmp_path / "a.pth", form, program, "BFloat16Storage", bits)
    x = load(tmp_path / "a.pth")["x"]
    assert x.dtype == np.float32
    assert x.tolist() == [1.0, -2.0, 1.0078125, 2.0**-133, np.inf]
    assert capsys.readouterr().out == "a.pth: made float32 of 1 bfloat16 array\n"


def test_a_type_without_a_storage_class(tmp_path):
    """`_rebuild_tensor_v3` names the number type beside a storage of plain bytes."""
    reference = tuple_of(
        text("storage"), named("torch.storage", "UntypedStorage"), text("a"), text("cpu"), whole(8)
    )
    shape = [whole(1), tuple_of(whole(2)), tuple_of(whole(2))]
    program = dict_of(
        x=call(
            named("torch._utils", "_rebuild_tensor_v3"),
            reference + b"Q",
            *shape,
            NONE,
            NONE,
            named("torch", "uint16"),
        )
    )
    write_zip(tmp_path / "a.pt", program, a=np.array([1, 2, 3, 65535], "<u2").tobytes())
    x = load(tmp_path / "a.pt")["x"]
    assert x.dtype == np.uint16
    assert x.tolist() == [2, 65535]


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_numbers_with_the_sign_turned_are_refused(tmp_path, version):
    """PyTorch may keep −x as x and a bit beside it."""
    reference = storage("a", 12)
    shape = [whole(0), tuple_of(whole(12)), tuple_of(whole(1)), FALSE, NONE]
    dtype = [named("torch", "float32")] if version == "v3" else []
    rebuild = named("torch._utils", f"_rebuild_tensor_{version}")
    x = call(rebuild, reference, *shape, *dtype, dict_of(neg=b"\x88"))
    write_zip(tmp_path / "a.pt", dict_of(x=x), a=NUMBERS.tobytes())
    assert "negative or conjugate bit" in refusal(tmp_path / "a.pt")


def test_numbers_from_a_machine_with_the_highest_byte_first(tmp_path):
    program = dict_of(x=tensor(storage("a", 3), (3,), (1,)))
    raw = np.array([1, 2, -3], ">f4").tobytes()
    write_zip(tmp_path / "a.pt", program, byteorder="big", a=raw)
    x = load(tmp_path / "a.pt")["x"]
    assert x.dtype == np.dtype("=f4")
    assert x.tolist() == [1, 2, -3]


def test_a_storage_that_is_part_of_another(tmp_path):
    """The oldest files have such views: (key, first element, number of elements)."""
    view = tuple_of(text("b"), whole(3), whole(4))
    program = dict_of(x=tensor(storage("a", 12, view=view), (2,), (2,), offset=1))
    write_legacy(tmp_path / "a.pth", program, a=(12, NUMBERS.tobytes()))
    assert load(tmp_path / "a.pth")["x"].tolist() == [2.0, 3.0]  # elements 3 + 1 and 3 + 3
    outside = dict_of(x=tensor(storage("a", 12, view=view), (2,), (2,), offset=2))
    write_legacy(tmp_path / "a.pth", outside, a=(12, NUMBERS.tobytes()))
    assert "reaches to element 4 of a storage of 4" in refusal(tmp_path / "a.pth")
    view = tuple_of(text("b"), whole(3), whole(10))
    program = dict_of(x=tensor(storage("a", 12, view=view), (2,), (1,)))
    write_legacy(tmp_path / "a.pth", program, a=(12, NUMBERS.tobytes()))
    assert "elements 3 to 13 of a storage of 12" in refusal(tmp_path / "a.pth")


def test_a_file_from_python_2(tmp_path):
    """Short byte strings for names, the dict's pairs as an argument, the first rebuilding call."""
    name = b"U\x06weight"
    shape = [whole(0), tuple_of(whole(12)), tuple_of(whole(1))]
    old = call(named("torch._utils", "_rebuild_tensor"), b"REF", *shape)
    pairs = b"](](" + name + old + b"ee"
    write(tmp_path / "a.th", "legacy", call(named("collections", "OrderedDict"), pairs))
    np.testing.assert_array_equal(load(tmp_path / "a.th")["weight"], NUMBERS)


def test_parameters_memo_and_dropped_attributes(tmp_path):
    """A parameter that is named twice through the memo, in a state dict with `_metadata`."""
    grad = [b"\x88", call(named("collections", "OrderedDict"))]
    parameter = call(
        named("torch._utils", "_rebuild_parameter"), tensor(b"REF", (12,), (1,)), *grad
    )
    program = ordered_dict(first=parameter + b"q\x07", second=b"h\x07")
    write(tmp_path / "a.pth", "zip", program + dict_of(_metadata=b"}") + b"b")
    arrays = load(tmp_path / "a.pth")
    assert list(arrays) == ["first", "second"]
    np.testing.assert_array_equal(arrays["second"], NUMBERS)


# ------------------------------------------------------------------- checkpoints and prefixes

STATE = dict_of(w=tensor(b"REF", (12,), (1,)))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "net"])
def test_the_state_dict_of_a_checkpoint_is_found(tmp_path, capsys, form, key):
    optimizer = dict_of(state=b"}", param_groups=b"]")
    entries = {"epoch": whole(3), "optimizer": optimizer, key: STATE, "best": b"G" + b"\0" * 8}
    write(tmp_path / "a.pth", form, dict_of(**entries))
    assert list(load(tmp_path / "a.pth")) == ["w"]
    printed = capsys.readouterr().out
    assert f"a.pth: took {key!r} of the entries 'epoch' (int), 'optimizer' (dict)" in printed


def test_of_several_state_dicts_the_one_with_the_usual_name_is_taken(tmp_path):
    other = dict_of(other=tensor(b"REF", (1,), (1,)))
    write(tmp_path / "a.pth", "zip", dict_of(ema=other, state_dict=STATE))
    assert list(load(tmp_path / "a.pth")) == ["w"]
    write(tmp_path / "a.pth", "zip", dict_of(ema=other, net=STATE))
    assert "it holds 2 state dicts in the entries 'ema' (dict), 'net'" in refusal(
        tmp_path / "a.pth"
    )


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (tensor(b"REF", (12,), (1,)), "it holds a tensor, not a state dict"),
        (b"](" + tensor(b"REF", (12,), (1,)) + b"e", "it holds a list, not a state dict"),
        (dict_of(epoch=whole(3)), "it holds no state dicts in the entries 'epoch' (int)"),
        (
            dict_of(state_dict=dict_of(w=tensor(b"REF", (1,), (1,)), n=whole(1)), norm=STATE),
            "of the entries 'state_dict' (dict), 'norm' (dict) holds more than tensors",
        ),
    ],
)
def test_a_file_without_a_state_dict_says_what_it_has(tmp_path, program, words):
    write(tmp_path / "a.pth", "zip", program)
    assert words in refusal(tmp_path / "a.pth")


def test_the_prefix_of_data_parallel_is_taken_off_if_all_names_have_it(tmp_path, capsys):
    w = tensor(b"REF", (12,), (1,))
    write(tmp_path / "a.pth", "zip", ordered_dict(**{"module.w": w, "module.module.b": w}))
    assert list(load(tmp_path / "a.pth")) == ["w", "module.b"]
    assert capsys.readouterr().out == "a.pth: took the prefix 'module.' off its 2 names\n"
    write(tmp_path / "a.pth", "zip", ordered_dict(**{"module.w": w, "b": w}))
    assert list(load(tmp_path / "a.pth")) == ["module.w", "b"]
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------------- sizes and damage


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((13,), (1,), 0),
        ((12,), (1,), 1),
        ((2,), (12,), 0),
        ((3, 4), (4, 2), 0),
        ((2**40,), (1,), 0),
        ((2**59, 2**59), (2**59, 2**59), 0),
        ((1,), (1,), 12),
        ((), (), 2**59),
    ],
)
def test_a_tensor_that_reaches_outside_its_storage_is_refused(tmp_path, form, size, stride, offset):
    write(tmp_path / "a.pth", form, dict_of(x=tensor(b"REF", size, stride, offset)))
    assert "of a storage of 12" in refusal(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((-1,), (1,), 0),
        ((2,), (-1,), 5),
        ((2,), (1,), -1),
        ((2**70,), (0,), 0),
        ((2,), (1, 1), 0),
        ((1,) * 65, (1,) * 65, 0),
        ((2**59, 2**59), (0, 0), 0),  # no byte too far, but more elements than can be counted
    ],
)
def test_senseless_shapes_are_refused(tmp_path, size, stride, offset):
    write(tmp_path / "a.pth", "zip", dict_of(x=tensor(b"REF", size, stride, offset)))
    assert "cannot be read as a PyTorch file" in refusal(tmp_path / "a.pth")


@pytest.mark.parametrize("claim", [13, 10**9, 2**59])
def test_a_storage_that_claims_more_than_the_file_has_is_refused(tmp_path, claim):
    x = tensor(storage("a", claim), (claim,), (1,))
    write_zip(tmp_path / "new.pth", dict_of(x=x), a=NUMBERS.tobytes())
    assert f"claims {4 * claim:,} bytes, the file has 48" in refusal(tmp_path / "new.pth")
    x = tensor(storage("a", claim, view=NONE), (claim,), (1,))
    write_legacy(tmp_path / "old.pth", dict_of(x=x), a=(claim, NUMBERS.tobytes()))
    assert f"claims {4 * claim:,} bytes" in refusal(tmp_path / "old.pth")


def test_an_archive_that_claims_more_than_the_file_has_is_refused(tmp_path):
    """Compressed zeros grow a thousandfold; two names for the same bytes count them twice."""
    x = dict_of(x=tensor(storage("a", 10**6), (10**6,), (1,)))
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickled(x))
        archive.writestr("archive/data/a", bytes(4 * 10**6))
    assert "PyTorch compresses none" in refusal(tmp_path / "bomb.pt")
    with zipfile.ZipFile(tmp_path / "small.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickled(b"}"))
    assert "or are compressed" in refusal(tmp_path / "small.pt")
    with zipfile.ZipFile(tmp_path / "twice.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickled(x))
        archive.writestr("archive/data/a", bytes(4 * 10**6))
        first = archive.getinfo("archive/data/a")
        again = zipfile.ZipInfo("archive/data/b")
        again.header_offset, again.CRC = first.header_offset, first.CRC
        again.file_size = again.compress_size = first.file_size
        archive.filelist.append(again)
    assert "its members claim 8,000," in refusal(tmp_path / "twice.pt")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_anywhere_is_refused(tmp_path, form):
    path = tmp_path / "model.pth"
    write(path, form, dict_of(state_dict=STATE, epoch=whole(2)))
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refusal(path)


@pytest.mark.parametrize("form", FORMATS)
def test_a_changed_byte_gives_arrays_or_a_refusal_never_another_error(tmp_path, form):
    path = tmp_path / "model.pth"
    write(path, form, dict_of(state_dict=STATE, epoch=whole(2)))
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([rng.integers(256)]) + content[place + 1 :])
        try:
            load(path)
        except WeightsError:
            refused += 1
    assert refused > len(content) / 3


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "model.pth"
    for content in [b"", b"PK", b"<html>404</html>" * 20, pickled(whole(5)), bytes(1000)]:
        path.write_bytes(content)
        assert "damaged, incomplete" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "has one data.pkl, this one 0" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickled(b"}"))
        archive.writestr("net/constants.pkl", pickled(b")"))
    assert "TorchScript program" in refusal(path)


def test_a_member_that_is_missing(tmp_path):
    write_zip(tmp_path / "a.pth", dict_of(x=tensor(storage("b", 12), (12,), (1,))), a=bytes(48))
    assert "'b'" in refusal(tmp_path / "a.pth")


def test_a_storage_may_not_lead_out_of_the_archive(tmp_path):
    program = dict_of(x=tensor(storage("../version", 1, "ShortStorage"), (1,), (1,)))
    write_zip(tmp_path / "a.pth", program)
    assert "../version" in refusal(tmp_path / "a.pth")


def test_the_number_of_a_storage_must_be_the_pickles(tmp_path):
    program = dict_of(x=tensor(storage("a", 12, view=NONE), (12,), (1,)))
    write_legacy(tmp_path / "a.pth", program, a=(11, NUMBERS.tobytes()))
    assert "storage 'a' claims 48 bytes" in refusal(tmp_path / "a.pth")
    content = (tmp_path / "a.pth").read_bytes()
    assert struct.pack("<q", 11) in content


# -------------------------------------------------------------------------- published weights

DATA = Path(os.environ.get("MINIDL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def test_a_published_resnet20_classifies_as_in_pytorch():
    """776 of the first 846 test images, as PyTorch does: 91.7 %, the published accuracy."""
    weights = DATA / "weights" / "resnet20-12fca82f.th"
    images = DATA / "cifar10" / "test_first846.bin"
    for file in (weights, images):
        if not file.is_file():
            pytest.skip(f"there is no {file}; MINIDL_DATA may name the folder that has it")
    records = np.fromfile(images, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    labels, pixels = records[:, 0], records[:, 1:].reshape(-1, 3, 32, 32)
    normalize = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    model = models.create("resnet20")
    assert model.load_state_dict(load(weights)).complete
    model.eval()
    with minidl.no_grad():
        logits = model(normalize(pixels, np.random.default_rng(0))).data
    assert len(labels) == 846
    assert abs((logits.argmax(axis=1) == labels).sum() - 776) <= 2
