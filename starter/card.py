"""The figures of a measurement as the card's table.

Does not measure.
"""

from pathlib import Path

from starter.sampling import GUIDANCE, STEPS

BEGIN, END = "<!-- eval -->", "<!-- /eval -->"


def write_table(figures: dict[str, dict[str, float]], facts: dict[str, float]) -> str:
    """Write the figures as the card's table, in Markdown."""
    lines = ["| asked for | pictures | subject | style | background | all three |"]
    lines.append("|---|---|---|---|---|---|")
    for name, row in figures.items():
        parts = [f"{100 * row[key]:.1f} %" for key in ("subject", "style", "background", "all")]
        lines.append(f"| {name} | {row['pictures']:.0f} | {' | '.join(parts)} |")
    lines.append("")
    lines.append(
        f"Two subjects side by side, each on its own side: {100 * facts['sides']:.0f} %. "
        f"Mean feature distance between seeds of one prompt: {facts['diversity']:.2f}. "
        f"{facts['seconds']:.2f} s a picture on {facts['threads']:.0f} cores, "
        f"peak memory {facts['peak_mb']:.0f} MB (both libraries included). "
        f"{STEPS} steps of DPM++ 2M, guidance {GUIDANCE:g}."
    )
    return "\n".join(lines)


def update_card(card: Path, table: str) -> None:
    """Put the table between the card's two marks."""
    text = card.read_text("utf-8")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    card.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", "utf-8")
