"""What a network does with one picture, layer by layer, found by running it once.

It runs on zeros, or on the meta device, where tensors have a shape and no numbers. Two observers look on: one sees
what is called (``conv2d``, ``max_pool2d``, ``+``), as a module or as a function, and makes one layer of it; the other
one sees the tensor operations underneath and counts. So a layer is found however it was written.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from ..errors import NetError
from .receptive_field import Field, after, describe

KINDS: Mapping[str, str] = {
    "conv2d": "conv",
    "linear": "dense",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "hardtanh": "ReLU6",
    "silu": "SiLU",
    "max_pool2d": "max-pool",
    "avg_pool2d": "average-pool",
    "adaptive_avg_pool2d": "average-pool",
    "adaptive_max_pool2d": "max-pool",
    "mean": "average-pool",
    "amax": "max-pool",
    "batch_norm": "batch norm",
    "layer_norm": "layer norm",
    "local_response_norm": "response norm",
    "cat": "concat",
    "concat": "concat",
    "concatenate": "concat",
    "iadd": "add",
    "imul": "mul",
    "dropout2d": "dropout",
    "reshape": "flatten",
    "view": "flatten",
}
"""What the table calls a function; others keep the name that torch gives them."""

MOST_PIXELS, MOST_PARAMETERS = 2**16, 30_000_000
"""Of a picture and a network that are computed with: ResNet-50 at 224×224 takes a quarter of a second and 270 MiB. The
meta device needs neither, but takes a second to start, because PyTorch imports its compiler for it."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer of a network, as it treats one picture.

    Attributes:
        name: where it stands in the network: ``"layer1.0.conv1"``; where a function is called or a module used
            again, ``"relu#2"`` is the second one.
        kind: ``"conv"``, ``"max-pool"``, ``"dense"``, ``"add"``, ...
        detail: the window, its stride and the like: ``"3×3 /2"``; "" where there is none.
        output_shape: (maps, height, width) or (units,); empty for parameters that only training uses.
        parameters: numbers that it learns; parameters that two layers share count at the first one.
        trainable_parameters: those of them that are not frozen.
        multiply_adds: multiplications, each with its addition, of convolutions and dense layers; border pixels
            that padding adds count, biases do not.
        activation_bytes: memory of its output in training; 0 where it overwrites or only reshapes its input.
        receptive_field: (height, width) in pixels of what one output position sees, borders not cut off; None
            where the output is not spatial.
        stride: (down, across) in pixels, between two neighbouring output positions; None likewise.
    """

    name: str
    kind: str
    detail: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable_parameters: int
    multiply_adds: int
    activation_bytes: int
    receptive_field: tuple[int, int] | None
    stride: tuple[int, int] | None


@dataclasses.dataclass(frozen=True)
class Trace:
    """The layers in the order in which they run, and the most memory that they need at a time, in bytes."""

    layers: tuple[Layer, ...]
    inference_bytes: int


@dataclasses.dataclass
class _Call:
    """One layer while it runs: what its tensor operations did."""

    module: str
    function: str = ""
    detail: str = ""
    multiply_adds: int = 0
    computes: bool = False
    parameters: list[str] = dataclasses.field(default_factory=list)
    reads: set[int] = dataclasses.field(default_factory=set)
    made: set[int] = dataclasses.field(default_factory=set)


@dataclasses.dataclass(frozen=True)
class _Use:
    """Which memory a layer read, which one it wrote, and how many bytes that is."""

    reads: frozenset[int]
    writes: int
    size: int


class _Observer(TorchFunctionMode):
    """Makes one layer of each call of a leaf module of torch.nn, or of a function outside of these."""

    def __init__(self, parameters: Mapping[str, Tensor], pictures: Tensor, trainable: Mapping[str, bool]) -> None:
        super().__init__()
        self.arithmetic = _Arithmetic(parameters, pictures)
        self.sizes = {name: value.numel() for name, value in parameters.items()}
        self.trainable = trainable
        self.layers: list[Layer] = []
        self.uses: list[_Use] = []
        self.modules: list[str] = [""]
        self.leaf: _Call | None = None
        self._names: dict[str, int] = {}
        self._counted: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "").strip("_")
        if self.leaf is not None:
            out = func(*args, **(kwargs or {}))
            if not self.leaf.function and first_tensor(out) is not None:
                self.leaf.function = name
            return out
        self.arithmetic.call = _Call(self.modules[-1], name)
        out = func(*args, **(kwargs or {}))
        self.finish(self.arithmetic.call, args, out)
        return out

    def enter(self, path: str, module: nn.Module) -> None:
        """Note that a module starts to run."""
        self.modules.append(path)
        if self.leaf is None and is_leaf(module):
            self.leaf = self.arithmetic.call = _Call(path)

    def leave(self, path: str, inputs: tuple[Any, ...], out: Any) -> None:
        """Note that a module has run."""
        self.modules.pop()
        if self.leaf is not None and self.leaf.module == path:
            call, self.leaf = self.leaf, None
            self.finish(call, inputs, out, leaf=True)

    def finish(self, call: _Call, inputs: tuple[Any, ...], out: Any, *, leaf: bool = False) -> None:
        """Add the layer, unless it did nothing to the pictures that a reader of the table would miss."""
        output = first_tensor(out)
        if output is None or memory(output) not in self.arithmetic.fields:
            return
        before = first_tensor(inputs)
        reshaped = before is not None and (before.ndim, output.ndim) == (4, 2)
        if not (call.computes or reshaped or "dropout" in call.function):
            return
        size = 0 if memory(output) in call.reads else output.numel() * output.element_size()
        # Dropout hands its input on at inference; in training its output is memory of its own.
        self.uses.append(_Use(frozenset(call.reads), memory(output), size if call.computes else 0))
        self.layers.append(self._layer(call, output, size, leaf))

    def _layer(self, call: _Call, output: Tensor, size: int, leaf: bool) -> Layer:
        function = call.function.removesuffix("_").removesuffix("_with_indices")
        kind = KINDS.get(function, function.replace("_", " "))
        new = [name for name in call.parameters if name not in self._counted]
        self._counted.update(new)
        field = self.arithmetic.fields[memory(output)] if output.ndim == 4 else None
        return Layer(
            name=self._name(call, kind, leaf),
            kind=kind,
            detail=call.detail,
            output_shape=tuple(output.shape[1:]),
            parameters=sum(self.sizes[name] for name in new),
            trainable_parameters=sum(self.sizes[name] for name in new if self.trainable[name]),
            multiply_adds=call.multiply_adds,
            activation_bytes=size,
            receptive_field=field.size if field else None,
            stride=field.jump if field else None,
        )

    def _name(self, call: _Call, kind: str, leaf: bool) -> str:
        if leaf:
            name = call.module or kind
        elif call.parameters:
            owner, _, own = call.parameters[0].rpartition(".")
            name = owner or own
        else:
            slug = kind.lower().replace("-", "_").replace(" ", "_")
            name = f"{call.module}.{slug}" if call.module else slug
        self._names[name] = self._names.get(name, 0) + 1
        return name if self._names[name] == 1 else f"{name}#{self._names[name]}"

    def training_only(self) -> Iterator[Layer]:
        """Yield the modules whose parameters no layer used: auxiliary heads and the like."""
        owners: dict[str, list[str]] = {}
        for name in self.sizes:
            if name not in self._counted:
                owners.setdefault(name.rpartition(".")[0] or name, []).append(name)
        for owner, names in owners.items():
            parameters = sum(self.sizes[name] for name in names)
            trainable = sum(self.sizes[name] for name in names if self.trainable[name])
            yield Layer(owner, "training only", "", (), parameters, trainable, 0, 0, None, None)


class _Arithmetic(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's, in its base class
    """Counts multiply-adds, and follows parameters and receptive fields from tensor to tensor.

    Tensors are told apart by their memory, so that a view of a tensor is the tensor.
    """

    def __init__(self, parameters: Mapping[str, Tensor], pictures: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.call = _Call("")
        self.image_size = (pictures.shape[2], pictures.shape[3])
        self.owners: dict[int, list[str]] = {memory(value): [name] for name, value in parameters.items()}
        self.fields: dict[int, Field] = {memory(pictures): Field((1, 1), (1, 1))}
        # While it is held, no other tensor gets its address.
        self._held: list[Any] = [pictures.untyped_storage(), *(p.untyped_storage() for p in parameters.values())]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: PyTorch would import its compiler, which takes a second, to keep it away from this class."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        outputs = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        self._held += [tensor.untyped_storage() for tensor in outputs]
        owners = list(dict.fromkeys(name for tensor in inputs for name in self.owners.get(memory(tensor), ())))
        seen = [(tensor, self.fields[memory(tensor)]) for tensor in inputs if memory(tensor) in self.fields]
        if seen:
            self._count(func, args, kwargs, out)
            self.call.parameters += [name for name in owners if name not in self.call.parameters]
            self.call.reads |= {memory(tensor) for tensor, _ in seen} - self.call.made
            self.call.made |= {memory(tensor) for tensor in outputs} - self.fields.keys()
        for tensor in outputs:
            if seen:
                self.fields[memory(tensor)] = after(func, args, out=tensor, seen=seen, image_size=self.image_size)
            elif owners:
                self.owners[memory(tensor)] = owners
        return out

    def _count(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        self.call.computes |= not func.is_view
        self.call.detail = self.call.detail or describe(func, args)
        formula: Callable[..., int] | None = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.call.multiply_adds += formula(*args, **kwargs, out_val=out) // 2


def memory(tensor: Tensor) -> int:
    """Return what tells the memory of a tensor from that of others; a view has its base's."""
    return int(tensor.untyped_storage()._cdata)


