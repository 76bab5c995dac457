"""Front ends: waveform to log spectrogram."""
