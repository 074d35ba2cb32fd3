"""The report of a training: curves, samples, what it was made of, and how to make it again.

A pure function of records; as a page that needs nothing else but its pictures, or as markdown.
Whatever people wrote is escaped.
"""

import base64
import json
from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec
from msgspec import Struct

from core.records.recipe import Recipe
from core.records.training import Checkpoint, LossPoint, Sample, Training
from core.training.curve import Line, drawn, smoothed

_MAX_SAMPLES = 48
_SAMPLE = "/api/v1/images/{}/thumbnail"
_PICTURE = "/api/v1/images/{}/file"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:860px;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;"
    "text-align:start;vertical-align:top}pre{background:#f3f4f6;padding:1rem;overflow:auto}"
    "figure{display:inline-block;margin:0 .6rem .6rem 0;width:160px;font-size:12px}"
    "figure img{width:160px;border-radius:6px}svg{max-width:100%;height:auto}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#262626}}"
)


class Reported(Struct, frozen=True, kw_only=True):
    """What a report is made from; points may be thinned."""

    training: Training
    points: Sequence[LossPoint] = ()
    samples: Sequence[Sample] = ()  # newest first
    checkpoints: Sequence[Checkpoint] = ()
    base_model: str = ""  # its name
    model: str = ""  # name of what was published
    versions: dict[str, str] = {}


def markdown(told: Reported) -> str:
    """Write the report as markdown; curves are pictures inside it."""
    training = told.training
    parts = [f"# {_line(training.name)}", _rows(_facts(told))]
    if training.warnings:
        parts += ["## Worth knowing", "\n".join(f"* {_line(_warned(one))}" for one in _said(told))]
    curves = _curves(told)
    if curves:
        parts.append("## Curves")
        for title, svg in curves:
            data = base64.b64encode(svg.encode()).decode()
            parts.append(f"![{title}](data:image/svg+xml;base64,{data})")
    if told.samples:
        parts.append("## Samples")
        for one in told.samples[:_MAX_SAMPLES]:
            words = f"step {one.step}, {one.role}, seed {one.seed}: {_line(one.prompt)}"
            parts.append(f"![{words}]({_SAMPLE.format(one.image)})")
    if told.checkpoints:
        parts += ["## Kept", _rows(_kept(told))]
    fence = "```"
    again = json.dumps(repeat(training, told.base_model), indent=1, ensure_ascii=False)
    parts += ["## To repeat it", f"{fence}json\n{again.replace(fence, '` ` `')}\n{fence}"]
    if told.versions:
        parts += ["## Made with", _rows([(name, one) for name, one in told.versions.items()])]
    return "\n\n".join(parts) + "\n"


def page(told: Reported) -> str:
    """Write the report as a page of HTML."""
    training = told.training
    parts = [f"<h1>{escape(training.name)}</h1>", _table(_facts(told))]
    if training.warnings:
        said = "".join(f"<li>{escape(_warned(one))}</li>" for one in _said(told))
        parts += ["<h2>Worth knowing</h2>", f"<ul>{said}</ul>"]
    curves = _curves(told)
    parts += ["<h2>Curves</h2>"] if curves else []
    parts += [f"<h3>{title}</h3>{svg}" for title, svg in curves]
    parts += ["<h2>Samples</h2>"] if told.samples else []
    parts += [_figure(one) for one in told.samples[:_MAX_SAMPLES]]
    if told.checkpoints:
        parts += ["<h2>Kept</h2>", _table(_kept(told))]
    again = json.dumps(repeat(training, told.base_model), indent=1, ensure_ascii=False)
    parts += ["<h2>To repeat it</h2>", f"<pre>{escape(again)}</pre>"]
    if told.versions:
        parts += ["<h2>Made with</h2>", _table(list(told.versions.items()))]
    head = f"<title>{escape(training.name)}</title><style>{_STYLE}</style>"
    view = '<meta name="viewport" content="width=device-width,initial-scale=1">'
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{view}{head}</head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def repeat(training: Training, base_model: str = "") -> dict[str, Any]:
    """Give the body of a request that makes the same run again: every choice that was made."""
    recipe = training.plan.recipe if training.plan is not None else training.recipe
    plain = msgspec.to_builtins(Recipe())
    fields = {
        name: value for name, value in msgspec.to_builtins(recipe).items() if value != plain[name]
    }
    body: dict[str, Any] = {"name": training.name, "method": training.method, **fields}
    body["base_model"] = base_model or training.base_model
    if len(training.subjects) > 1:
        body["subjects"] = msgspec.to_builtins(training.subjects)
        return body
    body |= {"dataset": training.dataset, "token": training.token}
    body["class_word"] = training.class_word
    for subject in training.subjects:
        for name in ("instance_prompt", "class_prompt"):
            if (text := getattr(subject, name)) is not None:
                body[name] = text
    return body


