"""Front ends: waveform to spectrogram."""
