"""Training: the LightningModule, losses, optimiser, logging, and what follows a run."""
