"""What the doors of other servers claim, field by field: ``docs/compat.md`` is made of it.

``python -m tests.server.compat.claims`` writes the page; ``test_claims`` sends each field and looks
whether the claim holds: what is honoured changes what is drawn or answered, what is ignored
changes neither, what is refused is answered with an error.
"""

from typing import Any, Literal, NamedTuple

from tests.running import ROOT

PAGE = ROOT / "docs" / "compat.md"
Verdict = Literal["honoured", "ignored", "told", "refused"]


class Claim(NamedTuple):
    """One field of one endpoint, and a value that shows what becomes of it."""

    endpoint: str
    field: str
    value: Any
    verdict: Verdict
    note: str = ""


def _claims(endpoint: str, *rows: tuple[Any, ...]) -> list[Claim]:
    return [Claim(endpoint, *row) for row in rows]


GENERATIONS = "POST /v1/images/generations"
EDITS = "POST /v1/images/edits"
VARIATIONS = "POST /v1/images/variations"
TXT2IMG = "POST /sdapi/v1/txt2img"
IMG2IMG = "POST /sdapi/v1/img2img"

_OPENAI: tuple[tuple[Any, ...], ...] = (
    ("prompt", "a blue whale", "honoured"),
    ("model", "other", "honoured", "name, id or hash; OpenAI's own names are the default model"),
    ("model", "nobody", "refused", "404 `model_not_found`"),
    ("n", 2, "honoured", "1 … 10"),
    ("n", 1000, "refused"),
    ("size", "128x64", "honoured", "multiples of 8; `auto` is the model's own"),
    ("size", "7x9", "refused"),
    ("quality", "low", "honoured", "steps: half, 1.5 ×, 2 × the model's own"),
    ("output_format", "webp", "honoured"),
    ("response_format", "url", "honoured", "`b64_json` without it; a link works for an hour"),
    ("user", "someone", "ignored"),
    ("seed", 9, "honoured", "ours"),
    ("steps", 7, "honoured", "ours; also `num_inference_steps`"),
    ("guidance_scale", 3.5, "honoured", "ours; also `cfg_scale`"),
    ("negative_prompt", "rain", "honoured", "ours"),
    ("sampler", "heun", "honoured", "ours"),
    ("sampler", "nobody", "refused"),
)
CLAIMS: list[Claim] = [
    *_claims(
        GENERATIONS, *_OPENAI,
        ("prompt", "", "refused"),
        ("background", "transparent", "ignored", "pictures are opaque, and the answer says so"),
        ("moderation", "low", "ignored"),
        ("style", "vivid", "ignored"),
        ("output_compression", 10, "ignored", "of PNG; honoured for JPEG and WebP"),
    ),
    *_claims(
        EDITS, *_OPENAI,
        ("strength", 0.4, "honoured", "ours"),
        ("input_fidelity", "high", "ignored"),
    ),
    *_claims(VARIATIONS, ("n", 2, "honoured"), ("size", "128x64", "honoured"),
             ("strength", 0.2, "honoured", "ours; 0.6 without it")),
    *_claims(
        TXT2IMG,
        ("prompt", "a blue whale", "honoured"), ("negative_prompt", "rain", "honoured"),
        ("seed", 9, "honoured", "−1 draws one"), ("subseed_strength", 0.3, "honoured"),
        ("steps", 7, "honoured"), ("cfg_scale", 3.5, "honoured"),
        ("width", 128, "honoured"), ("height", 128, "honoured"),
        ("batch_size", 2, "honoured"), ("n_iter", 2, "honoured", "at most 64 pictures in all"),
        ("n_iter", 1000, "refused"),
        ("sampler_name", "Heun", "honoured", "with or without the schedule behind it"),
        ("sampler_name", "nobody", "refused", "404"),
        ("sampler_name", "Restart", "told", "drawn with the nearest"),
        ("sampler_index", "Heun", "honoured"),
        ("scheduler", "Karras", "honoured", "`Automatic` leaves it to the sampler"),
        ("tiling", True, "honoured"), ("enable_hr", True, "honoured"),
        ("styles", ["nobody"], "refused", "your presets by name"),
        ("override_settings", {"sd_model_checkpoint": "other"}, "honoured"),
        ("override_settings", {"sd_model_checkpoint": "nobody"}, "refused", "404"),
        ("override_settings", {"CLIP_stop_at_last_layers": 2}, "honoured"),
        ("override_settings", {"eta_noise_seed_delta": 31337}, "told"),
        ("send_images", False, "honoured"), ("save_images", True, "ignored", "all are kept"),
        ("force_task_id", "mine", "honoured", "comes back as `X-Task-Id`"),
        ("restore_faces", True, "told"), ("eta", 0.5, "told"), ("s_churn", 5, "told"),
        ("hr_prompt", "more", "told"), ("script_name", "X/Y/Z plot", "told"),
        ("alwayson_scripts", {"ADetailer": {"args": [True, {}]}}, "told"),
        ("alwayson_scripts", {"ADetailer": {"args": [False]}}, "ignored"),
        ("url", "http://127.0.0.1:7860", "ignored", "whatever nobody knows"),
    ),
    *_claims(
        IMG2IMG,
        ("denoising_strength", 0.3, "honoured"),
        ("width", 128, "honoured"), ("resize_mode", 2, "ignored", "where the size is the same"),
        ("init_images", [], "refused"), ("init_images", ["!!"], "refused", "no base64"),
        ("image_cfg_scale", 2.0, "told"),
    ),
]  # fmt: skip
_HEAD = """# Clients of other servers

Two doors take requests that other servers' clients already make: change the URL, and they work.
Behind each is the same queue, so that batching, fair share, cancel, the gallery and live previews
are there by themselves. A key is looked at where the server needs one; on a loopback address
without tokens any key will do. Basic auth (`/sdapi`) takes a token as the password of any user.

This page is made by the tests that send every field. **Honoured** changes what is drawn or
answered; **told** changes nothing and is named in `warnings` of the answer; **ignored** is taken
silently; **refused** is an error in the words of the dialect.

## What is beyond the originals

* A task has an id: `X-Task-Id` in each answer of `/sdapi/v1/txt2img` and `img2img` (the one you
  send as header or `force_task_id`, else ours). `progress`, `interrupt` and `skip` take it as
  `?id_task=`; without it they are about your own tasks, never another's.
* A long request sends a space every ten seconds, so that gateways do not cut it; `GET
  /sdapi/v1/result?id_task=` fetches what it came to afterwards. What fails after the first ten
  seconds is told in the body, since the status is out.
* `stream` and `partial_images` of OpenAI's API give the live previews as server-sent events.
* What becomes of the work of a client that hangs up is the setting `when_client_leaves`: it goes
  on, or is canceled.
* `interrogate` answers the prompt that the picture's own file holds; nothing here looks at
  pictures.
"""


def render() -> str:
    """Write the page."""
    lines = [_HEAD.rstrip("\n")]
    for endpoint in dict.fromkeys(claim.endpoint for claim in CLAIMS):
        lines += ["", f"## `{endpoint}`", "", "| field | for example | | |", "|---|---|---|---|"]
        lines += [
            f"| `{claim.field}` | `{claim.value!r}` | {claim.verdict} | {claim.note} |"
            for claim in CLAIMS
            if claim.endpoint == endpoint
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
