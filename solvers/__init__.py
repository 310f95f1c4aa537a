"""Numerics: generators, their assembly, and what is solved with them. Arrays in, arrays out."""
