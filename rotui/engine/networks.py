"""torchvision's ResNets from random weights, with the study's choice of stem, width and trained parts."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from rotui.engine.seeding import seeded
from rotui.profile.schema import Architecture, NetworkSettings
from rotui.profile.stages import Stage

_LAYERS: dict[Architecture, tuple[type[nn.Module], list[int]]] = {
    "resnet10": (BasicBlock, [1, 1, 1, 1]),
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
}
FINE_TUNED_PARTS = ("layer4", "fc")


class _VariantResNet(ResNet):  # type: ignore[misc]  # torchvision carries no types
    """A ResNet whose stem and width may differ from torchvision's; parameter names are the same."""

    def __init__(self, block: Any, layers: list[int], outputs: int, settings: NetworkSettings) -> None:
        self._settings = settings
        self._stem_is_built = False
        super().__init__(block, layers, num_classes=outputs)
        if settings.width != 64:
            self.fc = nn.Linear(8 * settings.width * block.expansion, outputs)

    def _make_layer(self, block: Any, planes: int, *args: Any, **options: Any) -> nn.Sequential:
        width = self._settings.width
        if not self._stem_is_built:
            self._stem_is_built = True
            if width != 64 or self._settings.stem == "cifar":
                self.inplanes = width
                self.bn1 = nn.BatchNorm2d(width)
                if self._settings.stem == "cifar":
                    self.conv1 = nn.Conv2d(3, width, kernel_size=3, stride=1, padding=1, bias=False)
                    self.maxpool = nn.Identity()
                else:
                    self.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
        layer: nn.Sequential = super()._make_layer(block, planes * width // 64, *args, **options)
        return layer


def build_network(settings: NetworkSettings, outputs: int, seed: int) -> ResNet:
    """A network of `outputs` logits with torchvision's initialisation drawn from `seed`, in fp32 on the CPU.

    It maps float32 images (N, 3, S, S) to logits (N, outputs). With stem `imagenet` and width 64 it is
    `torchvision.models.resnet18` (34, 50) to the bit.
    """
    block, layers = _LAYERS[settings.architecture]
    with seeded(seed, "weights"):
        return _VariantResNet(block, layers, outputs, settings)


def trunk_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of a state dict that a pre-trained trunk hands on: all but the classifier `fc`."""
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def load_trunk(network: ResNet, trunk: Mapping[str, Tensor]) -> None:
    """Copies a pre-trained trunk into `network`, whose `fc` stays as initialised.

    Raises RuntimeError where a tensor of the trunk is missing, left over or of another shape.
    """
    own_head = {name: value for name, value in network.state_dict().items() if name.startswith("fc.")}
    network.load_state_dict({**trunk_of(trunk), **own_head}, strict=True)


def set_trained_parts(network: ResNet, stage: Stage) -> list[nn.Parameter]:
    """Freezes what `stage` does not train and returns the parameters for the optimiser."""
    trained: list[nn.Parameter] = []
    for name, part in network.named_children():
        is_trained = stage.trains_all or name in FINE_TUNED_PARTS
        for parameter in part.parameters():
            parameter.requires_grad_(is_trained)
            if is_trained:
                trained.append(parameter)
    return trained


def set_training_mode(network: ResNet, stage: Stage, settings: NetworkSettings) -> None:
    """Puts the network into training mode; with `frozen_batch_norm = fixed`, all but the frozen parts.

    The published way keeps frozen batch norms in training mode, so that their running statistics move.
    """
    network.train()
    if settings.frozen_batch_norm == "fixed" and not stage.trains_all:
        for part in frozen_parts(network):
            part.eval()


def frozen_parts(network: ResNet) -> Iterator[nn.Module]:
    """The children that fine-tuning leaves as they are."""
    for name, part in network.named_children():
        if name not in FINE_TUNED_PARTS:
            yield part


def features(network: ResNet, images: Tensor) -> Tensor:
    """The globally pooled output of `layer4`, (N, D): what the classifier `fc` sees."""
    head, network.fc = network.fc, nn.Identity()
    try:
        pooled: Tensor = network(images)
    finally:
        network.fc = head
    return pooled
