"""README keeps its word: its commands are the ones that run, and its example works."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_ci_runs_the_readme_commands():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(" --quiet", "")
    commands = "\n".join(blocks("sh"))
    assert 'pip install -e ".[test]" && pytest' in commands
    assert 'pip install -e ".[test]" && pytest' in ci
    assert "pip install -e . && minidl train" in commands
    assert "pip install -e .\nminidl train" in ci


def test_the_twenty_lines_work(capsys):
    example = blocks("python")[0]
    assert len(example.strip().splitlines()) <= 25
    exec(compile(example, "README.md", "exec"), {})
    percent = float(re.search(r"([\d.]+)% of the test digits", capsys.readouterr().out)[1])
    assert percent >= 97


def test_what_it_links_to_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
