"""Dynamic prompts over HTTP: one template, many jobs, each with the prompt it was made of."""

from typing import Any

import pytest

from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio
JOBS, GENERATE = "/api/v1/jobs", "/api/v1/generate"
TEMPLATE = "a {red|blue} {fox|owl}"
ALL = ["a red fox", "a red owl", "a blue fox", "a blue owl"]


async def drawn(studio: Studio, **fields: Any) -> list[tuple[str, int]]:
    """Give prompt and seed of each picture, in the order of their jobs."""
    answer = await studio.client.post(
        GENERATE, json=DRAW | {"seed": 5} | fields, headers={"prefer": "wait=20"}
    )
    assert answer.status_code == 200, answer.text
    made = answer.json()
    images = {image["job"]: image for image in made["images"]}
    ordered = [images[job["id"]] for job in made["jobs"]]
    return [(image["prompt"], image["seed"]) for image in ordered]


async def refused(studio: Studio, path: str, body: dict[str, Any]) -> tuple[str, str, str]:
    before = await studio.rows()
    answer = await studio.client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert await studio.rows() == before
    (problem,) = answer.json()["errors"]
    return problem["code"], problem["pointer"], problem["message"]


async def test_nothing_is_chosen_unless_it_is_asked_for(studio: Studio) -> None:
    assert await drawn(studio, prompt=TEMPLATE) == [(TEMPLATE, 5)]


async def test_every_combination_is_drawn_with_every_seed(studio: Studio) -> None:
    made = await drawn(studio, prompt=TEMPLATE, dynamic_prompts="combinatorial", count=2)
    assert made == [(prompt, seed) for prompt in ALL for seed in (5, 6)]


async def test_chance_gives_each_picture_a_prompt_by_its_seed(studio: Studio) -> None:
    fields: dict[str, Any] = {"prompt": TEMPLATE, "dynamic_prompts": "random"}
    made = await drawn(studio, **fields, count=8)
    assert [seed for _, seed in made] == list(range(5, 13))
    assert {prompt for prompt, _ in made} <= set(ALL)
    assert len({prompt for prompt, _ in made}) > 1
    assert await drawn(studio, **fields, count=8) == made
    assert await drawn(studio, **fields) == made[:1]


async def test_an_escaped_brace_is_a_brace(studio: Studio) -> None:
    made = await drawn(studio, prompt=r"\{a|b\}", dynamic_prompts="combinatorial")
    assert made == [("{a|b}", 5)]


async def test_wildcards_are_files_of_the_data_directory(studio: Studio) -> None:
    folder = studio.state.layout.wildcards
    (folder / "animals.txt").write_text("# who\nfox\nowl\n", "utf-8")
    made = await drawn(studio, prompt="a __animals__", dynamic_prompts="combinatorial")
    assert [prompt for prompt, _ in made] == ["a fox", "a owl"]


async def test_a_job_says_which_prompt_is_its_own(studio: Studio) -> None:
    recipe = {"name": "txt2img", **DRAW, "prompt": TEMPLATE, "dynamic_prompts": "combinatorial"}
    axes = [{"setting": "steps", "values": [1, 2]}]
    answer = await studio.client.post(JOBS, json={"recipe": recipe, "sweep": {"axes": axes}})
    assert (answer.status_code, answer.json()["count"]) == (201, 8)
    jobs = [(await studio.client.get(f"{JOBS}/{job}")).json() for job in answer.json()["jobs"]]
    assert [job["overrides"] for job in jobs] == [
        {"prompt": prompt, "steps": steps} for prompt in ALL for steps in (1, 2)
    ]


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("a {red|blue", "prompt_brace_open"),
        ("a __nobody__", "unknown_wildcard"),
        ("{3$$a|b}", "prompt_choice_invalid"),
        ("{" * 100, "prompt_too_deep"),
        ("{a|b}" * 20, "expansion_too_large"),
        ("{a|b}" * 8, "expansion_too_large"),  # 256: more than the answer names
    ],
)
async def test_a_template_that_cannot_be_expanded_is_refused_in_words(
    studio: Studio, prompt: str, code: str
) -> None:
    body = DRAW | {"prompt": prompt, "dynamic_prompts": "combinatorial"}
    found, pointer, message = await refused(studio, GENERATE, body)
    assert (found, pointer) == (code, "/dynamic_prompts" if len(prompt) == 40 else "/prompt")
    assert message
    assert not {"{position}", "{excerpt}", "{limit}"} & set(message.split())


