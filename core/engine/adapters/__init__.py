"""Adapters: what files of LoRA and its relatives change in a checkpoint's networks."""
