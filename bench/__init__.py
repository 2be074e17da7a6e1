"""Measurements of the goals P1 to P4, as ratios to a floor that is measured in the same round."""
