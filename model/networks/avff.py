"""Audio-visual feature fusion (AVFF): for each place and channel a weight between face and audio feature.

Eq. 1 of the paper; its xi, "convolution, batch norm, ReLU", are in the released code two 1x1 convolutions through a
quarter of the channels, as in attentional feature fusion (Dai et al. 2021).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

REDUCTION = 4


class AVFF(nn.Module):
    """Eq. 1: m~ = sigmoid(xi_l(cat(f_v, f_a)) + xi_g(GAP(f_v + f_a))); fused = gain * (m~ f_v + (1 - m~) f_a).

    f_v is the face feature, projected to the ``channels`` of the audio feature f_a. ``gain`` 1 is the paper's, 2 the
    released code's.
    """

    def __init__(self, channels: int, gain: float) -> None:
        super().__init__()
        self.gain = gain
        self.project_face = nn.Conv2d(2 * channels, channels, 1)
        self.project_both = nn.Conv2d(2 * channels, channels, 1)
        self.local_context = _bottleneck(channels)
        self.global_context = _bottleneck(channels)

    def forward(self, face_B2CHW: Tensor, audio_BCHW: Tensor) -> Tensor:
        """(B, 2C, H, W) and (B, C, H, W) -> (B, C, H, W)."""
        face_BCHW = self.project_face(face_B2CHW)
        both_BCHW = self.project_both(torch.cat([face_BCHW, audio_BCHW], dim=1))
        pooled_BC11 = functional.adaptive_avg_pool2d(face_BCHW + audio_BCHW, 1)
        weight_BCHW = torch.sigmoid(self.local_context(both_BCHW) + self.global_context(pooled_BC11))
        fused_BCHW: Tensor = self.gain * (weight_BCHW * face_BCHW + (1 - weight_BCHW) * audio_BCHW)
        return fused_BCHW


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that uses its running statistics, and does not update them, where a channel has one value only.

    That happens when a batch of one is pooled in training: one value has no variance, and torch's batch norm raises.
    """

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        if x_BCHW.numel() > x_BCHW.shape[1]:
            return super().forward(x_BCHW)
        return functional.batch_norm(
            x_BCHW, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


def _bottleneck(channels: int) -> nn.Sequential:
    inner = channels // REDUCTION
    return nn.Sequential(
        nn.Conv2d(channels, inner, 1),
        BatchNorm(inner),
        nn.ReLU(),
        nn.Conv2d(inner, channels, 1),
        BatchNorm(channels),
    )
