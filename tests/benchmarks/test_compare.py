"""Two revisions in one run."""

from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.statistics import spread
from benchmarks.workloads import Workload


@pytest.mark.parametrize(("ratios", "code"), [([1.0, 1.1], 0), ([0.96, 0.95], 0), ([0.94, 0.93], 1)])
def test_only_a_loss_beyond_the_allowed_one_is_an_error(ratios: list[float], code: int) -> None:
    said, ended = compare.verdict(spread(ratios), 0.05)
    assert ended == code
    assert ("B loses" in said) is bool(code)


def test_the_working_tree_is_compared_with_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compare, "QUICK", (Workload(name="tiny", size=10**6),))
    assert compare.main([".", ".", "--workload", "tiny", "--pairs", "2", "--max-loss", "0.99"]) == 0
    out = capsys.readouterr().out
    assert out.count("A ") == 2 + 1
    assert "2 pairs" in out


def test_each_revision_is_imported_from_a_folder_of_its_own(tmp_path: Path) -> None:
    with compare.checked_out(".", tmp_path) as folder:
        assert [path.name for path in folder.iterdir()] == ["asyncup"]
        assert (folder / "asyncup" / "__init__.py").exists()
