"""Denoising: rows, the loop that steps them together, samplers, noise, guidance, previews."""
