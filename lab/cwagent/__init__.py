"""Package mirror with a stand-in for the Amazon CloudWatch agent, which cannot be had without AWS's bucket."""

from .builder import build

__all__ = ["build"]
