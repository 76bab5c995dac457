"""Augmentation on the device: what rooms, microphones, recorders and other pianos do to a sound.

Labels follow: moving the spectrogram by a semitone moves the notes with it. No effect delays the
direct sound, since an onset that came later would be a wrong label. What an example did not draw
leaves it bit for bit as it was.
"""

from amt.augment.augmentation import Augmentation
from amt.augment.mixing import Mixture
from amt.augment.spectrum import transpose

__all__ = ["Augmentation", "Mixture", "transpose"]
