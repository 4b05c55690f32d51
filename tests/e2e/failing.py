"""What a refusal looks like, whatever is refused."""


def refused(called, *words, status=2):
    """Check one line on standard error with these words, and no trace."""
    assert called.status == status, called.err
    assert len(called.errors) == 1, called.err
    assert called.err.rstrip().splitlines()[-1] == called.errors[0]
    assert "Traceback" not in called.err
    assert "fault of tellapart" not in called.err
    for word in words:
        assert str(word) in called.errors[0]
