"""What tests of green programs need, and programs do not."""

from .sweep import cancel_everywhere

__all__ = ["cancel_everywhere"]
