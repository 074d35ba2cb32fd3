import pytest

from starter.subjects import parse_table, pick_trained, read_subjects


def test_later_editions_know_more_and_a_tenth_is_held_out_of_all() -> None:
    every = read_subjects()
    known = [len(pick_trained(every, edition)) for edition in (1, 2, 3)]
    assert known == [72, 106, 638]
    held = sum(subject.held_out for subject in every)
    assert 0.1 <= held / len(every) <= 0.13


def test_no_held_out_word_is_used_by_a_trained_subject() -> None:
    every = read_subjects()
    trained = {word for subject in pick_trained(every, 3) for word in subject.words}
    held = {word for subject in every if subject.held_out for word in subject.words}
    assert not trained & held


def test_red_fox_is_a_fox() -> None:
    fox = next(subject for subject in read_subjects() if subject.name == "fox")
    assert "red fox" in fox.words


def test_a_short_row_is_named_by_its_line() -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse_table("# remark\n1f98a\tanimal\tfox\n")


def test_a_word_that_stands_for_two_subjects_is_refused() -> None:
    with pytest.raises(ValueError, match="already stands for 'car'"):
        parse_table("1\ttravel\tcar\tauto\t1\n2\ttravel\tbus\tauto\t1\n")


def test_an_edition_that_is_none_is_named_by_its_line() -> None:
    with pytest.raises(ValueError, match="line 1: expected an edition, found 'old'"):
        parse_table("1\ttravel\tcar\tauto\told\n")
