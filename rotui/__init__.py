"""rotui: rotation pre-training experiments in a terminal."""

__version__ = "0.1.0"
