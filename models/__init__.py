"""Trained models as data (one folder each) and `train/`, which rebuilds them."""
