"""Pictures of pipelines without a family of their own, beside diffusers' own loading and call."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine import calling
from core.engine.baton import Baton
from core.engine.pipelines import asking
from core.ipc.reports import JobCanceled, JobDone, JobFailed, JobProgressed, Previewed
from tests.engine.pictures import draw as stable
from tests.engine.pictures import node
from tests.engine.pipelines import folders
from tests.engine.pipelines.conftest import Written
from tests.engine.pipelines.studio import PATIENCE, Studio, drawn
from tests.engine.tiny import write_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # what diffusers will drop
    pytest.mark.slow,
    pytest.mark.timeout(180),
]

CLOSE = 1 / 255
TOLD = {"flux2": ["setting_unused:negative_prompt"]}
WISH: dict[str, Any] = {"prompt": "a red fox", "width": 32, "height": 32, "steps": 3, "seed": 5}


def by_diffusers(path: Path, kind: str = "", **changes: Any) -> torch.Tensor:
    """Draw as diffusers loads and calls a pipeline itself."""
    import diffusers

    index = diffusers.DiffusionPipeline.load_config(path)
    whole = getattr(diffusers, index["_class_name"]).from_pretrained(path, local_files_only=True)
    if kind:
        whole = getattr(diffusers, kind).from_pipe(whole)
    whole.set_progress_bar_config(disable=True)
    given, _ = asking.arguments(whole, asking.Wish(**{**WISH, **changes}))
    with torch.inference_mode():
        return asking.pixels(whole(**given))


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    assert one.shape == other.shape
    return float((one - other).abs().max())


@pytest.mark.parametrize("name", folders.MADE)
def test_a_picture_is_what_diffusers_draws(name: str, written: Written, tmp_path: Path) -> None:
    studio = Studio(tmp_path, {name: written(name)})
    side = folders.SIDES.get(name, folders.SIZE)
    wish: dict[str, Any] = {
        "negative_prompt": "blue", "guidance_scale": 3.0, "width": side, "height": side,
    }  # fmt: skip
    report = studio.run("J", *drawn(name, **wish))
    assert isinstance(report, JobDone), report
    wanted = by_diffusers(written(name), **wish)
    assert difference(studio.picture("J"), wanted) <= CLOSE
    assert float(wanted.std()) > 0.01
    assert report.degraded == TOLD.get(name, [])


def test_the_seed_and_the_prompt_decide(written: Written, tmp_path: Path) -> None:
    studio = Studio(tmp_path, {"aura": written("aura")})
    for job, changes in {"A": {}, "B": {"seed": 6}, "C": {"prompt": "a blue whale"}}.items():
        studio.run(job, *drawn("aura", **changes))
    assert difference(studio.picture("A"), studio.picture("B")) > CLOSE
    assert difference(studio.picture("A"), studio.picture("C")) > 0
    studio.run("D", *drawn("aura"))
    assert torch.equal(studio.picture("A"), studio.picture("D"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("z_image", "ZImageImg2ImgPipeline"),
        ("qwen", "QwenImageImg2ImgPipeline"),
        ("chroma", "ChromaImg2ImgPipeline"),
    ],
)
def test_a_picture_is_drawn_anew_by_the_sibling(
    name: str, kind: str, written: Written, tmp_path: Path
) -> None:
    studio = Studio(tmp_path, {name: written(name)})
    picture = node("picture", "test.gradient", side=32)
    report = studio.run("J", *drawn(name, picture, image=("picture", "out"), strength=0.7))
    assert isinstance(report, JobDone), report
    ramp = torch.linspace(0, 1, 32)
    pixels = (ramp[:, None] * ramp).expand(1, 3, -1, -1)
    wanted = by_diffusers(written(name), kind, pixels=pixels, strength=0.7)
    assert difference(studio.picture("J"), wanted) <= CLOSE


def test_a_picture_of_which_no_step_is_drawn_stays_as_it_is(
    written: Written, tmp_path: Path
) -> None:
    studio = Studio(tmp_path, {"z_image": written("z_image")})
    picture = node("picture", "test.gradient", side=32)
    studio.run("J", *drawn("z_image", picture, image=("picture", "out"), strength=0.1))
    ramp = torch.linspace(0, 1, 32)
    assert torch.equal(studio.picture("J"), (ramp[:, None] * ramp).expand(1, 3, -1, -1))


def test_a_part_is_painted_by_the_sibling(written: Written, tmp_path: Path) -> None:
    studio = Studio(tmp_path, {"z_image": written("z_image")})
    picture = node("picture", "test.gradient", side=32)
    mask = node("mask", "test.veil", side=32)
    report = studio.run(
        "J",
        *drawn("z_image", picture, mask, image=("picture", "out"), mask=("mask", "out"),
               strength=1.0),
    )  # fmt: skip
    assert isinstance(report, JobDone), report
    ramp = torch.linspace(0, 1, 32)
    square = (ramp[:, None] * ramp).expand(1, 3, -1, -1)
    wanted = by_diffusers(
        written("z_image"), "ZImageInpaintPipeline", pixels=square, mask=square[:, :1],
        strength=1.0,
    )  # fmt: skip
    assert difference(studio.picture("J"), wanted) <= CLOSE


def test_what_a_pipeline_has_no_place_for_is_told(written: Written, tmp_path: Path) -> None:
    from diffusers import SanaPipeline

    studio = Studio(tmp_path, {"sana": written("sana")})

    class Deaf(SanaPipeline):  # type: ignore[misc]  # diffusers is not typed
        def __call__(self, prompt: str, height: int = 32, width: int = 32, **_: Any) -> Any: ...

    wish = asking.Wish(prompt="x", negative_prompt="y", width=32, height=32, steps=9,
                       guidance_scale=7.0)  # fmt: skip
    given, unused = asking.arguments(object.__new__(Deaf), wish)
    assert given == {"prompt": "x", "height": 32, "width": 32}
    assert unused == (
        "setting_unused:negative_prompt", "setting_unused:guidance_scale", "setting_unused:steps",
    )  # fmt: skip
    assert studio.run("J", *drawn("sana")).degraded == []


@pytest.mark.parametrize("name", ["pixart", "lumina", "flux2"])  # of each kind of callback
def test_every_step_is_told_and_shown(name: str, written: Written, tmp_path: Path) -> None:
    studio = Studio(tmp_path, {name: written(name)}, rate=1000.0)
    studio.outbox.watch(None)
    studio.outbox.start()
    report = studio.run("J", *drawn(name, steps=4))
    assert isinstance(report, JobDone), report
    told = studio.reports
    steps = [one for one in told if isinstance(one, JobProgressed) and one.phase == "step"]
    assert steps[-1].step == steps[-1].steps == 4  # newest wins: earlier ones may be replaced
    shown = [one for one in told if isinstance(one, Previewed)]
    assert shown
    assert (shown[-1].width, shown[-1].height) == (32, 32)


@pytest.mark.parametrize("name", ["pixart", "aura"])
def test_a_cancel_is_obeyed_after_the_step(
    name: str, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, canceled = Studio(tmp_path, {name: written(name)}), threading.Event()
    steps: list[int] = []

    class Canceling(calling._Steps):
        def _stepped(self, pipeline: Any, index: int, time: Any, latents: Any) -> None:
            steps.append(index)
            if index == 1:
                canceled.set()
            super()._stepped(pipeline, index, time, latents)

    monkeypatch.setattr(calling, "_Steps", Canceling)
    assert isinstance(studio.run("J", *drawn(name, steps=8), canceled=canceled), JobCanceled)
    assert steps == [0, 1]
    assert studio.engine.baton.phase() == "idle"
    assert isinstance(studio.run("K", *drawn(name)), JobDone)


class Watched(Baton):
    """A baton that keeps the names of those who held it for a step."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] = []

    def hold(self, job: str, phase: str, **options: Any) -> Any:
        holding = super().hold(job, phase, **options)
        watched = self

        class Noted:
            def __enter__(self) -> None:
                holding.__enter__()
                if phase == "step":
                    watched.held.append(job)

            def __exit__(self, *raised: Any) -> Any:
                return holding.__exit__(*raised)

        return Noted()


