"""apt repository with a stand-in for Grafana, which cannot be had without Grafana Labs' own."""

from .builder import build

__all__ = ["build"]
