import json

import pytest
from benchmarks.harness.result import PeerError, parse, say


def line(**keys):
    return json.dumps({"figures": {"epochs": 2}, "versions": {"keras": "3"}, **keys})


def test_what_is_said_is_parsed(capsys):
    say(figures={"images_per_s": 12.5}, versions={"torch": "2.13"}, notes="寿")
    result = parse("Epoch 1/2\n" + capsys.readouterr().out)
    assert (result.figures, result.versions, result.notes) == ({"images_per_s": 12.5}, {"torch": "2.13"}, "寿")


def test_the_last_result_counts_and_other_lines_do_not():
    output = "\n".join([line(figures={"epochs": 1}), '{"other": 1}', line(), "{broken", "done"])
    assert parse(output).figures == {"epochs": 2.0}


@pytest.mark.parametrize("output", ["", "accuracy 0.9", '{"figures": {}}', "{}"])
def test_no_result_is_an_error(output):
    with pytest.raises(PeerError, match="no result"):
        parse(output)


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"12"', "true", "null"])
def test_a_figure_must_be_a_finite_number(value):
    with pytest.raises(PeerError, match="epochs"):
        parse('{"figures": {"epochs": VALUE}, "versions": {}}'.replace("VALUE", value))


def test_unknown_keys_are_an_error():
    with pytest.raises(PeerError, match="figure_s"):
        parse(line(figure_s=1))
