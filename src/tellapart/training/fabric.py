"""Several processes that train one network, each on a device of its own, through Lightning Fabric.

Imported only where several devices are asked for: Fabric takes seconds to load.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any, Self

import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from ..errors import ProcessLostError
from ..nets import Net
from ..wording import first_line
from .devices import Devices, Portion, Shared, portion_of
from .launch import ProcessRank
from .one_batch import Step, as_one_batch

PATIENCE = datetime.timedelta(days=2)
"""How long a process waits for another one: the first may read a million pictures before it needs the others."""

SIGNS = ("gloo", "nccl", "connection", "broken pipe", "timed out", "socket", "peer", "process group")
"""What torch's messages hold where another process is gone."""


def backend(device: str) -> str:
    """Return what carries tensors and messages between processes: NCCL between GPUs where there is one, else gloo."""
    return "cpu:gloo,cuda:nccl" if device == "cuda" and torch.distributed.is_nccl_available() else "gloo"


class Launched(LightningEnvironment):
    """The place of a process that tellapart itself started, as Fabric asks for it."""

    def __init__(self, place: ProcessRank) -> None:
        super().__init__()
        self._place = place

    @property
    def creates_processes_externally(self) -> bool:
        """Say that the processes are there: Fabric starts none."""
        return True

    @property
    def main_address(self) -> str:
        """The machine of the first process."""
        return "127.0.0.1"

    @property
    def main_port(self) -> int:
        """The port at which the first process waits for the others."""
        return self._place.port

    def local_rank(self) -> int:
        """Return the number of this process on its machine."""
        return self._place.local_rank

    def node_rank(self) -> int:
        """Return the number of the machine."""
        return 0


class _AllLogits(nn.Module):
    """A network as a step calls it: only what ``forward`` returns has its gradients averaged."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the logits, then those of auxiliary heads."""
        return self.net.all_logits(pictures)


class Processes(Devices):
    """One of several processes that train together.

    Args:
        place: where it stands among them.
        device: "cpu" or "cuda".

    Raises:
        ProcessLostError: the others cannot be reached.
    """

    def __init__(self, place: ProcessRank, device: str) -> None:
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces every step of its own
        self._started_by = place.started_by
        self.rank, self.count, self.here = place.rank, place.count, place.local_count
        strategy = DDPStrategy(
            process_group_backend=backend(device),
            timeout=PATIENCE,
            gradient_as_bucket_view=True,
        )
        if torch.distributed.is_initialized():  # of a training that failed in this process
            torch.distributed.destroy_process_group()
        with _world_kept(), lost():
            self._fabric = Fabric(
                accelerator=device,
                devices=place.local_count,
                num_nodes=place.count // place.local_count,
                strategy=strategy,
                plugins=[_environment(place)],
            )
            self._fabric.launch()
        self._step = Step(total=_total)
        super().__init__(self._fabric.device)

    def portion(self, pictures: int) -> Portion:
        """Return this process's part of a batch of so many, for the step that comes next."""
        found = portion_of(pictures, rank=self.rank, count=self.count)
        self._step.portion = found
        return found

    @contextlib.contextmanager
    def parallel(self, net: Net) -> Iterator[Callable[[Tensor], tuple[Tensor, ...]]]:
        """Span a training; yields what a step calls: all logits, whose gradients are averaged over all processes."""
        with lost(), as_one_batch(net, self._step), _gradients_laid_out_like_weights(net):
            yield self._fabric.setup_module(_AllLogits(net), move_to_device=False)

    def gather(self, value: Shared) -> list[Shared]:
        """Return what each process gives, the first one's first."""
        values: list[Any] = [None] * self.count
        with lost():
            torch.distributed.all_gather_object(values, value)
        return values

    def share(self, value: Any) -> Any:
        """Return what the first process gives."""
        with lost():
            return self._fabric.broadcast(value)

    def __enter__(self) -> Self:
        return self

    def threads(self, wished: int | None) -> int | None:
        """Return the CPU threads of this process: SLURM may have given each task processors of its own."""
        own = os.environ.get("SLURM_CPUS_PER_TASK", "") if self._started_by == "slurm" else ""
        return min(int(own), wished or int(own)) if own.isdecimal() else super().threads(wished)

    def leave(self) -> None:
        """Say farewell to the others, at the same time as they do: with NCCL each waits for all."""
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:  # else the others may be gone, and the farewell would wait for them
            self.leave()


@contextlib.contextmanager
def lost() -> Iterator[None]:
    """Span work with other processes; what torch raises where one of them is gone becomes one sentence."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        named = isinstance(error, torch.distributed.DistError)
        if isinstance(error, ProcessLostError) or not (named or any(sign in text for sign in SIGNS)):
            raise
        raise ProcessLostError(
            "another of the processes that train together has ended or cannot be reached: where it gave no reason "
            f"above, it was killed (PyTorch says: {first_line(error)})"
        ) from error


@contextlib.contextmanager
def _gradients_laid_out_like_weights(net: nn.Module) -> Iterator[None]:
    """Span steps whose gradients have their weights' strides, as what adds them up over the processes wants them.

    oneDNN's gradient of a kernel with one channel has others, which mean the same: autograd lets them pass.
    """

    def relaid(weight: Tensor) -> Callable[[Tensor], Tensor]:
        def hook(gradient: Tensor) -> Tensor:
            same = gradient.stride() == weight.stride()
            return gradient if same else torch.empty_like(weight).copy_(gradient)

        return hook

    handles = [one.register_hook(relaid(one)) for one in net.parameters() if one.requires_grad]  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _total(tensor: Tensor) -> Tensor:
    torch.distributed.all_reduce(tensor)
    return tensor


def _environment(place: ProcessRank) -> ClusterEnvironment:
    if place.started_by == "torchrun":
        return TorchElasticEnvironment()
    return SLURMEnvironment(auto_requeue=False) if place.started_by == "slurm" else Launched(place)


@contextlib.contextmanager
def _world_kept() -> Iterator[None]:
    """Span what sets environment variables and threads for its own processes; both are restored."""
    before, threads = dict(os.environ), torch.get_num_threads()
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        torch.set_num_threads(threads)