def first_tensor(value: Any) -> Tensor | None:
    """Return the first tensor in nested tuples and lists, if there is one."""
    return next((leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)), None)


def is_leaf(module: nn.Module) -> bool:
    """Return whether a module is one layer of torch.nn, and not a part that someone has composed."""
    return type(module).__module__.startswith("torch.nn.modules") and next(module.children(), None) is None


def trace(net: nn.Module, *, image_size: tuple[int, int], channels: int) -> Trace:
    """Run a network on one picture, in evaluation mode, and return what its layers did.

    The network is left as it was: another with its shapes runs.

    Args:
        net: any module from pictures (N, channels, H, W) to a tensor; its parameters may be anywhere.
        image_size: (height, width) in pixels.
        channels: of the picture.

    Raises:
        NetError: the network cannot run on such a picture.

    Example:
        >>> from torch import nn
        >>> layer, = trace(nn.Conv2d(3, 200, 5, padding=2), image_size=(150, 100), channels=3).layers
        >>> layer.parameters, layer.multiply_adds, layer.activation_bytes
        (15200, 225000000, 12000000)
    """
    # Tensors are always in the default layout here: channels_last would turn each flatten into a copy.
    made = _maker(net, pixels=image_size[0] * image_size[1])
    parameters = {name: made(value.shape, value.dtype) for name, value in net.named_parameters()}
    state = {**parameters, **{name: made(value.shape, value.dtype) for name, value in net.named_buffers()}}
    dtype = next((value.dtype for value in parameters.values()), torch.get_default_dtype())
    pictures = made(torch.Size((1, channels, *image_size)), dtype)
    observer = _Observer(parameters, pictures, {name: p.requires_grad for name, p in net.named_parameters()})
    with _watched(net, observer), torch.no_grad(), observer, observer.arithmetic:
        try:
            functional_call(net, state, (pictures,))
        except RuntimeError as error:
            size = f"{image_size[0]}x{image_size[1]}"
            message = f"{type(net).__name__} cannot run on pictures of {size} with {channels} channels: {error}"
            raise NetError(f"{message}: give the image_size and channels that it was built for") from error
    return Trace((*observer.layers, *observer.training_only()), _peak(observer.uses))


