"""Augmentation of batches on the device: rooms, noise, distortion, frequency response, pitch.

Labels follow the audio: a spectrogram shifted by a semitone comes with transposed notes. No effect
delays the direct sound, since onset labels would be late otherwise. Examples that an effect did not
choose stay bit-identical. Written here since libraries (torch-audiomentations, audiomentations) do
not change note labels, do not guarantee the onset times, and do not draw from a given generator.
"""

from amt.augment.augmentation import Augmentation
from amt.augment.mixing import MixedBatch
from amt.augment.spectrum import transpose

__all__ = ["Augmentation", "MixedBatch", "transpose"]
