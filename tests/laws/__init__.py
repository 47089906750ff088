"""Laws that no single module owns."""
