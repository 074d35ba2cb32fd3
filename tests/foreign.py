"""Pictures as other programs write them, and InvokeAI's database: made here, format by format."""

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

Maker = Callable[[str, int], bytes]
NEGATIVE = "blurry"


def pixels(seed: int, side: int = 24) -> Image.Image:
    """Draw something that is another for each seed."""
    return Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3))


def png(seed: int, **texts: Any) -> bytes:
    """Write a PNG with texts: strings as they stand, everything else as JSON."""
    info = PngInfo()
    for word, text in texts.items():
        name = word.replace("_", "-") if word.startswith("sd_") else word
        info.add_text(name, text if isinstance(text, str) else json.dumps(text))
    out = BytesIO()
    pixels(seed).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def exif(seed: int, format_: str, comment: str = "", **fields: str) -> bytes:
    """Write a JPEG or WebP with a user comment, and make and model."""
    image = pixels(seed)
    block = image.getexif()
    for tag, text in ((0x010F, fields.get("make")), (0x0110, fields.get("model"))):
        if text:
            block[tag] = text
    if comment:
        block.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + comment.encode("utf-16-be")
    out = BytesIO()
    image.save(out, format_, exif=block)
    return out.getvalue()


def parameters(prompt: str, seed: int) -> str:
    """Write AUTOMATIC1111's text."""
    return (
        f"{prompt}\nNegative prompt: {NEGATIVE}\nSteps: 20, Sampler: DPM++ 2M, Schedule type: "
        f"Karras, CFG scale: 7, Seed: {seed}, Size: 24x24, Model hash: 6ce0161689, Model: v1-5, "
        "Version: v1.10.1"
    )


def comfy(prompt: str, seed: int) -> dict[str, Any]:
    """Make a graph as ComfyUI's server ran it."""
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": seed, "steps": 20, "cfg": 8.0, "sampler_name": "euler",
                "scheduler": "normal", "denoise": 1.0, "model": ["10", 0],
                "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "dream.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 24, "height": 24}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["10", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": NEGATIVE, "clip": ["10", 1]}},
        "10": {
            "class_type": "LoraLoader",
            "inputs": {
                "lora_name": "inky.safetensors", "strength_model": 0.5, "strength_clip": 0.5,
                "model": ["4", 0], "clip": ["4", 1],
            },
        },
    }  # fmt: skip


def custom(prompt: str, seed: int) -> dict[str, Any]:
    """Make a graph whose sampler is spread over nodes, with texts and seeds of their own."""
    return {
        "1": {
            "class_type": "SamplerCustomAdvanced",
            "inputs": {
                "noise": ["2", 0], "guider": ["3", 0], "sampler": ["4", 0], "sigmas": ["5", 0],
                "latent_image": ["6", 0],
            },
        },
        "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": ["9", 0]}},
        "3": {"class_type": "BasicGuider", "inputs": {"model": ["7", 0], "conditioning": ["8", 0]}},
        "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "5": {
            "class_type": "BasicScheduler",
            "inputs": {"scheduler": "simple", "steps": 4, "denoise": 1.0, "model": ["7", 0]},
        },
        "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 24, "height": 24}},
        "7": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
        "8": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0], "clip": ["12", 0]}},
        "9": {"class_type": "PrimitiveInt", "inputs": {"value": seed}},
        "11": {"class_type": "PrimitiveString", "inputs": {"value": prompt}},
        "12": {"class_type": "CLIPLoader", "inputs": {"clip_name": "t5.safetensors"}},
    }  # fmt: skip


def invoke(prompt: str, seed: int, **more: Any) -> dict[str, Any]:
    """Make InvokeAI's metadata since its version 3."""
    return {
        "app_version": "5.6.0", "generation_mode": "txt2img", "positive_prompt": prompt,
        "negative_prompt": NEGATIVE, "width": 24, "height": 24, "seed": seed, "cfg_scale": 7.5,
        "steps": 30, "scheduler": "euler_a",
        "model": {"key": "k", "hash": "blake3:ab", "name": "Dreamy", "base": "sd-1"},
        "loras": [{"model": {"name": "inky", "base": "sd-1", "type": "lora"}, "weight": 0.75}],
        **more,
    }  # fmt: skip


def _old_invoke(prompt: str, seed: int) -> bytes:
    image = {
        "prompt": [{"prompt": f"{prompt} [{NEGATIVE}]", "weight": 1.0}], "steps": 50,
        "cfg_scale": 7.5, "seed": seed, "width": 24, "height": 24, "sampler": "k_lms",
    }  # fmt: skip
    told = {"model": "stable diffusion", "model_weights": "sd-1.5", "app_version": "2.3.5"}
    return png(seed, sd_metadata={**told, "image": image})


def _fooocus(prompt: str, seed: int) -> bytes:
    told = {
        "prompt": prompt, "negative_prompt": NEGATIVE, "seed": str(seed), "steps": 30,
        "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "guidance_scale": 4.0,
        "resolution": "(24, 24)", "base_model": "juggernautXL.safetensors",
        "base_model_hash": "aeb7e9e689", "clip_skip": 2, "version": "Fooocus v2.5.0",
        "loras": [["offset.safetensors", 0.1, "4852686128"]],
    }  # fmt: skip
    return png(seed, parameters=told, fooocus_scheme="fooocus")


