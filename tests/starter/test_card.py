from pathlib import Path

from starter.card import BEGIN, END, update_card, write_table


def test_the_table_goes_between_the_marks(tmp_path: Path) -> None:
    row = {"pictures": 2.0, "subject": 0.5, "style": 1.0, "background": 1.0, "all": 0.5}
    facts = {"sides": 0.5, "diversity": 0.1, "seconds": 0.2, "threads": 2.0, "peak_mb": 900.0}
    card = tmp_path / "README.md"
    card.write_text(f"head\n{BEGIN}\nold\n{END}\ntail\n")
    for _ in range(2):
        update_card(card, write_table({"it": row}, facts))
    text = card.read_text()
    assert text.startswith("head\n")
    assert text.endswith("tail\n")
    assert "| it | 2 | 50.0 % | 100.0 % | 100.0 % | 50.0 % |" in text
    assert "old" not in text
