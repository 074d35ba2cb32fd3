"""Editing on the starter, judged by its classifier: what a person would check by eye."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import judged
from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SEEDS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("judged")
    # One thread: as fast for pictures this small, and the tests beside these are not starved.
    with running(folder, threads="1") as server:
        yield server


@pytest.fixture(scope="module")
def eye() -> judged.Eye:
    return judged.Eye()


def test_strength_zero_gives_the_picture_back_and_more_of_it_goes_further(
    server: RunningServer,
) -> None:
    distances = judged.strengths(server, SEEDS)
    assert distances[0] < 4  # of 255: once through the autoencoder
    assert distances == sorted(distances)
    assert distances[-1] > 10 * distances[0]


def test_a_penguin_is_painted_into_the_left_half_and_the_right_half_stays(
    server: RunningServer, eye: judged.Eye
) -> None:
    found = judged.painted(server, eye, SEEDS)
    assert found.kept
    assert found.inside >= 0.8 * found.plain > 0.5


def test_new_room_leaves_the_given_picture_as_it_is(server: RunningServer) -> None:
    assert judged.extended(server, 2)


def test_a_weight_of_1_4_shows_more_of_a_subject_than_one_of_0_6(
    server: RunningServer, eye: judged.Eye
) -> None:
    low, _, high = judged.weighted(server, eye, SEEDS)
    assert sum(high) > sum(low) + 0.25 * SEEDS
