"""Front end, network and sigmoid as one module, from waveform to posteriors: what is exported."""

from __future__ import annotations

from torch import Tensor, nn

from amt.features.frontends import FrontEnd, log_spectrogram, num_frames
from amt.models.linear import LinearKeys
from amt.models.network import Network


class Spectrogram(nn.Module):
    """A front end computed by FFTs, in code that TorchScript can compile: (B, S) -> (B, C, T, F).

    `FrontEnd` itself cannot be compiled, since it can also use nnAudio.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        super().__init__()
        self.transform = front_end.transform
        self.sample_rate = front_end.sample_rate
        self.hop_length = front_end.hop_length

    def forward(self, audio: Tensor) -> Tensor:
        frames = num_frames(audio.shape[-1], self.hop_length)
        return log_spectrogram(self.transform(audio), frames)


class WaveformToPosteriors(nn.Module):
    """audio (B, S) in float32 -> posteriors (B, T, 88) of every output, the pedal's (B, T, 1).

    T is ceil(S / hop_length). Any batch size and any number of samples from 1 on.
    """

    def __init__(self, front_end: FrontEnd, network: Network | LinearKeys) -> None:
        super().__init__()
        self.front_end = Spectrogram(front_end)
        self.network = network

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        posteriors: dict[str, Tensor] = {}
        for name, logits in self.network(self.front_end(audio)).items():
            posteriors[name] = logits.sigmoid()
        return posteriors
