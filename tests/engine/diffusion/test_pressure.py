"""Every rung of the memory ladder, taken by the real nodes and the real loop on a full device."""

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from msgspec import structs

from core.engine.baton import Baton
from core.engine.cache import Cache
from core.engine.context import Context, Engine, Job
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.loader import LazyLoader
from core.engine.node import Node, spec_of, type_of
from core.engine.nodes.prompt import encode
from core.engine.outbox import Outbox
from core.engine.registry import Nodes, built_in
from core.engine.residency import Residency
from core.engine.runner import Runner, perform
from core.engine.values import Image, Latent, TextEncoder
from core.graph.catalogue import Catalogue, Resource
from core.ipc import frames
from core.ipc.commands import EngineOptions
from core.ipc.reports import Degraded, JobDone, JobFailed
from core.records.graph import Graph
from tests.engine.budget import BudgetDevice
from tests.engine.pictures import MODEL, VAE, draw, node
from tests.engine.tiny import Tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(90),
]

PLENTY = 1 << 30
PATIENCE = 30  # seconds
CLOSE = 1e-5  # of white: what another batch may change in float32


class Repeat(Node, tag="test.repeat"):
    """Give a batch of the same latents; the sampler counts the seed on."""

    times: int

    def run(self, ctx: Context, latent: Latent) -> Latent:
        return Latent(samples=latent.samples.repeat(self.times, 1, 1, 1), empty=latent.empty)


class Gradient(Node, tag="test.gradient"):
    """Give a picture."""

    side: int

    def run(self, ctx: Context) -> Image:
        ramp = torch.linspace(0, 1, self.side)
        return Image(pixels=(ramp[:, None] * ramp).expand(1, 3, -1, -1))


class Keep(Node, tag="test.keep"):
    """Keep a picture for the test to see."""

    kept: ClassVar[dict[str, torch.Tensor]] = {}

    def run(self, ctx: Context, image: Image) -> None:
        Keep.kept[ctx.job.id] = image.pixels


class Studio:
    """An engine without a process, on a device of so many bytes."""

    def __init__(self, tiny: Tiny, folder: Path, limit: int) -> None:
        self.device = BudgetDevice(limit)
        self.budget = self.device.budget
        self.folder = str(tiny.folder)
        self._pipe = io.BytesIO()
        options = EngineOptions(staging=str(folder), nodes=str(folder), preview_rate=0)
        self.outbox = Outbox(self._pipe)
        self.outbox.start()
        baton = Baton()
        self.residency = Residency(self.device, baton, LazyLoader())
        self.engine = Engine(options, self.device, baton, self.residency, self.outbox)
        ours, kinds = built_in(), (Repeat, Gradient, Keep)
        self._nodes = Nodes(
            classes={**ours.classes, **{type_of(kind): kind for kind in kinds}},
            catalogue=Catalogue(
                nodes={**ours.catalogue.nodes, **{type_of(kind): spec_of(kind) for kind in kinds}}
            ),
        )

    def run(self, graph: Graph, name: str = "job", identity: str = "tiny") -> Any:
        found = Resource(
            id="m", kind="checkpoint", path=self.folder, identity=identity,
            family="sd1", name="tiny", format="diffusers",
        )  # fmt: skip
        job = Job(name, resources={"m": found})
        return perform(Runner(self.engine, Cache(0), self._nodes, job), kept(graph))

    def left_behind(self) -> int:
        """Count live bytes that are no weights."""
        return self.budget.live - self.residency.figures()[0]

    def told(self) -> list[Degraded]:
        self.outbox.drain(5)
        reports: list[Any] = []
        self._pipe.seek(0)
        while (report := frames.read_report(self._pipe)) is not None:  # type: ignore[arg-type]
            reports.append(report)
        return [report for report in reports if isinstance(report, Degraded)]


def batch(side: int, times: int) -> Graph:
    """Text to image, several at once."""
    nodes = {one.id: one for one in draw(side).nodes}
    nodes["batch"] = node("batch", "test.repeat", times=times, latent=("start", "out"))
    sample = nodes["sample"]
    nodes["sample"] = structs.replace(sample, inputs=sample.inputs | {"latent": ("batch", "out")})
    return Graph(nodes=list(nodes.values()))