async def swept(studio: Studio, sweep: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """Give what is each job's own."""
    recipe = {"name": "txt2img", **DRAW, "prompt": TEMPLATE, **fields}
    answer = await studio.client.post(JOBS, json={"recipe": recipe, "sweep": sweep})
    assert answer.status_code == 201, answer.text
    jobs = [(await studio.client.get(f"{JOBS}/{job}")).json() for job in answer.json()["jobs"]]
    return [job["overrides"] for job in jobs]


async def test_in_a_sweep_every_seed_draws_its_own_prompt(studio: Studio) -> None:
    axes = [
        {"setting": "seed", "values": {"start": 5, "count": 8}},
        {"setting": "steps", "values": [1, 2]},
    ]
    cells = await swept(studio, {"axes": axes}, dynamic_prompts="random")
    assert [(cell["seed"], cell["steps"]) for cell in cells] == [
        (seed, steps) for seed in range(5, 13) for steps in (1, 2)
    ]
    by_seed = {cell["seed"]: cell["prompt"] for cell in cells}
    assert all(cell["prompt"] == by_seed[cell["seed"]] for cell in cells)
    assert len(set(by_seed.values())) > 1
    alone = await drawn(studio, prompt=TEMPLATE, dynamic_prompts="random", seed=9)
    assert alone == [(by_seed[9], 9)]


async def test_one_seed_draws_one_prompt_for_a_whole_sweep(studio: Studio) -> None:
    axes = [{"setting": "steps", "values": [1, 2]}]
    cells = await swept(studio, {"axes": axes}, dynamic_prompts="random")
    assert [cell["steps"] for cell in cells] == [1, 2]
    assert len({cell["prompt"] for cell in cells} & set(ALL)) == 1


async def test_every_combination_goes_with_axes_that_are_zipped(studio: Studio) -> None:
    axes = [{"setting": "steps", "values": [1, 2]}, {"setting": "clip_skip", "values": [0, 1]}]
    cells = await swept(studio, {"mode": "zip", "axes": axes}, dynamic_prompts="combinatorial")
    assert [(c["prompt"], c["steps"], c["clip_skip"]) for c in cells] == [
        (prompt, *pair) for prompt in ALL for pair in ((1, 0), (2, 1))
    ]


async def test_negative_prompts_are_chosen_too(studio: Studio) -> None:
    negative = {"negative_prompt": "{blur|noise}"}
    cells = await swept(studio, {"axes": []}, dynamic_prompts="combinatorial", **negative)
    assert [(c["prompt"], c["negative_prompt"]) for c in cells] == [
        (prompt, other) for prompt in ALL for other in ("blur", "noise")
    ]
    axes = [{"setting": "seed", "values": {"start": 0, "count": 12}}]
    drawn_ = await swept(studio, {"axes": axes}, dynamic_prompts="random", **negative)
    pairs = {(cell["prompt"], cell["negative_prompt"]) for cell in drawn_}
    assert {other for _, other in pairs} == {"blur", "noise"}
    assert len(pairs) > 2  # one does not follow from the other
    plain = await swept(studio, {"axes": []}, dynamic_prompts="combinatorial", negative_prompt="x")
    assert "negative_prompt" not in plain[0]


async def test_parts_of_a_drawn_prompt_can_be_replaced(studio: Studio) -> None:
    axis = {"setting": "prompt", "replace": "a ", "values": ["one ", "my "]}
    cells = await swept(studio, {"axes": [axis]}, dynamic_prompts="combinatorial")
    assert len(cells) == 8
    assert cells[1] == {"prompt": "a red fox", "prompt:a ": "my "}


@pytest.mark.parametrize("mode", ["random", "combinatorial"])
async def test_a_sweep_of_prompts_is_refused_beside_a_template(studio: Studio, mode: str) -> None:
    recipe = {"name": "txt2img", **DRAW, "prompt": TEMPLATE, "dynamic_prompts": mode}
    sweep = {"axes": [{"setting": "prompt", "values": ["x"]}]}
    found, pointer, _ = await refused(studio, JOBS, {"recipe": recipe, "sweep": sweep})
    assert (found, pointer) == ("axis_twice", "/recipe/dynamic_prompts")


async def test_a_negative_template_that_cannot_be_expanded_is_named(studio: Studio) -> None:
    body = DRAW | {"negative_prompt": "a {b", "dynamic_prompts": "random"}
    found, pointer, _ = await refused(studio, GENERATE, body)
    assert (found, pointer) == ("prompt_brace_open", "/negative_prompt")
