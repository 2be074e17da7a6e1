"""Pieces that several screens of the field app share: the frame, attempts that may fail, words for values, times."""
