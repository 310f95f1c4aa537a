"""Closed forms that the numbers are checked against."""
