"""Buckets: every picture gets one, of nearly its own shape and never of more pixels."""

from hypothesis import given
from hypothesis import strategies as st

from core.records.training import Bucket
from core.training import buckets

SIDES = st.integers(1, 20_000)
RESOLUTIONS = st.integers(16, 4096)
STEPS = st.sampled_from([8, 16, 32, 64, 128, 512])


@given(SIDES, SIDES, RESOLUTIONS, STEPS)
def test_a_bucket_has_whole_steps_and_no_more_pixels_than_the_square(
    width: int, height: int, resolution: int, step: int
) -> None:
    wide, tall = buckets.fit(width, height, resolution, step)
    grid = min(step, resolution - resolution % 8)
    assert wide % grid == tall % grid == 0
    assert 0 < wide * tall <= resolution**2
    assert max(wide, tall) <= 2 * resolution
    assert (wide >= tall) if width >= height else (wide <= tall)


@given(SIDES, SIDES, RESOLUTIONS, STEPS)
def test_an_upright_picture_gets_the_turned_bucket_of_a_lying_one(
    width: int, height: int, resolution: int, step: int
) -> None:
    assert buckets.fit(height, width, resolution, step) == tuple(
        reversed(buckets.fit(width, height, resolution, step))
    )


@given(SIDES, SIDES, st.integers(64, 1024))
def test_no_other_bucket_of_the_table_is_nearer(width: int, height: int, resolution: int) -> None:
    def far(size: tuple[int, int]) -> float:
        ratio = size[0] * height / (size[1] * width)
        return max(ratio, 1 / ratio)

    chosen = buckets.fit(width, height, resolution, 64)
    table = {
        buckets.fit(side, 10_000, resolution, 64)
        for side in (*range(2_000, 10_000, 100), *(10**8 // each for each in range(2_000, 9_999)))
    }
    assert all(far(chosen) <= far(other) * (1 + 1e-9) for other in table)


@given(SIDES, SIDES, RESOLUTIONS, STEPS, st.floats(0, 1), st.floats(0, 1))
def test_a_picture_covers_its_bucket_and_the_window_lies_inside(
    width: int, height: int, resolution: int, step: int, across: float, down: float
) -> None:
    bucket = buckets.fit(width, height, resolution, step)
    size = buckets.covering((width, height), bucket)
    left, top, right, bottom = buckets.window(size, bucket, across, down)
    assert size[0] >= bucket[0] and size[1] >= bucket[1]
    assert size[0] == bucket[0] or size[1] == bucket[1]
    assert 0 <= left and right <= size[0] and right - left == bucket[0]
    assert 0 <= top and bottom <= size[1] and bottom - top == bucket[1]


def test_sizes_are_the_known_ones_of_512() -> None:
    assert buckets.fit(1000, 1000, 512, 64) == (512, 512)
    assert buckets.fit(4000, 3000, 512, 64) == (576, 448)
    assert buckets.fit(1080, 1920, 512, 64) == (384, 640)
    assert buckets.fit(9000, 30, 512, 64) == (1024, 256)


def test_a_resolution_below_the_step_is_its_own_step() -> None:
    assert buckets.fit(300, 200, 64, 64) == (64, 64)
    assert buckets.fit(300, 200, 36, 64) == (32, 32)


def test_counts_are_listed_with_the_fullest_first() -> None:
    sizes = [(100, 100), (300, 200), (90, 90), (10, 10)]
    assert buckets.of(sizes, 512) == [
        Bucket(width=512, height=512, count=3),
        Bucket(width=640, height=384, count=1),
    ]
    assert buckets.of(sizes, 512, kept=False) == [Bucket(width=512, height=512, count=4)]
    assert buckets.of([], 512) == []