def test_steps_of_a_pipeline_and_of_rows_take_turns(written: Written, tmp_path: Path) -> None:
    write_model(tmp_path / "sd")
    studio = Studio(tmp_path, {"aura": written("aura"), "sd": tmp_path / "sd"})
    studio.engine.baton = studio.residency._baton = watched = Watched()
    resource = studio.resources["sd"]
    studio.resources["m"] = resource
    graph = stable(32, steps=30)
    ends: dict[str, Any] = {}

    def work(job: str, nodes: Any) -> None:
        ends[job] = studio.run(job, *nodes)

    jobs = {"A": drawn("aura", steps=30), "B": drawn("aura", steps=30, seed=9),
            "S": graph.nodes}  # fmt: skip
    threads = [threading.Thread(target=work, args=one) for one in jobs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert {job: type(end) for job, end in ends.items()} == dict.fromkeys("ABS", JobDone), ends
    turns = sum(one != other for one, other in zip(watched.held, watched.held[1:], strict=False))
    assert turns > 20
    for job, seed in {"A": 5, "B": 9}.items():  # company changes nothing
        studio.run(f"{job} alone", *drawn("aura", steps=30, seed=seed))
        assert torch.equal(studio.picture(job), studio.picture(f"{job} alone"))


@pytest.fixture
def sana(written: Written, tmp_path: Path) -> Iterator[Studio]:
    yield Studio(tmp_path, {"sana": written("sana")})


def test_a_size_that_it_cannot_draw_is_refused(sana: Studio) -> None:
    report = sana.run("J", *drawn("sana", width=40))
    assert isinstance(report, JobFailed)
    assert (report.code, report.params["multiple"]) == ("size_not_multiple", 32)


def test_a_picture_for_one_that_takes_none_is_refused(sana: Studio) -> None:
    picture = node("picture", "test.gradient", side=32)
    report = sana.run("J", *drawn("sana", picture, image=("picture", "out")))
    assert isinstance(report, JobFailed)
    assert (report.code, report.params["pipeline"]) == ("way_unsupported", "SanaPipeline")


def test_broken_weights_are_told_of_the_model(written: Written, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = shutil.copytree(written("aura"), tmp_path / "broken")
    file = path / "vae/diffusion_pytorch_model.safetensors"
    save_file({name: one.fill_(torch.nan) for name, one in load_file(file).items()}, file)
    report = Studio(tmp_path, {"broken": path}).run("J", *drawn("broken", steps=1))
    assert isinstance(report, JobFailed)
    assert (report.code, report.params["model"]) == ("model_nonfinite", "broken")


def test_a_checkpoint_of_the_sampling_loop_is_not_taken(tmp_path: Path) -> None:
    write_model(tmp_path / "sd")
    report = Studio(tmp_path, {"sd": tmp_path / "sd"}).run("J", *drawn("sd"))
    assert isinstance(report, JobFailed)
    assert report.code == "family_unsupported"