def _facts(told: Reported) -> list[tuple[str, str]]:
    training, plan = told.training, told.training.plan
    seconds = sum(point.seconds for point in told.points)
    rows = [
        ("status", training.status),
        ("steps", f"{training.step} of {training.steps}"),
        ("method", training.method),
        ("base", told.base_model or training.base_model),
        ("subject", ", ".join(f"{one.token} {one.class_word}" for one in training.subjects)
         or f"{training.token} {training.class_word}"),
        ("begun, ended", f"{training.created}, {training.ended or 'not yet'}"),
    ]  # fmt: skip
    if plan is not None:
        rows.append(("pictures", f"{plan.pictures}, each seen {plan.epochs:g} times"))
        rows.append(("class pictures", f"{plan.class_pictures} ({plan.recipe.prior})"))
    if told.points:
        rows.append(("last loss", f"{told.points[-1].loss:.5g}"))
        rows.append(("seconds a step", f"{seconds / len(told.points):.3g}"))
    if told.model or training.model:
        rows.append(("model", told.model or str(training.model)))
    if training.error is not None:
        rows.append(("error", training.error.message or training.error.code))
    return rows


def _curves(told: Reported) -> list[tuple[str, str]]:
    points = told.points
    loss = [(point.step, point.loss) for point in points]
    prior = [(one.step, one.loss_prior) for one in points if one.loss_prior is not None]
    checked = [(one.step, one.validation) for one in points if one.validation is not None]
    norms = [(one.step, one.grad_norm) for one in points if one.grad_norm is not None]
    subject = [(point.step, point.loss_instance) for point in points]
    found = [
        ("Loss", [Line("each step", loss), Line("running mean", smoothed(loss))]),
        ("Subject and class", [Line("subject", smoothed(subject)), Line("class", smoothed(prior))]),
        ("Validation", [Line("held-out pictures", checked)]),
        ("Learning rate", [Line("rate", [(point.step, point.lr) for point in points])]),
        ("Norm of the gradient", [Line("norm", norms)]),
    ]
    drawings = [(title, drawn(title, lines)) for title, lines in found]
    return [(title, svg) for title, svg in drawings if svg]


def _kept(told: Reported) -> list[tuple[str, str]]:
    rows = []
    for one in told.checkpoints:
        metric = "" if one.metric is None else f", validation {one.metric:.5g}"
        best = ", best" if one.best else ""
        rows.append((f"step {one.step}", f"{one.kind}, {one.bytes / 1e6:.1f} MB{metric}{best}"))
    return rows


def _said(told: Reported) -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in told.training.warnings]


def _warned(one: tuple[str, str]) -> str:
    return one[1] or one[0]


def _figure(one: Sample) -> str:
    words = escape(f"step {one.step}, {one.role}, seed {one.seed}: {one.prompt}", quote=True)
    image = escape(one.image, quote=True)
    return (
        f'<figure><a href="{_PICTURE.format(image)}"><img loading="lazy" alt="{words}"'
        f' src="{_SAMPLE.format(image)}"></a><figcaption>{words}</figcaption></figure>'
    )


def _table(rows: Sequence[tuple[str, str]]) -> str:
    cells = (f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{''.join(cells)}</table>"


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {_line(a)} | {_line(b)} |" for a, b in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _line(text: str) -> str:
    """Let text be text in markdown: on one line, with nothing that it could mean."""
    plain = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#!" else char for char in plain)