def kept(graph: Graph) -> Graph:
    """Keep the picture for the test, and do not save it."""
    rest = [one for one in graph.nodes if one.type != "image.save"]
    return Graph(nodes=[*rest, node("keep", "test.keep", image=("decode", "out"))])


def recode(side: int) -> Graph:
    """A picture to latents and back."""
    return Graph(
        nodes=[
            MODEL,
            node("source", "test.gradient", side=side),
            node("encode", "latent.encode", vae=VAE, image=("source", "out")),
            node("decode", "latent.decode", vae=VAE, latent=("encode", "out")),
        ]
    )


class Case(NamedTuple):
    limit: int  # bytes of the device
    graph: Graph
    degraded: list[str]
    near: float = 0.0  # mean difference to the picture drawn without pressure, of white
    again: tuple[str, ...] = ()  # rungs of the same job once more
    tried: bool = True  # whether it was found out by trying; else it was known beforehand


# The tiny model's weights: 810,008 bytes of denoiser, 253,748 of autoencoder, 59,072 of text
# encoder. A guided step takes 0.86 MB for a picture of 64 pixels and 3.4 MB for one of 128,
# decoding 0.80 and 3.2 MB, in tiles 0.25 and 0.78 MB.
CASES = {
    "the idle text encoder is sent away": Case(4_230_000, draw(128), ["evict_idle"]),
    "the batch gets narrower": Case(
        2_600_000, batch(64, 4), ["evict_idle", "narrow_batch"], CLOSE
    ),
    "the picture is decoded in tiles": Case(
        3_200_000, draw(128, guidance_scale=1.0), ["tile_vae"], 0.15, ("tile_vae",), tried=False
    ),
    "a picture is encoded in tiles too": Case(
        800_000, recode(64), ["tile_vae"], 0.15, ("tile_vae",)
    ),
    "the denoiser's weights stay in RAM": Case(
        3_900_000, draw(128), ["evict_idle", "offload"], again=("offload",)
    ),
    "weights that do not fit at all stay in RAM": Case(
        780_000, draw(32, guidance_scale=1.0), ["offload"], again=("offload",)
    ),
    "the last rung follows all others": Case(
        2_600_000, batch(96, 2), ["evict_idle", "narrow_batch", "offload"], CLOSE,
        ("offload",),
    ),
    "tiles do not suffice, and the autoencoder's weights stay in RAM": Case(
        400_000, recode(64), ["tile_vae", "offload"], 0.15, ("tile_vae", "offload")
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors are small here, and on a busy machine threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def studio(tiny: Tiny, tmp_path: Path) -> Iterator[Callable[[int], Studio]]:
    made: list[Studio] = []

    def make(limit: int) -> Studio:
        made.append(Studio(tiny, tmp_path, limit))
        return made[-1]

    yield make
    for one in made:
        one.outbox.close()


def away(one: str, other: str) -> float:
    """Measure how far two jobs' pictures are apart: the mean difference, in parts of white."""
    return float((Keep.kept[one] - Keep.kept[other]).abs().mean())


class Story(NamedTuple):
    """One job four times: without pressure, under it, again, and when there is room again."""

    case: Case
    name: str
    tight: Any
    again: Any
    after: Any
    told: list[Degraded]
    refused: tuple[list[int], list[int]]  # allocations, under pressure and again
    left: list[int]  # bytes, after each


@pytest.fixture(scope="module", params=CASES.keys())
def story(
    request: pytest.FixtureRequest, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    name, folder = request.param, tmp_path_factory.mktemp("pressure")
    case = CASES[name]
    roomy, full = Studio(tiny, folder, PLENTY), Studio(tiny, folder, case.limit)
    assert isinstance(roomy.run(case.graph, f"{name}, free"), JobDone)
    left, reports = [], []
    refused: list[list[int]] = []
    for turn in ("tight", "again", "after"):
        if turn == "after":
            full.budget.limit = PLENTY
        full.budget.refused = []
        refused.append(full.budget.refused)
        reports.append(full.run(case.graph, f"{name}, {turn}"))
        left.append(full.left_behind())
    told = [rung for rung in full.told() if rung.job == f"{name}, tight"]
    yield Story(case, name, *reports, told, (refused[0], refused[1]), left)
    for one in (roomy, full):
        one.outbox.close()


def test_a_job_that_does_not_fit_succeeds_and_tells_how(story: Story) -> None:
    assert isinstance(story.tight, JobDone), story.tight
    assert bool(story.refused[0]) == story.case.tried  # it was full indeed
    assert story.tight.degraded == story.case.degraded
    assert [rung.rung for rung in story.told] == story.case.degraded
    assert all(rung.needed > 0 and rung.free >= 0 for rung in story.told)


def test_its_picture_is_the_one_drawn_without_pressure(story: Story) -> None:
    assert away(f"{story.name}, tight", f"{story.name}, free") <= story.case.near
    assert away(f"{story.name}, again", f"{story.name}, tight") <= CLOSE


def test_it_leaves_no_byte_behind(story: Story) -> None:
    assert story.left == [0, 0, 0]


def test_what_it_took_is_known_the_next_time(story: Story) -> None:
    """What others had to make way for just runs; what cannot fit is not tried as a whole again."""
    assert isinstance(story.again, JobDone)
    assert story.again.degraded == list(story.case.again)
    if "offload" not in story.case.again:  # weights are tried again each time
        assert story.refused[1] == []


def test_it_runs_as_it_should_once_there_is_room_again(story: Story) -> None:
    assert isinstance(story.after, JobDone)
    assert story.after.degraded == []
    assert away(f"{story.name}, after", f"{story.name}, free") <= CLOSE


def test_a_smaller_job_is_not_degraded_after_a_larger_one_was(
    studio: Callable[[int], Studio],
) -> None:
    tight = studio(3_900_000)
    assert tight.run(draw(128), "large").degraded == ["evict_idle", "offload"]
    report = tight.run(draw(64), "small")
    assert isinstance(report, JobDone)
    assert report.degraded == []


def test_room_is_made_before_a_phase_whose_appetite_is_known(
    studio: Callable[[int], Studio],
) -> None:
    """Two checkpoints take turns on a device that holds either at work, but not both."""
    tight = studio(5_000_000)
    for identity in ("a", "b"):
        tight.run(draw(128), identity=identity)
    tight.budget.refused.clear()
    for identity in ("a", "b", "a"):
        report = tight.run(draw(128), identity=identity)
        assert isinstance(report, JobDone)
        assert report.degraded == []
    assert tight.budget.refused == []


def test_a_text_encoder_that_does_not_fit_works_with_its_weights_in_ram(
    studio: Callable[[int], Studio],
) -> None:
    handle = TextEncoder(identity="tiny", path=studio(1).folder, family="sd1")
    tokens = []
    for limit in (PLENTY, 50_000):
        engine = studio(limit).engine
        ctx = Context(engine, Job("job"), "node")
        with torch.inference_mode():
            tokens.append(encode(ctx, handle, "a red fox").tokens)
    assert ctx.job.degraded == ["offload"]
    assert torch.equal(*tokens)


def test_what_fits_by_no_means_fails_and_the_job_beside_it_succeeds(
    studio: Callable[[int], Studio],
) -> None:
    studio(PLENTY).run(draw(32, steps=30), "expected")
    tight = studio(2_300_000)
    loop = tight.engine.get(SamplingLoop)
    reports: list[Any] = []
    beside = threading.Thread(
        target=lambda: reports.append(tight.run(draw(32, steps=30), "beside"))
    )
    beside.start()
    while not loop.count():  # until it is on its way
        assert beside.is_alive()
    failed = tight.run(draw(128), "large")
    beside.join(PATIENCE)

    assert isinstance(failed, JobFailed)
    assert (failed.code, failed.node) == ("out_of_memory", "sample")
    needed, free = failed.params["needed"], failed.params["free"]
    assert isinstance(needed, int)
    assert isinstance(free, int)
    assert needed > free >= 0
    assert failed.degraded[-1] == "offload"
    assert isinstance(reports[0], JobDone)
    assert away("beside", "expected") <= CLOSE
    assert tight.left_behind() == 0

    after = tight.run(draw(32), "after")
    assert isinstance(after, JobDone)
    assert after.degraded == []
    largest = failed.params["largest_width"]
    assert largest == failed.params["largest_height"]
    assert isinstance(largest, int)
    assert 32 < largest < 128
    assert isinstance(tight.run(draw(largest), "largest"), JobDone)
