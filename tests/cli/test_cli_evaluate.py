"""`minidl evaluate`: the weights of a run, tested again."""

from minidl.train import History


def test_evaluate_agrees_with_the_history(minidl, tmp_path):
    assert minidl("train --epochs 2 --out run")[0] == 0
    history = History.from_csv(tmp_path / "run" / "history.csv")
    code, out, _ = minidl("evaluate run --weights last")
    assert code == 0
    total = next(line for line in out.splitlines() if "all" in line)
    accuracy = history["valid_accuracy"][-1]
    assert total.split("│")[2:5] == [
        f"     {96} ",
        f" {round(96 * accuracy):5d} ",
        f"{accuracy:>9.2%} ",
    ]
    assert f"mean loss {history['valid_loss'][-1]:.4f}" in out

    code, out, _ = minidl("evaluate run")
    assert code == 0 and "best weights" in out
    assert f"{max(history['valid_accuracy']):.2%}" in out