def _novelai(prompt: str, seed: int) -> bytes:
    told = {
        "prompt": prompt, "uc": NEGATIVE, "seed": seed, "steps": 28, "scale": 5.0,
        "sampler": "k_euler_ancestral", "noise_schedule": "karras", "width": 24, "height": 24,
    }  # fmt: skip
    return png(
        seed, Title="AI generated image", Description=prompt, Software="NovelAI",
        Source="NovelAI Diffusion V4", Comment=told,
    )  # fmt: skip


def _swarm(prompt: str, seed: int) -> bytes:
    told = {
        "prompt": prompt, "negativeprompt": NEGATIVE, "seed": seed, "steps": 20, "cfgscale": 7.0,
        "sampler": "euler", "model": "dream", "width": 24, "height": 24,
    }  # fmt: skip
    return png(seed, parameters={"sui_image_params": told})


def _ours(prompt: str, seed: int) -> bytes:
    recipe = {"name": "txt2img", "prompt": prompt, "negative_prompt": NEGATIVE, "seed": seed}
    return png(seed, heliograph={"recipe": recipe, "version": "0.1.0", "format": 1})


def _comfy_webp(prompt: str, seed: int) -> bytes:
    graph = json.dumps(comfy(prompt, seed))
    return exif(seed, "WEBP", model=f"prompt:{graph}", make='workflow:{"nodes":[]}')


MAKERS: dict[str, Maker] = {  # name with its extension → how it is written
    "a1111.png": lambda prompt, seed: png(seed, parameters=parameters(prompt, seed)),
    "a1111.jpg": lambda prompt, seed: exif(seed, "JPEG", parameters(prompt, seed)),
    "a1111.webp": lambda prompt, seed: exif(seed, "WEBP", parameters(prompt, seed)),
    "comfy.png": lambda prompt, seed: png(seed, prompt=comfy(prompt, seed), workflow={"nodes": []}),
    "custom.png": lambda prompt, seed: png(seed, prompt=custom(prompt, seed)),
    "comfy.webp": _comfy_webp,
    "invoke.png": lambda prompt, seed: png(seed, invokeai_metadata=invoke(prompt, seed)),
    "invoke2.png": _old_invoke,
    "dream.png": lambda prompt, seed: png(
        seed, Dream=f'"{prompt} [{NEGATIVE}]" -s50 -S{seed} -W24 -H24 -C7.5 -Ak_lms'
    ),
    "fooocus.png": _fooocus,
    "novelai.png": _novelai,
    "swarm.png": _swarm,
    "ours.png": _ours,
}

_SCHEMA = """
CREATE TABLE images (
    image_name TEXT NOT NULL PRIMARY KEY, image_origin TEXT NOT NULL, image_category TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, session_id TEXT, node_id TEXT, metadata TEXT,
    is_intermediate BOOLEAN DEFAULT FALSE, created_at DATETIME NOT NULL, updated_at DATETIME,
    deleted_at DATETIME, starred BOOLEAN DEFAULT FALSE, has_workflow BOOLEAN DEFAULT FALSE
);
CREATE TABLE boards (
    board_id TEXT NOT NULL PRIMARY KEY, board_name TEXT NOT NULL, cover_image_name TEXT,
    created_at DATETIME, updated_at DATETIME, deleted_at DATETIME, archived BOOLEAN DEFAULT FALSE
);
CREATE TABLE board_images (
    board_id TEXT NOT NULL, image_name TEXT NOT NULL, created_at DATETIME, PRIMARY KEY (image_name)
);
"""


class InvokeAI:
    """Its folder: ``databases/invokeai.db``, and pictures below ``outputs/images``."""

    def __init__(self, root: Path, journal: str = "DELETE") -> None:
        self.root = root
        self.images = root / "outputs" / "images"
        self.database = root / "databases" / "invokeai.db"
        self._journal = journal
        (self.images / "thumbnails").mkdir(parents=True)
        self.database.parent.mkdir()
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute(f"PRAGMA journal_mode = {journal}")
            connection.executescript(_SCHEMA)

    def connect(self) -> sqlite3.Connection:
        """Open its database as its program does."""
        return sqlite3.connect(self.database, isolation_level=None)

    def add(self, name: str, data: bytes, board: str | None = None, **columns: Any) -> Path:
        """Write a picture with its thumbnail and its row."""
        path = self.images / name
        path.write_bytes(data)
        (self.images / "thumbnails" / f"{path.stem}.webp").write_bytes(b"small")
        values = {
            "image_category": "general", "starred": 0, "is_intermediate": 0, "metadata": None,
            "created_at": "2024-05-06 07:08:09.123", **columns, "name": name,
        }  # fmt: skip
        with closing(self.connect()) as connection:
            connection.execute(
                """
                INSERT INTO images (image_name, image_origin, image_category, width, height,
                    metadata, is_intermediate, created_at, starred)
                VALUES (:name, 'internal', :image_category, 24, 24, :metadata, :is_intermediate,
                    :created_at, :starred)
                """,
                values,
            )
            if board is not None:
                connection.execute(
                    "INSERT OR IGNORE INTO boards (board_id, board_name) VALUES (?1, ?1)",
                    (board,),
                )
                connection.execute(
                    "INSERT INTO board_images (board_id, image_name) VALUES (?, ?)", (board, name)
                )
        return path
