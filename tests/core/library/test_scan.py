"""The scan, and the folders it finds, on real files."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from core.errors import Invalid, UnsupportedType
from core.library import folder, scan
from core.library.folder import is_model, read_folder
from core.records.model import ModelDefaults
from tests.core.library.files import STABLE, gguf, pipeline, safetensors


class TestFolder:
    @pytest.mark.parametrize(
        ("index", "unet", "family"),
        [
            ({}, {"cross_attention_dim": 768}, "sd1"),
            ({}, {"cross_attention_dim": 1024}, "sd2"),
            ({}, {"cross_attention_dim": 32}, "sd1"),
            ({}, {}, "sd1"),
            ({"_class_name": "StableDiffusionXLPipeline"}, {"cross_attention_dim": 2048}, "sdxl"),
            (
                {"_class_name": "StableDiffusionXLImg2ImgPipeline"},
                {"cross_attention_dim": 1280},
                "sdxl-refiner",
            ),
            ({"_class_name": "StableDiffusion3Pipeline"}, {}, "sd3"),
            ({"_class_name": "FluxPipeline"}, {}, "flux"),
            ({"_class_name": "KandinskyPipeline"}, {}, "unknown"),
        ],
    )
    def test_a_pipeline_is_told_by_its_class_and_its_unet(
        self, index: dict[str, Any], unet: dict[str, Any], family: str, tmp_path: Path
    ) -> None:
        found = read_folder(pipeline(tmp_path / "m", {**STABLE, **index}, unet))
        assert found is not None
        assert (found.kind, found.family, found.name) == ("checkpoint", family, "m")

    def test_our_own_file_beside_it_has_the_last_word(self, tmp_path: Path) -> None:
        own = {
            "name": "Starter", "family": "sd1", "new_in_version_9": 1,
            "defaults": {"width": 64, "height": 64, "steps": 12, "sampler": "ddim"},
        }  # fmt: skip
        found = read_folder(pipeline(tmp_path / "m", own=own))
        assert found is not None
        assert (found.name, found.family) == ("Starter", "sd1")
        assert found.defaults == ModelDefaults(width=64, height=64, steps=12, sampler="ddim")

    def test_its_bytes_are_those_of_all_its_files(self, tmp_path: Path) -> None:
        path = pipeline(tmp_path / "m")
        found = read_folder(path)
        assert found is not None
        assert found.bytes == sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
        assert [name for name, _, _ in found.files] == [
            "model_index.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
        ]

    @pytest.mark.parametrize(
        ("config", "kind"),
        [
            ({"_class_name": "ControlNetModel", "cross_attention_dim": 768}, "controlnet"),
            ({"_class_name": "AutoencoderKL"}, "vae"),
            ({"_class_name": "UNet2DConditionModel", "cross_attention_dim": 768}, "checkpoint"),
            ({"architectures": ["CLIPTextModel"], "hidden_size": 768}, "text_encoder"),
            ({"architectures": ["T5EncoderModel"], "d_model": 4096}, "text_encoder"),
            ({"architectures": ["CLIPVisionModelWithProjection"]}, "clip_vision"),
            ({"_class_name": "SomethingNew"}, None),
            ({"architectures": [7]}, None),
            ({}, None),
        ],
    )
    def test_a_single_part_is_told_by_its_class(
        self, config: dict[str, Any], kind: str | None, tmp_path: Path
    ) -> None:
        safetensors(tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps(config))
        found = read_folder(tmp_path)
        assert (found.kind if found else None) == kind

    @pytest.mark.parametrize(
        "index",
        [
            {**STABLE, "unet": ["my_code", "Evil"]},
            {**STABLE, "unet": ["diffusers", "a.b"]},
            {**STABLE, "unet": ["diffusers"]},
            {**STABLE, "auto_map": {"x": "y"}},
            {**STABLE, "custom_pipelines": ["x"]},
            {**STABLE, "_class_name": "../x"},
        ],
    )
    def test_a_configuration_that_names_code_is_not_allowed(
        self, index: dict[str, Any], tmp_path: Path
    ) -> None:
        with pytest.raises(Invalid) as caught:
            read_folder(pipeline(tmp_path / "m", index))
        assert caught.value.name == "model_config_not_allowed"

    def test_a_part_that_names_code_is_not_allowed(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid) as caught:
            read_folder(pipeline(tmp_path / "m", unet={"auto_map": {"AutoModel": "x.Y"}}))
        assert caught.value.name == "model_config_not_allowed"

    @pytest.mark.parametrize(
        "content",
        [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": "' + b"x" * 1_048_576 + b'"}'],
    )
    def test_a_configuration_that_cannot_be_read_is_invalid(
        self, content: bytes, tmp_path: Path
    ) -> None:
        path = pipeline(tmp_path / "m")
        (path / "model_index.json").write_bytes(content)
        with pytest.raises(Invalid) as caught:
            read_folder(path)
        assert caught.value.name == "model_config_invalid"

    def test_wishes_of_the_wrong_type_are_invalid(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid):
            read_folder(pipeline(tmp_path / "m", own={"defaults": {"width": "wide"}}))

    @pytest.mark.parametrize(
        "own",
        [{"name": "\ud800"}, {"family": "\udfff"}, {"defaults": {"sampler": "\ud800"}},
         {"defaults": {"width": 10**30}}, {"defaults": {"guidance_scale": 1e300}}],
    )  # fmt: skip
    def test_wishes_that_cannot_be_stored_are_invalid(
        self, own: dict[str, Any], tmp_path: Path
    ) -> None:
        with pytest.raises(Invalid) as caught:
            read_folder(pipeline(tmp_path / "m", own=own))
        assert caught.value.name == "model_config_invalid"

    def test_any_folder_is_no_model(self, tmp_path: Path) -> None:
        assert not is_model(tmp_path)


class TestScan:
    def test_files_and_folders_are_found_with_their_places(self, tmp_path: Path) -> None:
        pipeline(tmp_path / "sd" / "nice")
        safetensors(tmp_path / "embeddings" / "fox.safetensors")
        gguf(tmp_path / "big.gguf")
        safetensors(tmp_path / "up.safetensors", {"conv_first.weight": [2, 3, 1, 1]})
        found = scan.scan([("models", tmp_path)])
        assert [(one.file, one.name, one.kind, one.format) for one in found] == [
            ("big.gguf", "big", "other", "gguf"),
            ("embeddings/fox.safetensors", "fox", "embedding", "single"),
            ("sd/nice", "nice", "checkpoint", "diffusers"),
            ("up.safetensors", "up", "upscaler", "spandrel"),
        ]
        assert all(one.path.is_absolute() and one.label == "models" for one in found)
        assert all(one.bytes > 0 and one.mtime > 0 for one in found)

    def test_a_root_may_be_a_model_itself(self, tmp_path: Path) -> None:
        (found,) = scan.scan([("starter", pipeline(tmp_path / "starter"))])
        assert (found.file, found.name) == ("starter", "starter")

    def test_broken_unsafe_and_forbidden_models_hide_no_others(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "broken.safetensors").write_bytes(b"nonsense nonsense")
        (tmp_path / "pickle.safetensors").write_bytes(b"PK\x03\x04" + b"x" * 40)
        (tmp_path / "old.ckpt").write_bytes(b"PK\x03\x04")
        pipeline(tmp_path / "evil", {**STABLE, "unet": ["my_code", "Evil"]})
        safetensors(tmp_path / "good.safetensors")
        found = scan.scan([("models", tmp_path)])
        assert [one.name for one in found] == ["good"]
        assert len(caplog.records) == 3

    def test_eight_folders_deep_is_found_and_nine_is_not(self, tmp_path: Path) -> None:
        deep = tmp_path.joinpath(*[f"d{i}" for i in range(8)])
        safetensors(deep / "in.safetensors")
        safetensors(deep / "d8" / "out.safetensors")
        assert [one.name for one in scan.scan([("models", tmp_path)])] == ["in"]

    def test_a_circle_of_links_is_cut(self, tmp_path: Path) -> None:
        safetensors(tmp_path / "a" / "fox.safetensors")
        (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
        assert len(scan.scan([("models", tmp_path)])) == 1

    def test_a_model_behind_a_link_is_found(self, tmp_path: Path) -> None:
        real = safetensors(tmp_path / "store" / "blob.safetensors")
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "fox.safetensors").symlink_to(real)
        (found,) = scan.scan([("models", tmp_path / "models")])
        assert (found.name, found.bytes) == ("fox", real.stat().st_size)

    def test_overlapping_roots_show_a_model_once(self, tmp_path: Path) -> None:
        safetensors(tmp_path / "a" / "fox.safetensors")
        assert len(scan.scan([("all", tmp_path), ("some", tmp_path / "a")])) == 1

    def test_a_root_that_is_not_there_is_passed_over(self, tmp_path: Path) -> None:
        safetensors(tmp_path / "fox.safetensors")
        assert len(scan.scan([("gone", tmp_path / "gone"), ("models", tmp_path)])) == 1

    @pytest.mark.skipif(os.name == "nt", reason="folders have no such modes there")
    def test_a_folder_that_lists_its_names_and_opens_nothing_hides_no_others(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            root.chmod(0o755)
            safetensors(root / "fox.safetensors")
            (pipeline(root / "locked")).chmod(0o444)
            user = os.geteuid()
            if user == 0:
                os.seteuid(65534)
            try:
                assert [one.name for one in scan.scan([("models", root)])] == ["fox"]
            finally:
                os.seteuid(user)
                (root / "locked").chmod(0o755)

    @pytest.mark.skipif(os.name == "nt", reason="folders have no such modes there")
    def test_an_unreadable_folder_is_passed_over(self) -> None:
        with tempfile.TemporaryDirectory() as folder:  # where any user may look
            root = Path(folder)
            root.chmod(0o755)
            safetensors(root / "fox.safetensors")
            (root / "locked").mkdir(mode=0)
            user = os.geteuid()
            if user == 0:
                os.seteuid(65534)  # root reads everything
            try:
                assert len(scan.scan([("models", root)])) == 1
            finally:
                os.seteuid(user)

    def test_a_dangling_link_and_a_hidden_folder_are_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "gone.safetensors").symlink_to(tmp_path / "nowhere")
        safetensors(tmp_path / ".cache" / "part.safetensors")
        assert scan.scan([("models", tmp_path)]) == []

    def test_the_number_of_names_is_bounded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scan, "MAX_ENTRIES", 5)
        for index in range(20):
            safetensors(tmp_path / f"{index:02}.safetensors")
        assert len(scan.scan([("models", tmp_path)])) == 5


class TestExamine:
    """One file or folder, as an install looks at it: here errors are told."""

    def test_a_file_is_told_with_its_place_below_the_root(self, tmp_path: Path) -> None:
        file = safetensors(tmp_path / "sub" / "fox.safetensors")
        found = scan.examine(file, "models", tmp_path)
        assert found is not None
        assert (found.label, found.file, found.kind) == (
            "models",
            "sub/fox.safetensors",
            "embedding",
        )

    def test_without_a_root_its_name_is_its_place(self, tmp_path: Path) -> None:
        found = scan.examine(pipeline(tmp_path / "nice"))
        assert found is not None
        assert (found.label, found.file, found.format) == ("", "nice", "diffusers")

    def test_what_is_no_model_is_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "readme.txt").write_text("x")
        safetensors(tmp_path / "encoder" / "model.safetensors")
        (tmp_path / "encoder" / "config.json").write_text('{"_class_name": "SomethingNew"}')
        for path in (tmp_path, tmp_path / "readme.txt", tmp_path / "encoder"):
            assert scan.examine(path) is None

    def test_a_pickle_is_refused_by_its_content(self, tmp_path: Path) -> None:
        (tmp_path / "x.SafeTensors").write_bytes(b"PK\x03\x04" + b"x" * 40)
        with pytest.raises(UnsupportedType) as caught:
            scan.examine(tmp_path / "x.SafeTensors")
        assert caught.value.name == "model_format_unsafe"

    def test_a_broken_file_is_refused_with_the_reason(self, tmp_path: Path) -> None:
        safetensors(tmp_path / "x.safetensors").write_bytes(b"\x05" + b"\0" * 7 + b"{}")
        with pytest.raises(Invalid) as caught:
            scan.examine(tmp_path / "x.safetensors")
        assert caught.value.name == "safetensors_invalid"

    def test_a_file_that_is_gone_is_an_os_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            scan.examine(tmp_path / "gone.safetensors")

    def test_a_model_of_too_many_files_is_invalid(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(folder, "_MAX_FILES", 2)
        with pytest.raises(Invalid) as caught:
            scan.examine(pipeline(tmp_path / "m"))
        assert caught.value.params["reason"] == "too many files"

    def test_each_format_is_told(self, tmp_path: Path) -> None:
        gguf(tmp_path / "x.gguf")
        made = {
            scan.examine(path).format  # type: ignore[union-attr]
            for path in (
                tmp_path / "x.gguf",
                pipeline(tmp_path / "m"),
                safetensors(tmp_path / "a.safetensors"),
                safetensors(tmp_path / "b.safetensors", {"conv_first.weight": [1, 1, 1, 1]}),
            )
        }
        assert made == {"gguf", "diffusers", "single", "spandrel"}


class TestIdentity:
    def test_it_is_the_same_until_a_file_changes(self, tmp_path: Path) -> None:
        pipeline(tmp_path / "m")
        (first,) = scan.scan([("a", tmp_path)])
        (again,) = scan.scan([("a", tmp_path)])
        assert first.identity == again.identity
        os.utime(tmp_path / "m" / "unet" / "config.json", (1, 1))
        (later,) = scan.scan([("a", tmp_path)])
        assert later.identity != first.identity

    def test_a_file_that_moved_with_its_time_keeps_it(self, tmp_path: Path) -> None:
        file = safetensors(tmp_path / "fox.safetensors")
        (first,) = scan.scan([("a", tmp_path)])
        (tmp_path / "deeper").mkdir()
        file.rename(tmp_path / "deeper" / "fox.safetensors")
        (later,) = scan.scan([("a", tmp_path)])
        assert later.identity == first.identity

    def test_the_hash_of_a_file_is_its_sha256(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"abc")
        assert scan.sha256_of(tmp_path / "x").startswith("ba7816bf8f01cfea")

    def test_the_hash_of_a_folder_sees_names_and_content_only(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            pipeline(tmp_path / name)
        os.utime(tmp_path / "two" / "model_index.json", (1, 1))
        (tmp_path / "two" / ".hidden").write_text("x")
        first = scan.sha256_of(tmp_path / "one")
        assert scan.sha256_of(tmp_path / "two") == first
        (tmp_path / "two" / "unet" / "config.json").write_text("{}")
        assert scan.sha256_of(tmp_path / "two") != first
