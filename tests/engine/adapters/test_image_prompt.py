"""IP-Adapters: pictures as prompts, as diffusers draws with them, each row with its own."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.engine.adapters.image_prompt import prompted, read
from core.engine.adapters.merge import adapt
from core.engine.adapters.twin import twin
from core.engine.diffusion.guidance import Guidance
from core.engine.diffusion.prompted import Prompted
from core.engine.nodes.adapt import ModelAdapt, Strength
from core.engine.nodes.ip_adapter import ControlIpAdapter
from core.engine.nodes.latent import LatentSample
from core.engine.nodes.prompt import PromptEncode
from core.engine.values import Conditioning, Image, Region
from core.errors import Invalid, ModelUnreadable
from core.graph.catalogue import Resource
from tests.engine import adapter_files as files
from tests.engine.adapters.test_merge import close, with_adapters
from tests.engine.bench import Bench, empty, parts
from tests.engine.tiny import SIZE, Tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
WIDTH, EMBED, SEEN = 24, 20, 12  # of text, of the encoder's embedding and of its states
WORDS = "a red fox"


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an image encoder; adapters are put beside it."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    folder = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(5)
    config = CLIPVisionConfig(
        hidden_size=SEEN, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2,
        image_size=32, patch_size=2, projection_dim=EMBED,  # 256 patches, as the large ones have
    )  # fmt: skip
    encoder = CLIPVisionModelWithProjection(config)
    encoder.save_pretrained(folder / "image_encoder")
    return folder


def attentions(tiny: Tiny, seed: int = 0) -> dict[str, torch.Tensor]:
    made = {}
    names = [name for name in tiny.network.attn_processors if "attn2" in name]
    for place, name in enumerate(names):
        hidden = files.weight(tiny.network, name.replace("processor", "to_k")).shape[0]
        for which in ("k", "v"):
            key = f"ip_adapter.{2 * place + 1}.to_{which}_ip.weight"
            made[key] = files.draw(hidden, WIDTH, seed=seed + place)
    return made


def plain(tiny: Tiny, seed: int = 0) -> dict[str, torch.Tensor]:
    return attentions(tiny, seed) | {
        "image_proj.proj.weight": files.draw(4 * WIDTH, EMBED, seed=seed),
        "image_proj.proj.bias": files.draw(4 * WIDTH, seed=seed),
        "image_proj.norm.weight": torch.ones(WIDTH),
        "image_proj.norm.bias": torch.zeros(WIDTH),
    }


def full(tiny: Tiny) -> dict[str, torch.Tensor]:
    return attentions(tiny) | {
        "image_proj.proj.0.weight": files.draw(SEEN, SEEN),
        "image_proj.proj.0.bias": files.draw(SEEN),
        "image_proj.proj.2.weight": files.draw(WIDTH, SEEN),
        "image_proj.proj.2.bias": files.draw(WIDTH),
        "image_proj.proj.3.weight": torch.ones(WIDTH),
        "image_proj.proj.3.bias": torch.zeros(WIDTH),
    }


def write(folder: Path, name: str, tensors: dict[str, torch.Tensor]) -> Resource:
    path = folder / f"{name}.safetensors"
    save_file(tensors, path)
    return Resource(
        id=name, kind="ip_adapter", path=str(path), identity=f"hash of {name}", family="sd1",
        name=name, format="single",
    )  # fmt: skip


def picture(seed: int, count: int = 1) -> torch.Tensor:
    drawn = torch.rand((count, 3, 20, 24), generator=torch.Generator().manual_seed(seed))
    return (drawn * 255).round() / 255


class Drawn:
    """Draws with the nodes, as a graph would."""

    def __init__(self, bench: Bench, *resources: Resource) -> None:
        self.ctx = bench.context("job", *resources)
        found = parts(self.ctx)
        self.model, self.encoder = found.model, found.text_encoder

    def words(self, text: str = WORDS) -> Conditioning:
        return PromptEncode(prompt=text).run(self.ctx, self.encoder)

    def follow(self, pixels: torch.Tensor, words: str = WORDS, **settings: Any) -> Any:
        node = ControlIpAdapter(**{"adapter": "ip", "weight": 1.0} | settings)
        given = (self.model, self.words(words), self.words(""), Image(pixels=pixels))
        return node.run(self.ctx, *given)

    def sample(self, model: Any, positive: Any, negative: Any, **settings: Any) -> torch.Tensor:
        node = LatentSample(**{"seed": 3, "steps": 4, "sampler": "euler", "guidance_scale": 5.0}
                            | settings)  # fmt: skip
        return node.run(self.ctx, model, positive, empty(self.ctx), negative).samples


def theirs(tiny: Tiny, shelf: Path, weight: float, *used: tuple[str, list[Any]]) -> torch.Tensor:
    from PIL import Image as Pillow
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    pipeline = Tiny(tiny.folder).pipeline("StableDiffusionPipeline", "euler")
    encoder = CLIPVisionModelWithProjection.from_pretrained(shelf / "image_encoder")
    side = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    pipeline.register_modules(image_encoder=encoder, feature_extractor=CLIPImageProcessor(**side))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.load_ip_adapter(
            str(shelf), subfolder=[""] * len(used), local_files_only=True,
            weight_name=[f"{name}.safetensors" for name, _ in used], image_encoder_folder=None,
        )  # fmt: skip
    pipeline.set_ip_adapter_scale([weight] * len(used))
    shown = [
        [Pillow.fromarray((one.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())
         for one in pixels] for _, pixels in used
    ]  # fmt: skip
    made: torch.Tensor = pipeline(
        WORDS, negative_prompt="", width=SIZE, height=SIZE, num_inference_steps=4,
        guidance_scale=5.0, generator=torch.Generator().manual_seed(3), output_type="latent",
        ip_adapter_image=shown,
    ).images  # fmt: skip
    return made


@pytest.mark.parametrize("weight", [1.0, 0.6])
@pytest.mark.parametrize(("kind", "count"), [(plain, 1), (plain, 2), (full, 1)])
def test_a_picture_is_the_one_of_diffusers(
    bench: Bench, tiny: Tiny, shelf: Path, weight: float, kind: Any, count: int
) -> None:
    one = write(shelf, "ip", kind(tiny))
    drawn = Drawn(bench, one)
    made = drawn.sample(*drawn.follow(picture(1, count), weight=weight))
    assert close(made, theirs(tiny, shelf, weight, ("ip", list(picture(1, count)))))
    assert not close(made, drawn.sample(drawn.model, drawn.words(), drawn.words("")))


def test_two_adapters_are_followed_beside_each_other(bench: Bench, tiny: Tiny, shelf: Path) -> None:
    both = [write(shelf, "ip", plain(tiny)), write(shelf, "other", plain(tiny, seed=7))]
    drawn = Drawn(bench, *both)
    first = drawn.follow(picture(1))
    node = ControlIpAdapter(adapter="other", weight=1.0)
    made = drawn.sample(*node.run(drawn.ctx, *first, Image(pixels=picture(2))))
    used = ("ip", list(picture(1))), ("other", list(picture(2)))
    assert close(made, theirs(tiny, shelf, 1.0, *used))


def test_rows_with_pictures_and_weights_of_their_own_share_a_forward(
    bench: Bench, tiny: Tiny, shelf: Path
) -> None:
    drawn = Drawn(bench, write(shelf, "ip", plain(tiny)))
    wishes = [(picture(1), 1.0), (picture(2), 0.4)]
    prompts = [drawn.follow(pixels, weight=weight) for pixels, weight in wishes]
    alone = [drawn.sample(*prompt) for prompt in prompts]
    model = prompts[0].model
    assert prompts[1].model == model
    seen: list[int] = []
    with bench.engine.residency.use(model, drawn.ctx.job) as network:
        hook = network.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
        rows = [row_of(tiny, network, prompt) for prompt in prompts]
        together = loop_of(bench).sample(rows)
        hook.remove()
        # ControlNets, which run in the same forward, see the words alone.
        tokens = prompts[0].positive.tokens
        assert torch.equal(network.text_of(tokens), drawn.words().tokens)  # type: ignore[operator]
    assert max(seen) == 4
    for made, expected in zip(together, alone, strict=True):
        assert (made - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert not close(alone[0], alone[1])


def row_of(tiny: Tiny, network: Any, prompt: Any) -> Any:
    from core.engine.diffusion.rows import Row

    made = tiny.row(WORDS, steps=4, seed=3, network=network)
    return Row(
        network=network, scheduler=made.scheduler, latents=made.latents, guidance=Guidance(5.0),
        positive=Prompted(prompt.positive.tokens),
        negative=Prompted(prompt.negative.tokens), steps=4, model="ip",
    )  # fmt: skip


def loop_of(bench: Bench) -> Any:
    from core.engine.diffusion.sampler import SamplingLoop

    return SamplingLoop(bench.engine)


def test_it_works_between_its_start_and_its_end_beside_a_prompts_own_schedule(
    bench: Bench, tiny: Tiny, shelf: Path
) -> None:
    drawn = Drawn(bench, write(shelf, "ip", plain(tiny)))
    without = drawn.sample(drawn.model, drawn.words("a [fox:owl:0.5]"), drawn.words(""))
    for settings in ({"start": 0.25, "end": 0.25}, {"weight": 0.0}, {"start": 1.0}):
        never = drawn.sample(*drawn.follow(picture(1), "a [fox:owl:0.5]", **settings))
        assert close(never, without)
    whole = drawn.sample(*drawn.follow(picture(1), "a [fox:owl:0.5]"))
    early = drawn.sample(*drawn.follow(picture(1), "a [fox:owl:0.5]", end=0.5))
    assert not close(early, whole)
    assert not close(early, without)
    stages = drawn.follow(picture(1), "a [fox:owl:0.5]", start=0.25, end=0.75).positive.later
    assert [one.stage.share for one in stages] == [0.25, 0.5, 0.75]


def test_prompts_of_other_lengths_and_loras_go_with_it(
    bench: Bench, tiny: Tiny, shelf: Path, tmp_path: Path
) -> None:
    ink = files.write(tmp_path, "ink", files.kohya(tiny, words=False))
    drawn = Drawn(bench, write(shelf, "ip", plain(tiny)), ink)
    before = drawn.sample(*drawn.follow(picture(1), "a fox, " * 20))
    adapted = ModelAdapt(loras=(Strength(model="ink"),)).run(drawn.ctx, drawn.model, drawn.encoder)
    drawn.model = adapted.model
    after = drawn.sample(*drawn.follow(picture(1), "a fox, " * 20))
    assert torch.isfinite(after).all()
    assert not close(after, before)


def test_the_base_stays_as_it_was(tiny: Tiny, shelf: Path) -> None:
    import msgspec

    one = write(shelf, "ip", plain(tiny))
    use = (one.identity, one.path, 1)
    handle = msgspec.structs.replace(tiny.model, image_adapters=(use,))
    before = {name: value.clone() for name, value in tiny.network.state_dict().items()}
    processors = dict(tiny.network.attn_processors)
    made = prompted(handle, twin(tiny.network, {}))
    assert tiny.network.config.encoder_hid_dim_type is None
    assert tiny.network.encoder_hid_proj is None
    assert tiny.network.attn_processors == processors
    after = tiny.network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    owned = {id(one) for one in made.own.parameters()}
    assert owned.isdisjoint({id(one) for one in tiny.network.parameters()})


def test_parts_of_a_picture_with_prompts_of_their_own_follow_it_too(
    bench: Bench, tiny: Tiny, shelf: Path
) -> None:
    import msgspec

    drawn = Drawn(bench, write(shelf, "ip", plain(tiny)))
    mask = torch.zeros((1, 1, 8, 8))
    mask[..., :4] = 1
    region = Region(conditioning=drawn.words("an owl"), mask=mask)
    words = msgspec.structs.replace(drawn.words(), regions=(region,))
    without = drawn.sample(drawn.model, words, drawn.words(""))
    node = ControlIpAdapter(adapter="ip", weight=1.0)
    prompt = node.run(drawn.ctx, drawn.model, words, drawn.words(""), Image(pixels=picture(1)))
    assert not close(drawn.sample(*prompt), without)
    bare = msgspec.structs.replace(prompt.positive, regions=(region,))
    with pytest.raises(Invalid, match="image_prompt_mismatch"):
        drawn.sample(prompt.model, bare, prompt.negative)


@pytest.mark.parametrize("wrong", ["model", "positive", "negative"])
def test_what_is_not_wired_from_one_node_is_refused(
    bench: Bench, tiny: Tiny, shelf: Path, wrong: str
) -> None:
    drawn = Drawn(bench, write(shelf, "ip", plain(tiny)))
    given = drawn.follow(picture(1))._asdict()
    given[wrong] = drawn.model if wrong == "model" else drawn.words("")
    with pytest.raises(Invalid) as caught:
        drawn.sample(**given)
    assert caught.value.name == "image_prompt_mismatch"


def test_an_adapter_without_its_encoder_says_what_is_missing(
    bench: Bench, tiny: Tiny, tmp_path: Path
) -> None:
    drawn = Drawn(bench, write(tmp_path, "ip", plain(tiny)))
    with pytest.raises(ModelUnreadable) as caught:
        drawn.follow(picture(1))
    assert (caught.value.name, caught.value.params) == ("image_encoder_missing", {"model": "ip"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ip_adapter.1.to_k_ip.weight": (3, WIDTH)}, "adapter_misfit"),
        ({"image_proj.proj.weight": (4 * WIDTH, EMBED + 1)}, "adapter_misfit"),
        ({"ip_adapter.1.to_k_lora.down.weight": (2, 2)}, "adapter_unsupported"),
        ({"image_proj.perceiver_resampler.proj_in.weight": (2, 2)}, "adapter_unsupported"),
        ({"image_proj.proj.weight": None}, "adapter_unsupported"),
        ({"ip_adapter.1.to_v_ip.weight": None}, "adapter_misfit"),
    ],
)
def test_what_does_not_fit_is_refused(
    bench: Bench, tiny: Tiny, shelf: Path, change: dict[str, Any], code: str
) -> None:
    tensors = plain(tiny)
    for name, shape in change.items():
        tensors.pop(name, None)
        tensors |= {} if shape is None else {name: files.draw(*shape)}
    drawn = Drawn(bench, write(shelf, "ip", tensors))
    with pytest.raises(ModelUnreadable) as caught:
        drawn.follow(picture(1))
    assert (caught.value.name, caught.value.params["model"]) == (code, "ip")


def test_what_is_no_file_is_told(tmp_path: Path, tiny: Tiny) -> None:
    (tmp_path / "odd.safetensors").write_bytes(b"\x09" * 40)
    with pytest.raises(ModelUnreadable):
        read(str(tmp_path / "odd.safetensors"))
    assert adapt(with_adapters(tiny.model), tiny.network).module is not tiny.network
