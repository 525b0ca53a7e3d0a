"""The voice network: from a log-mel to a voice embedding, which depends on who speaks (voice2face's).

Wen, Raj and Singh 2019, "Face reconstruction from voice using generative adversarial networks": five
convolutions over time, each of half the rate of the one before, then the mean over time.
"""

from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from pipeline.core.base.errors import BadInput
from pipeline.weights.shape_check import BATCH_COUNTER, check_state
from pipeline.weights.state_dict import read_state_dict

VOICE_SIZE = 64
"""Length of the voice embedding, whatever the width."""

PUBLISHED_MELS = 64
PUBLISHED_WIDTH = 64
CHANNELS_OF_64 = (256, 384, 576, 864)
"""Channels of the four hidden convolutions at width 64; those of other widths are in proportion."""

KERNEL = 3


class VoiceNetwork(nn.Module):
    """Log-mels of any length to voice embeddings; state names are the released file's, ``model.0.weight`` first."""

    def __init__(self, n_mels: int = PUBLISHED_MELS, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        self.n_mels, self.width = n_mels, width
        hidden = (n_mels, *(channels * width // PUBLISHED_WIDTH for channels in CHANNELS_OF_64))
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(hidden):
            convolution = nn.Conv1d(n_in, n_out, KERNEL, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm1d(n_out), nn.ReLU()]
        layers.append(nn.Conv1d(hidden[-1], VOICE_SIZE, KERNEL, stride=2, padding=1))
        self.model = nn.Sequential(*layers)

    def forward(self, log_mels_BMT: Tensor) -> Tensor:
        """(B, n_mels, T) log-mels, T >= 1 -> (B, 64), not normalised."""
        voices_BCT: Tensor = self.model(log_mels_BMT)
        return voices_BCT.mean(dim=2)

    def embed(self, log_mels_BMT: Tensor) -> Tensor:
        """(B, n_mels, T) log-mels -> (B, 64) of unit length: the voice embedding, the input of the other networks."""
        return functional.normalize(self(log_mels_BMT), dim=1)

    def expect_mels(self, n_mels: int) -> None:
        """Raise BadInput where the log-mels of a dataset have another number of mels."""
        if n_mels != self.n_mels:
            raise BadInput(f"the voice network takes {self.n_mels} mels, the dataset's log-mels have {n_mels}")


def load_voice_network(path: Path) -> VoiceNetwork:
    """Return the voice network of ``path``, in evaluation mode; width and mels are read from its first convolution.

    Reads voice2face's released file and those of ``pretrain_voice``. Raises BadInput naming the first tensor that
    is missing, unknown, of another shape or type or not finite, UntrustedWeights for a file that would run code.
    """
    state = read_state_dict(path)
    first = state.get("model.0.weight")
    if first is None or first.ndim != 3:
        raise BadInput(f"{path}: not a voice network: it has no convolution over time 'model.0.weight'")
    n_first, n_mels, _ = first.shape
    width, rest = divmod(n_first * PUBLISHED_WIDTH, CHANNELS_OF_64[0])
    if rest or not width:
        raise BadInput(f"{path}: 'model.0.weight': expected a multiple of 4 channels, found {n_first}")
    network = VoiceNetwork(n_mels, width)
    expected = network.state_dict()
    found = {name: tensor for name, tensor in expected.items() if name.endswith(BATCH_COUNTER)} | state
    check_state(expected, found, path, f"a voice network of width {width}")
    network.load_state_dict(found)
    return network.eval()
