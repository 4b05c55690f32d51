"""What a person gives for weights that is no file: an address, a home that is not there, a name that is too long."""

import pytest

from tellapart.errors import ModelFileError, SourceNotFoundError
from tellapart.images import open_dataset
from tellapart.nets.weights.locate import absolute_weights, find_weights
from tellapart.workflow.prepare import absolute_source

SIGNED = "https://bucket.example/w.pth?X-Amz-Signature=" + "f" * 400


@pytest.mark.parametrize("where", [SIGNED, "~nobody-of-this-name/w.pth", "hf:owner/name", "n" * 5000, "a\0b", "none"])
def test_what_is_no_file_stays_as_it_is(where):
    assert absolute_weights(where) == where
    assert absolute_source(where) == where


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ("~nobody-of-this-name/w.pth", "there are no weights at '~nobody"),
        ("n" * 5000, "there are no weights at 'nnn"),
        ("a\0b", "there are no weights at"),
        ("https://[x/w.pth", "is no address: Invalid IPv6 URL: give it as https://host/file"),
        (SIGNED, "offline forbids to fetch"),
    ],
)
def test_what_is_not_there_is_said(where, match):
    with pytest.raises(ModelFileError, match=match):
        find_weights("resnet18", where=where, offline=True)


def test_a_source_in_a_home_that_is_not_there_is_not_found():
    with pytest.raises(SourceNotFoundError, match="no file, folder or data set '~nobody"):
        open_dataset("~nobody-of-this-name/photos")
