"""Ctrl-C: once after the epoch, twice at once."""

import contextlib
import os
import signal
import threading

import pytest

from tellapart.progress import Progress
from tellapart.training import fit, loop
from tellapart.training.interrupt import graceful_interrupt


class Pressing(Progress):
    """Presses Ctrl-C when an epoch's figures come in."""

    def __init__(self, after: int) -> None:
        self.after, self.seen, self.warned = after, 0, []

    def advance(self, units: int = 1, note: str = "") -> None:
        if note:
            self.seen += 1
            if self.seen == self.after:
                os.kill(os.getpid(), signal.SIGINT)

    def warn(self, sentence: str) -> None:
        self.warned.append(sentence)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def handler_is_restored():
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


def test_once_ends_after_the_epoch_and_goes_on_to_the_same_weights(small, make_net, make_run, training, same_weights):
    recipe = training(epochs=4)
    whole = fit(make_net(), small, recipe, run=make_run("whole"))
    progress = Pressing(after=2)
    stopped = fit(make_net(), small, recipe, run=make_run("stopped"), progress=progress)
    assert (stopped.stopped, stopped.epochs) == ("interrupted", 2)
    assert progress.warned == [
        "Stopping after this epoch, with the best weights kept. Press Ctrl-C again to stop at once."
    ]
    assert 1 <= stopped.best_epoch <= 2
    resumed = fit(make_net(seed=3), small, recipe, run=make_run("stopped"))
    assert (resumed.stopped, resumed.epochs) == ("all epochs done", 4)
    assert same_weights(whole.net.state_dict(), resumed.net.state_dict())


def test_in_the_last_epoch_all_are_done_and_yet_it_was_asked_for(small, make_net, make_run, training):
    done = fit(make_net(), small, training(epochs=2), run=make_run(), progress=Pressing(after=2))
    assert (done.stopped, done.epochs, done.pressed) == ("all epochs done", 2, True)
    assert "pressed" not in done.to_dict()
    assert not fit(make_net(), small, training(epochs=1), run=make_run("other")).pressed


def test_once_in_the_middle_of_an_epoch_lets_it_end(small, make_net, make_run, training, monkeypatch):
    step, steps = loop.train_step, []

    def pressing(*args, **options):
        steps.append(1)
        if len(steps) == 2:
            press()
        return step(*args, **options)

    monkeypatch.setattr(loop, "train_step", pressing)
    stopped = fit(make_net(), small, training(), run=make_run())
    assert (stopped.stopped, stopped.epochs, len(steps)) == ("interrupted", 1, 3)
    assert len(make_run().history) == 1


def test_twice_ends_at_once_and_goes_on_to_the_same_weights(
    small, make_net, make_run, training, same_weights, monkeypatch
):
    whole = fit(make_net(), small, training(), run=make_run("whole"))
    step, steps = loop.train_step, []

    def pressing(*args, **options):
        steps.append(1)
        if len(steps) == 5:
            press()
            press()
        return step(*args, **options)

    monkeypatch.setattr(loop, "train_step", pressing)
    with pytest.raises(KeyboardInterrupt):
        fit(make_net(), small, training(), run=make_run("stopped"))
    assert len(make_run("stopped").history) == 1
    resumed = fit(make_net(seed=3), small, training(), run=make_run("stopped"))
    assert same_weights(whole.net.state_dict(), resumed.net.state_dict())


def test_the_handler_before_is_put_back_whatever_happens():
    before = signal.getsignal(signal.SIGINT)
    with contextlib.suppress(ZeroDivisionError), graceful_interrupt(Progress()):
        assert signal.getsignal(signal.SIGINT) is not before
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_of_the_users_own_is_put_back():
    calls = []

    def own(signum, frame):
        calls.append(signum)

    before = signal.signal(signal.SIGINT, own)
    try:
        with graceful_interrupt(Progress()) as interrupted:
            press()
            assert interrupted()
        assert signal.getsignal(signal.SIGINT) is own
        assert calls == []
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_nothing_is_caught_and_nothing_breaks():
    said = []

    def work():
        with graceful_interrupt(Progress()) as interrupted:
            said.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [False]
