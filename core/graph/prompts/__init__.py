"""Prompts as people write them: choices and wildcards, weights and schedules. Pure functions."""