def _maker(net: nn.Module, *, pixels: int) -> Callable[[torch.Size, torch.dtype], Tensor]:
    """Return what makes the tensors of a trace, from shape and dtype."""
    values = list(net.parameters())
    few = pixels <= MOST_PIXELS and sum(value.numel() for value in values) <= MOST_PARAMETERS
    device = "cpu" if few and all(value.dtype == torch.float32 for value in values) else "meta"
    return lambda shape, dtype: torch.zeros(shape, dtype=dtype, device=device)


@contextlib.contextmanager
def _watched(net: nn.Module, observer: _Observer) -> Iterator[None]:
    """Tell the observer when a module starts and ends, in evaluation mode; take all of it back at the end."""
    training = {module: module.training for module in net.modules()}
    handles = []
    try:
        for path, module in net.named_modules():
            handles.append(module.register_forward_pre_hook(_entering(observer, path)))
            handles.append(module.register_forward_hook(_leaving(observer, path)))
        net.eval()
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in training.items():
            module.training = mode


def _entering(observer: _Observer, path: str) -> Callable[[nn.Module, Any], None]:
    return lambda module, inputs: observer.enter(path, module)


def _leaving(observer: _Observer, path: str) -> Callable[[nn.Module, Any, Any], None]:
    return lambda module, inputs, out: observer.leave(path, inputs, out)


def _peak(uses: list[_Use]) -> int:
    """Return the most bytes that are alive at a time when each output is freed after its last reader.

    In a chain of layers that is the largest sum of two consecutive outputs.
    """
    last = {key: index for index, use in enumerate(uses) for key in (*use.reads, use.writes)}
    peak = alive = 0
    sizes: dict[int, int] = {}
    for index, use in enumerate(uses):
        sizes[use.writes] = sizes.get(use.writes, 0) + use.size
        alive += use.size
        peak = max(peak, alive)
        alive -= sum(sizes.pop(key) for key in list(sizes) if last[key] == index)
    return peak
