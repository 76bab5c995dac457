"""Audio descriptors: spectra, chroma, MFCC, onset strength, tempo and beats."""
