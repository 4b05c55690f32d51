from __future__ import annotations

import pytest

from tellapart.errors import ClassMismatchError, SourceError, SourceNotFoundError
from tellapart.evaluation import Predictions, evaluate


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_from_elsewhere(tmp_path, separator, encoding):
    text = "id,猫,label,dog\r\na.png,0.9,猫,0.1\r\nb.png,0.25,,0.75\r\n'=c,0,dog,1\r\n".replace(",", separator)
    said = Predictions.from_table(write(tmp_path, text, encoding))
    assert said.class_names == ("猫", "dog")
    assert said.ids.tolist() == ["a.png", "b.png", "=c"]
    assert said.labels.tolist() == [0, -1, 1]
    assert said.probabilities()[:2].round(6).tolist() == [[0.9, 0.1], [0.25, 0.75]]
    assert evaluate(said)["accuracy"].value == 1.0


def test_the_order_of_the_classes_can_be_given(tmp_path):
    path = write(tmp_path, "id,label,b,a\n1,a,0.2,0.8\n")
    said = Predictions.from_table(path, class_names=("a", "b"))
    assert said.probabilities().round(6).tolist() == [[0.8, 0.2]]
    assert said.labels.tolist() == [0]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", SourceError, "no column 'id'"),
        ('id,label,a,b\n"1,a,1,0\n', SourceError, "is damaged: .*: look for a quote too many"),
        ("id,a,b\n1,0.5,0.5\n", SourceError, "no column 'label'"),
        ("id,label,a\n1,a,1\n", SourceError, "two or more classes"),
        ("id,label,a,b\n1,a,1\n", SourceError, "row 2 has 3 cells"),
        ("id,label,a,b\n1,a,1,0\n\n2,a,1\n", SourceError, "row 4 has 3 cells"),
        ("id,label,a,b\n\n1,a,90,10\n", SourceError, "row 3 sums to 100"),
        ("id,label,a,b\n1,a,1,x\n", SourceError, "no number"),
        ("id,label,a,b\n1,a,90,10\n", SourceError, "percentages"),
        ("id,label,a,b\n1,a,1.5,-0.5\n", SourceError, "0 to 1"),
        ("id,label,a,b\n1,a,nan,1\n", SourceError, "0 to 1"),
        ("id,label,a,b\n1,a,1,0\n1,a,1,0\n", SourceError, "repeated"),
        ("id,label,cat,dog\n1,cta,1,0\n", ClassMismatchError, "did you mean 'cat'"),
        ("id,label,cat,cat\n1,cat,1,0\n", SourceError, "must differ"),
    ],
)
def test_a_wrong_table_is_named(tmp_path, text, error, says):
    from tellapart.errors import DataError

    with pytest.raises(DataError, match=says) as caught:
        Predictions.from_table(write(tmp_path, text))
    assert isinstance(caught.value, error) or says == "must differ"


def test_a_missing_or_binary_file_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError):
        Predictions.from_table(tmp_path / "none.csv")
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="UTF-8"):
        Predictions.from_table(tmp_path / "table.csv")


def test_a_sign_inside_of_quotes_parts_no_cells(tmp_path):
    table = write(tmp_path, 'id;label;"a, b, c, d";e\n1;e;0.2;0.8\n')
    assert Predictions.from_table(table).class_names == ("a, b, c, d", "e")
