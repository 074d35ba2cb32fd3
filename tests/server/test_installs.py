"""Models that come from paths, from a hub and from the web: P65–P74, over HTTP and real sockets."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from core import failpoint
from core.library import contents
from core.paths import Layout
from core.store import installs
from core.store.installs import NewInstall
from server import library
from server.installer import Installer
from server.installs import Live
from tests.core.library.test_download import weights
from tests.hub import Hub, Repo, Served
from tests.server.studio import Opener, Studio, listening
from tests.server.test_socket import ask, hear, socket

pytestmark = pytest.mark.anyio
API = "/api/v1/models"
LICENCE = b'{"_class_name": "AutoencoderKL"}'


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as opened:
        yield opened


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoint.arm("")


@pytest.fixture
async def home(opener: Opener, hub: Hub) -> AsyncIterator[Studio]:
    async with opener(hf_endpoint=hub.url, install_private="127.0.0.1") as studio:
        studio.state.installs.pauses = ()
        yield studio


def pipeline() -> Repo:
    """A folder of diffusers with all that such repositories hold beside it."""
    part = b'{"cross_attention_dim": 768}'
    return Repo(
        {
            "model_index.json": Served(
                b'{"_class_name": "StableDiffusionPipeline", '
                b'"unet": ["diffusers", "UNet2DConditionModel"]}', lfs=False
            ),
            "unet/config.json": Served(part, lfs=False),
            "unet/diffusion_pytorch_model.safetensors": Served(weights(seed=1)),
            "unet/diffusion_pytorch_model.fp16.safetensors": Served(weights(seed=2)),
            "unet/diffusion_pytorch_model.bin": Served(b"\x80\x02pickle"),
            "tokenizer/merges.txt": Served(b"a b\n", lfs=False),
            "tokenizer/vocab.json": Served(b'{"a": 0}', lfs=False),
            "safety_checker/model.safetensors": Served(weights(seed=3)),
            "v1-5-pruned.safetensors": Served(weights(seed=4)),
            "pipeline.py": Served(b"import os", lfs=False),
            "README.md": Served(b"hello", lfs=False),
        }
    )  # fmt: skip


async def install(studio: Studio, source: str, **fields: Any) -> dict[str, Any]:
    answer = await studio.client.post(f"{API}/install", json={"source": source, **fields})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def state(studio: Studio, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await studio.client.get(f"{API}/installs/{made['id']}")).json()
    return found


async def facts(studio: Studio, made: dict[str, Any], last: str) -> list[str]:
    """Wait for the last status that is told of an install; all of them in order."""
    told: list[str] = []
    async with studio.state.bus.subscribe(topics=["models"], since=0) as heard:
        with anyio.fail_after(15):
            while last not in told:
                fact = msgspec.json.decode((await heard.receive()).data)
                if fact["type"] == "model.install" and fact["install"] == made["id"]:
                    told.append(fact["status"])
    return told


async def ended(studio: Studio, made: dict[str, Any], last: str = "succeeded") -> dict[str, Any]:
    await facts(studio, made, last)
    return await state(studio, made)


async def model_of(studio: Studio, done: dict[str, Any]) -> dict[str, Any]:
    assert done["status"] == "done", done
    found: dict[str, Any] = (await studio.client.get(f"{API}/{done['model']}")).json()
    return found


def left(studio: Studio) -> list[str]:
    """List what lies in the models folder, and below the folder of what comes."""
    models = studio.state.layout.models
    incoming = models / contents.INCOMING
    names = [path.name for path in models.iterdir() if not path.name.startswith(".")]
    coming = [path.relative_to(models).as_posix() for path in incoming.glob("*")]
    return sorted(names + coming)


async def coming(studio: Studio, made: dict[str, Any], size: int) -> None:
    """Wait until so many bytes are here."""
    with anyio.fail_after(10):
        while (await state(studio, made))["bytes"] < size:
            await anyio.lowlevel.checkpoint()


async def test_a_file_of_the_web_becomes_a_model(home: Studio, hub: Hub) -> None:
    served = hub.put("/m/fox.safetensors", weights())
    made = await install(home, f"{hub.cdn}/m/fox.safetensors")
    assert (made["status"], made["bytes"]) == ("queued", 0)
    assert await facts(home, made, "succeeded") == ["queued", "running", "succeeded"]
    done = await state(home, made)
    assert (done["total"], done["bytes"]) == (len(served.content), len(served.content))
    assert done["files"][0]["sha256"] == served.sha256
    model = await model_of(home, done)
    assert (model["name"], model["file"]) == ("fox", "fox.safetensors")
    assert (model["sha256"], model["source"]) == (served.sha256, f"{hub.cdn}/m/fox.safetensors")
    assert left(home) == ["fox.safetensors"]


async def test_a_scan_after_an_install_finds_the_same_model(home: Studio, hub: Hub) -> None:
    hub.put("/fox.safetensors", weights())
    model = await model_of(
        home, await ended(home, await install(home, f"{hub.cdn}/fox.safetensors"))
    )
    await library.scan_once(home.state)
    items = (await home.client.get(API)).json()["items"]
    again = next(item for item in items if item["id"] == model["id"])
    assert again["sha256"] == model["sha256"]
    assert [item["file"] for item in items].count("fox.safetensors") == 1


async def test_a_repository_is_fetched_at_one_commit_and_only_what_is_needed(
    home: Studio, hub: Hub
) -> None:
    hub.repos["fox/den"] = repo = pipeline()
    done = await ended(home, await install(home, "hf:fox/den"))
    model = await model_of(home, done)
    assert (model["name"], model["format"], model["family"]) == ("den", "diffusers", "sd1")
    assert (model["source"], done["revision"]) == ("hf:fox/den", repo.commit)
    folder = home.state.layout.models / "den"
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert found == [
        "model_index.json", "tokenizer/merges.txt", "tokenizer/vocab.json", "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    ]  # fmt: skip
    content = (folder / "unet/diffusion_pytorch_model.safetensors").read_bytes()
    assert content == repo.files["unet/diffusion_pytorch_model.safetensors"].content
    fetched = {one.path for one in hub.asked if "/resolve/" in one.path}
    assert all(f"/resolve/{repo.commit}/" in path for path in fetched)
    assert not [path for path in fetched if path.endswith((".bin", ".py", ".md"))]


async def test_a_variant_is_fetched_and_named_as_if_it_were_none(home: Studio, hub: Hub) -> None:
    hub.repos["fox/den"] = repo = pipeline()
    done = await ended(home, await install(home, "hf:fox/den:fp16", name="den half"))
    assert (await model_of(home, done))["name"] == "den half"
    kept = home.state.layout.models / "den half/unet/diffusion_pytorch_model.safetensors"
    wanted = repo.files["unet/diffusion_pytorch_model.fp16.safetensors"].content
    assert kept.read_bytes() == wanted


async def test_one_file_of_a_repository(home: Studio, hub: Hub) -> None:
    hub.repos["fox/den"] = repo = pipeline()
    done = await ended(home, await install(home, "hf:fox/den/v1-5-pruned.safetensors"))
    model = await model_of(home, done)
    assert (model["name"], model["format"]) == ("v1-5-pruned", "single")
    assert model["sha256"] == repo.files["v1-5-pruned.safetensors"].sha256


@pytest.mark.parametrize(
    ("files", "source", "code", "said"),
    [
        ({"a.bin": b"\x80\x02"}, "hf:a/b", "model_pickles_only", "a.bin"),
        ({"a.ckpt": b"PK\x03\x04"}, "hf:a/b", "model_pickles_only", "a.ckpt"),
        ({"README.md": b""}, "hf:a/b", "model_pickles_only", ""),
        ({"a.safetensors": b"", "c.safetensors": b""}, "hf:a/b", "hub_file_needed", "c.safet"),
        ({"a.safetensors": b""}, "hf:a/b/c.safetensors", "hub_file_unknown", "c.safetensors"),
        ({"a.bin": b"\x80\x02"}, "hf:a/b/a.bin", "model_format_unsafe", ""),
        ({"a.safetensors": b""}, "hf:a/b@v9", "hub_revision_unknown", "a/b"),
        ({}, "hf:no/where", "hub_token_needed", "no/where"),
        ({"a.safetensors": b"\x80\x02" + bytes(999)}, "hf:a/b", "model_format_unsafe", ""),
        ({"a.safetensors": b"PK\x03\x04" + bytes(999)}, "hf:a/b", "model_format_unsafe", ""),
        ({"a.safetensors": bytes(8) + b"{}"}, "hf:a/b", "safetensors_invalid", ""),
        ({"a.safetensors": weights()[:-1]}, "hf:a/b", "safetensors_invalid", ""),
        (
            {"model_index.json": b'{"_class_name": "X", "unet": ["diffusers", "U"]}',
             "unet/config.json": b'{"auto_map": {"AutoModel": "x.Y"}}',
             "unet/model.safetensors": weights()},
            "hf:a/b", "model_config_not_allowed", "",
        ),
        (
            {"model_index.json": b'{"_class_name": "X", "unet": ["evil", "U"]}',
             "unet/config.json": b"{}", "unet/model.safetensors": weights()},
            "hf:a/b", "model_config_not_allowed", "",
        ),
        (
            {"model_index.json": b'{"_class_name": "X"}', "unet/config.json": b"{}",
             "unet/diffusion_pytorch_model.bin": b"\x80\x02"},
            "hf:a/b", "model_pickles_only", "unet/diffusion_pytorch_model.bin",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_and_nothing_is_left(
    home: Studio, hub: Hub, files: dict[str, bytes], source: str, code: str, said: str
) -> None:
    hub.repos["a/b"] = Repo({name: Served(content) for name, content in files.items()})
    failed = await ended(home, await install(home, source), "failed")
    assert (failed["status"], failed["error"]["code"]) == ("failed", code)
    assert said in str(failed["error"].get("params", {}))
    assert left(home) == []
    assert (await home.client.get(API)).json()["items"][0]["name"] == "tiny"  # and no other


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"says_bytes": 99}, "download_corrupt"),
        ({"says_bytes": 10_000_000}, "download_corrupt"),
        ({"says_sha256": "ab" * 32}, "download_corrupt"),
        ({"status": 500}, "host_unreachable"),
        ({"status": 404}, "hub_repo_unknown"),
    ],
)
async def test_a_lying_file_is_not_kept(
    home: Studio, hub: Hub, lie: dict[str, Any], code: str
) -> None:
    hub.repos["a/b"] = Repo({"a.safetensors": Served(weights(), **lie)})
    failed = await ended(home, await install(home, "hf:a/b"), "failed")
    assert failed["error"]["code"] == code
    assert [name for name in left(home) if not name.startswith(contents.INCOMING)] == []


async def test_a_gated_repository_says_what_to_do_and_goes_on_with_a_token(
    home: Studio, hub: Hub
) -> None:
    hub.repos["fox/den"] = repo = Repo({"a.safetensors": Served(weights())}, gated=True)
    made = await install(home, "hf:fox/den")
    failed = await ended(home, made, "failed")
    assert failed["error"]["code"] == "hub_gated"
    assert failed["error"]["params"] == {
        "repo": "fox/den", "link": f"{hub.url}/fox/den", "setting": "hf_token"
    }  # fmt: skip
    await home.client.patch("/api/v1/config", json={"hf_token": "hf_let_me_in"})
    repo.tokens.add("hf_let_me_in")
    again = await home.client.post(f"{API}/installs/{made['id']}/resume")
    assert again.status_code == 200, again.text
    assert (await model_of(home, await ended(home, made)))["sha256"]
    cdn = [one.headers for one in hub.asked if one.port == "cdn"]
    assert cdn
    assert not [headers for headers in cdn if "authorization" in headers]
    shown = (await home.client.get("/api/v1/config")).text
    assert "hf_let_me_in" not in shown


async def test_a_private_repository_needs_a_token(home: Studio, hub: Hub) -> None:
    repo = Repo({"a.safetensors": Served(weights())}, private=True, tokens={"hf_mine"})
    hub.repos["fox/den"] = repo
    made = await install(home, "hf:fox/den")
    assert (await ended(home, made, "failed"))["error"]["code"] == "hub_token_needed"
    await home.client.patch("/api/v1/config", json={"hf_token": "hf_mine"})
    await home.client.post(f"{API}/installs/{made['id']}/resume")
    assert (await ended(home, made))["status"] == "done"


async def test_a_pause_keeps_what_came_and_resuming_goes_on_there(home: Studio, hub: Hub) -> None:
    served = hub.put("/fox.safetensors", weights(), holds=120_000)
    made = await install(home, f"{hub.cdn}/fox.safetensors")
    await coming(home, made, 120_000)
    paused = (await home.client.post(f"{API}/installs/{made['id']}/pause")).json()
    assert (paused["status"], paused["reason"], paused["bytes"]) == ("paused", "asked", 120_000)
    served.holds = None
    resumed = await home.client.post(f"{API}/installs/{made['id']}/resume")
    assert resumed.json()["status"] in ("queued", "resolving", "downloading")
    assert await facts(home, made, "succeeded") == [
        "queued", "running", "paused", "queued", "running", "succeeded",
    ]  # fmt: skip
    assert hub.ranges() == [None, "bytes=120000-"]
    assert (await model_of(home, await state(home, made)))["sha256"] == served.sha256


async def test_a_cancel_leaves_nothing(home: Studio, hub: Hub) -> None:
    hub.put("/fox.safetensors", weights(), holds=120_000)
    made = await install(home, f"{hub.cdn}/fox.safetensors")
    await coming(home, made, 120_000)
    gone = (await home.client.post(f"{API}/installs/{made['id']}/cancel")).json()
    assert (gone["status"], gone["model"]) == ("canceled", None)
    assert left(home) == []
    for verb in ("resume", "cancel", "pause"):
        late = await home.client.post(f"{API}/installs/{made['id']}/{verb}")
        assert (late.status_code, late.json()["code"]) == (409, "install_ended")


async def test_a_paused_or_failed_one_can_be_canceled(home: Studio, hub: Hub) -> None:
    served = hub.put("/fox.safetensors", weights(), holds=120_000)
    made = await install(home, f"{hub.cdn}/fox.safetensors")
    await coming(home, made, 120_000)
    await home.client.post(f"{API}/installs/{made['id']}/pause")
    assert len(left(home)) == 1
    await home.client.post(f"{API}/installs/{made['id']}/cancel")
    assert left(home) == []
    served.holds, served.status = None, 404
    failed = await install(home, f"{hub.cdn}/fox.safetensors")
    await ended(home, failed, "failed")
    answer = await home.client.post(f"{API}/installs/{failed['id']}/cancel")
    assert answer.json()["status"] == "canceled"


async def test_two_run_at_once_and_the_third_waits(home: Studio, hub: Hub) -> None:
    files = [hub.put(f"/{n}.safetensors", weights(seed=n), holds=100_000) for n in range(3)]
    made = [await install(home, f"{hub.cdn}/{n}.safetensors") for n in range(3)]
    await coming(home, made[0], 100_000)
    await coming(home, made[1], 100_000)
    assert (await state(home, made[2]))["status"] == "queued"
    assert len(home.state.installs.live) == 2
    for served in files:
        served.holds = None
        served.release.set()
    for each in made:
        assert (await ended(home, each))["status"] == "done"


async def test_the_same_source_twice_is_one_install(home: Studio, hub: Hub) -> None:
    hub.put("/fox.safetensors", weights(), holds=100_000)
    first = await install(home, f"{hub.cdn}/fox.safetensors")
    assert (await install(home, f"{hub.cdn}/fox.safetensors"))["id"] == first["id"]
    listed = (await home.client.get(f"{API}/installs")).json()
    assert [one["id"] for one in listed["items"]] == [first["id"]]


async def test_names_that_servers_and_people_give_are_harmless(home: Studio, hub: Hub) -> None:
    name = 'attachment; filename="../../etc/cron.d/evil.safetensors"'
    hub.put("/api/download/7", weights(), name=name)
    source = f"{hub.cdn}/api/download/7"
    model = await model_of(home, await ended(home, await install(home, source)))
    assert (model["name"], model["file"]) == ("evil", "evil.safetensors")
    model = await model_of(home, await ended(home, await install(home, source, name="../CON")))
    assert model["file"] == "-CON.safetensors" or "/" not in model["file"]
    model = await model_of(home, await ended(home, await install(home, source, name="evil")))
    assert model["file"] == "evil-2.safetensors"


async def test_a_secret_of_a_host_is_sent_and_one_in_an_address_is_not_shown(
    opener: Opener, hub: Hub
) -> None:
    hub.put("/a.safetensors", weights(), token="s3cret")
    hub.put("/b.safetensors", weights(seed=1), token="s3cret")
    async with opener(install_private="127.0.0.1") as studio:
        made = await install(studio, f"{hub.cdn}/a.safetensors")
        failed = await ended(studio, made, "failed")
        assert failed["error"]["code"] == "url_token_needed"
        asked = f"{hub.cdn}/b.safetensors?token=s3cret&type=Model"
        done = await ended(studio, await install(studio, asked))
        model = await model_of(studio, done)
        for shown in (done, model):
            assert "s3cret" not in str(shown)
            assert "type=Model" in shown["source"]
    async with opener(install_private="127.0.0.1", install_tokens="127.0.0.1=s3cret") as studio:
        again = await studio.client.post(f"{API}/installs/{made['id']}/resume")
        assert again.status_code == 200
        assert (await ended(studio, made))["status"] == "done"
        assert "s3cret" not in (await studio.client.get("/api/v1/config")).text


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ("http://127.0.0.1/a", 403, "url_not_public"),
        ("http://localhost/a", 403, "url_not_public"),
        ("http://0x7f.1/a", 403, "url_not_public"),
        ("http://2130706433/a", 403, "url_not_public"),
        ("http://[::1]/a", 403, "url_not_public"),
        ("http://[::ffff:10.0.0.1]/a", 403, "url_not_public"),
        ("http://[2002:7f00:1::]/a", 403, "url_not_public"),
        ("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/a", 403, "url_not_public"),
        ("http://[fc00::1]/a", 403, "url_not_public"),
        ("http://100.64.0.1/a", 403, "url_not_public"),
        ("http://169.254.169.254/latest/meta-data", 403, "url_not_public"),
        ("http://192.168.1.1/a", 403, "url_not_public"),
        ("http://%6cocalhost/a", 403, "url_not_public"),
        ("file:///etc/passwd", 422, "url_scheme"),
        ("ftp://example.com/a", 422, "url_scheme"),
        ("gopher://example.com/a", 422, "url_scheme"),
        ("http://user:pass@example.com/a", 422, "url_scheme"),
        ("http://", 422, "url_invalid"),
        ("hf:fox", 422, "hub_source_invalid"),
        ("hf:fox/../den", 422, "hub_source_invalid"),
        ("hf:fox/den/../../etc/passwd", 422, "hub_source_invalid"),
        ("hf:fox/den/a\\b.safetensors", 422, "hub_source_invalid"),
        ("relative/path.safetensors", 400, "model_path_refused"),
        ("/no/such/file.safetensors", 400, "model_path_refused"),
        ("/dev/zero", 400, "model_path_refused"),
        ("/etc/passwd\0.safetensors", 422, "bad_text"),
    ],
)
async def test_a_bad_source_is_refused_before_anything_is_written(
    studio: Studio, source: str, status: int, code: str
) -> None:
    answer = await studio.client.post(f"{API}/install", json={"source": source})
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] in (code, "invalid", "model_path_refused")
    assert (await studio.client.get(f"{API}/installs")).json()["items"] == []


async def test_a_redirect_to_a_private_address_fails_the_install(home: Studio, hub: Hub) -> None:
    hub.hops["/a"] = "http://169.254.169.254/latest/meta-data"
    failed = await ended(home, await install(home, f"{hub.cdn}/a"), "failed")
    assert failed["error"]["code"] == "url_not_public"
    assert left(home) == []


async def test_a_wrong_hash_of_the_caller_is_told(home: Studio, hub: Hub) -> None:
    served = hub.put("/fox.safetensors", weights())
    source = f"{hub.cdn}/fox.safetensors"
    failed = await ended(home, await install(home, source, sha256="ab" * 32), "failed")
    assert failed["error"]["code"] == "download_corrupt"
    assert left(home) == []
    good = await install(home, source, sha256=served.sha256.upper())
    assert (await ended(home, good))["status"] == "done"


async def test_a_full_disk_pauses_cleans_up_and_goes_on_when_there_is_room(
    home: Studio, hub: Hub
) -> None:
    served = hub.put("/fox.safetensors", weights())
    failpoint.arm("install.write=enospc@2")
    made = await install(home, f"{hub.cdn}/fox.safetensors")
    paused = await ended(home, made, "paused")
    assert (paused["status"], paused["reason"]) == ("paused", "disk_full")
    assert paused["error"]["code"] == "disk_full"
    assert left(home) == []
    failpoint.arm("")
    await Installer(home.state).look_for_room()
    assert (await model_of(home, await ended(home, made)))["sha256"] == served.sha256


async def test_what_is_over_the_cap_is_refused(opener: Opener, hub: Hub) -> None:
    hub.put("/fox.safetensors", weights(), endless=True)
    big = Repo({"a.safetensors": Served(weights(), says_bytes=2 << 30)})
    hub.repos["fox/den"] = big
    settings = {"install_private": "127.0.0.1", "hf_endpoint": hub.url, "install_max_gb": 1}
    async with opener(**settings) as studio:
        failed = await ended(studio, await install(studio, "hf:fox/den"), "failed")
        assert failed["error"]["code"] == "install_too_large"
        assert hub.ranges() == []
        assert left(studio) == []


async def test_a_closed_server_goes_on_from_the_byte_where_it_was(opener: Opener, hub: Hub) -> None:
    served = hub.put("/fox.safetensors", weights(), holds=120_000)
    async with opener(install_private="127.0.0.1") as studio:
        made = await install(studio, f"{hub.cdn}/fox.safetensors")
        await coming(studio, made, 120_000)
    served.holds = None
    async with opener(install_private="127.0.0.1") as studio:
        model = await model_of(studio, await ended(studio, made))
        assert model["sha256"] == served.sha256
        assert left(studio) == ["fox.safetensors"]
    assert hub.ranges() == [None, "bytes=120000-"]


async def test_what_a_canceled_or_unknown_install_left_is_swept(
    opener: Opener, layout: Layout
) -> None:
    stray = layout.models / contents.INCOMING / "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    (stray / "tree").mkdir(parents=True)
    (stray / "part").write_bytes(b"x")
    async with opener():
        with anyio.fail_after(5):
            while await anyio.Path(stray).exists():
                await anyio.lowlevel.checkpoint()


async def test_a_file_of_this_machine_is_copied(studio: Studio, tmp_path: Path) -> None:
    file = tmp_path / "my fox.safetensors"
    file.write_bytes(weights())
    done = await ended(studio, await install(studio, str(file)))
    model = await model_of(studio, done)
    assert (model["name"], model["file"]) == ("my fox", "my fox.safetensors")
    assert model["sha256"] == hashlib.sha256(weights()).hexdigest()
    assert file.exists()
    kept = studio.state.layout.models / "my fox.safetensors"
    assert kept.read_bytes() == weights()
    assert not kept.is_symlink()


async def test_a_folder_of_this_machine_is_copied_without_its_pickles(
    studio: Studio, tmp_path: Path
) -> None:
    source = tmp_path / "den"
    for name, served in pipeline().files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(served.content)
    model = await model_of(studio, await ended(studio, await install(studio, str(source))))
    assert (model["format"], model["name"]) == ("diffusers", "den")
    folder = studio.state.layout.models / "den"
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".py")]


async def test_a_model_in_place_is_used_where_it_lies(studio: Studio, tmp_path: Path) -> None:
    file = tmp_path / "fox.safetensors"
    file.write_bytes(weights())
    done = await ended(studio, await install(studio, str(file), in_place=True))
    model = await model_of(studio, done)
    assert model["name"] == "fox"
    link = studio.state.layout.models / model["file"]
    assert link.is_symlink()
    assert link.resolve() == file.resolve()


async def test_a_model_below_a_root_is_referred_to_by_that_root(
    opener: Opener, tmp_path: Path
) -> None:
    root = tmp_path / "loras"
    (root / "animals").mkdir(parents=True)
    (root / "animals" / "fox.safetensors").write_bytes(weights())
    async with opener(models_dirs=str(root)) as studio:
        made = await install(studio, str(root / "animals" / "fox.safetensors"), in_place=True)
        model = await model_of(studio, await ended(studio, made))
        assert model["file"] == "animals/fox.safetensors"
        assert left(studio) == []
        unfit = await studio.client.post(
            f"{API}/install", json={"source": "hf:a/b", "in_place": True}
        )
        assert (unfit.status_code, unfit.json()["code"]) == (422, "in_place_needs_path")


async def test_with_tokens_only_paths_below_the_roots_may_be_named(
    opener: Opener, tmp_path: Path
) -> None:
    root = tmp_path / "loras"
    root.mkdir()
    (root / "fox.safetensors").write_bytes(weights())
    (tmp_path / "secret.safetensors").write_bytes(weights(seed=1))
    (root / "link.safetensors").symlink_to(tmp_path / "secret.safetensors")
    async with opener(models_dirs=str(root), token="master" * 8) as studio:
        studio.client.headers["authorization"] = f"Bearer {'master' * 8}"
        refused = {
            str(answer.status_code) + answer.json()["code"] + answer.json()["detail"]
            for path in (
                tmp_path / "secret.safetensors", root / "link.safetensors", root / "none",
                root / ".." / "secret.safetensors", Path("/etc/passwd"), Path("/root"),
            )
            for answer in [
                await studio.client.post(f"{API}/install", json={"source": str(path)})
            ]
        }  # fmt: skip
        assert len(refused) == 1
        assert next(iter(refused)).startswith("400model_path_refused")
        made = await install(studio, str(root / "fox.safetensors"))
        assert (await ended(studio, made))["status"] == "done"


@pytest.mark.parametrize(
    "content",
    [b"\x80\x02pickle" + bytes(99), b"PK\x03\x04" + bytes(99), b"", b"nonsense", weights()[:-1]],
)
async def test_a_local_file_that_is_no_model_is_not_kept(
    studio: Studio, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "fox.safetensors"
    file.write_bytes(content)
    for in_place in (False, True):
        made = await install(studio, str(file), in_place=in_place)
        failed = await ended(studio, made, "failed")
        assert failed["error"]["code"] in ("model_format_unsafe", "safetensors_invalid")
        assert left(studio) == []


async def test_progress_is_shown_a_few_times_a_second_with_pace_and_time_left(
    home: Studio, hub: Hub
) -> None:
    served = hub.put("/fox.safetensors", weights(), holds=120_000)
    async with home.state.bus.subscribe(topics=["models"]) as heard:
        made = await install(home, f"{hub.cdn}/fox.safetensors")
        with anyio.fail_after(10):
            while True:
                frame = msgspec.json.decode((await heard.receive()).data)
                if frame["type"] == "model.progress" and frame["bytes"]:
                    break
    assert (frame["install"], frame["total"]) == (made["id"], len(served.content))
    assert frame["per_second"] >= 0
    live = home.state.installs.live[made["id"]]
    live._seen, live.per_second = (0.0, 0), 0.0
    measured = live.measure(2.0)
    assert measured.per_second == measured.bytes / 2
    assert measured.eta_seconds == round((len(served.content) - 120_000) / measured.per_second, 1)


async def test_the_socket_has_the_same_verbs(home: Studio, hub: Hub) -> None:
    hub.put("/fox.safetensors", weights(), holds=100_000)
    async with listening(home.state) as address, socket(address, "?topics=models") as opened:
        await hear(opened)
        made = await ask(opened, "install", source=f"{hub.cdn}/fox.safetensors")
        assert made["ok"], made
        install_id = made["result"]["id"]
        await coming(home, made["result"], 100_000)
        paused = await ask(opened, "pause_install", install=install_id)
        assert paused["result"]["status"] == "paused"
        listed = await ask(opened, "installs")
        assert [one["status"] for one in listed["result"]["items"]] == ["paused"]
        gone = await ask(opened, "cancel_install", install=install_id)
        assert gone["result"]["status"] == "canceled"


async def test_a_wish_that_comes_between_claim_and_start_is_heeded(home: Studio, hub: Hub) -> None:
    made = []
    for number in range(3):  # two take the slots, so that the third is not begun by itself
        hub.put(f"/{number}.safetensors", weights(seed=number), holds=1000)
        made.append(await install(home, f"{hub.cdn}/{number}.safetensors"))
    await coming(home, made[1], 1000)
    claimed = await home.state.db.write(installs.claim)
    assert claimed is not None
    assert claimed.id == made[2]["id"]
    answer = await home.client.post(f"{API}/installs/{claimed.id}/cancel")
    assert answer.json()["status"] == "resolving"
    home.state.installs.live[claimed.id] = live = Live(claimed)
    await Installer(home.state).one(live)
    assert (await state(home, made[2]))["status"] == "canceled"
    assert hub.ranges("/2.safetensors") == []


async def test_a_row_that_cannot_be_read_any_more_fails_alone(home: Studio, hub: Hub) -> None:
    hub.put("/fox.safetensors", weights())
    new = NewInstall(owner="local", source="x", address="of another time")
    row = await home.state.db.write(lambda tx: installs.add(tx, new))
    home.state.installs.ring()
    failed = await ended(home, {"id": row.id}, "failed")
    assert failed["error"]["code"] == "model_path_refused"
    assert (await ended(home, await install(home, f"{hub.cdn}/fox.safetensors")))["model"]
