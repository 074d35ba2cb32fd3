import { describe, expect, it } from "vitest";
import type { Checkpoint, LossPoint, Sample } from "../api/wire.gen";
import { grown, joined, MOST, partsOf, smoothed, thinned, valuesOf } from "./curve";
import { bodyOf, EMPTY, fromFile, listOf, readDraft, runsOf } from "./draft";
import { fieldsOf, grouped, numberOf, shown } from "./fields";
import { paired } from "./pairing";
import { secondsLeft, staged } from "./states";
import { arranged, beside } from "./timeline";

function point(step: number, more: Partial<LossPoint> = {}): LossPoint {
  return {
    step, loss: step, loss_instance: step, loss_prior: null, lr: 1e-4, grad_norm: null, seconds: 2,
    validation: null, rates: {}, norms: {}, memory_bytes: 0, ...more,
  };
}

describe("the curve", () => {
  it("is smoothed without being drawn to zero at its start, and gaps stay gaps", () => {
    expect(smoothed([4, 4, 4], 0.9).map((value) => Math.round(value ?? 0))).toEqual([4, 4, 4]);
    expect(smoothed([1, null, 3], 0)).toEqual([1, null, 3]);
    expect(smoothed([0, 1], 0.5)[1]).toBeCloseTo(2 / 3);
    expect(smoothed([NaN, 2], 0.5)).toEqual([null, 2]);
  });

  it("stays bounded for a hundred thousand steps, with every validation and the newest point", () => {
    let points: LossPoint[] = [];
    for (let step = 1; step <= 100_000; step += 100) {
      const some = Array.from({ length: 100 }, (_, at) => point(step + at, { validation: (step + at) % 5000 === 0 ? 1 : null }));
      points = grown(points, some);
    }
    expect(points.length).toBeLessThanOrEqual(MOST);
    expect(points.at(-1)?.step).toBe(100_000);
    expect(points.filter(({ validation }) => validation !== null)).toHaveLength(20);
    expect(thinned(points)).toBe(points);
    const early = points.filter(({ step }) => step <= 10_000).length; // a tenth of the steps
    expect(early).toBeGreaterThan(200);
    const all = thinned(Array.from({ length: 9000 }, (_, at) => point(at + 1, { validation: 1 })));
    expect(all.length).toBeLessThanOrEqual(3001);
  });

  it("shows the parts that have values", () => {
    expect(partsOf("loss", [point(1)])).toEqual(["loss"]);
    expect(partsOf("loss", [point(1, { loss_prior: 1, validation: 2 })])).toEqual(["loss", "loss_instance", "loss_prior", "validation"]);
    expect(partsOf("norm", [point(1)])).toEqual([]);
    expect(valuesOf([point(1, { validation: 3 })], "validation", 0.9)).toEqual([3]);
  });

  it("lies over one axis with those of other runs", () => {
    const data = joined([{ steps: [1, 2], values: [5, 6] }, { steps: [2, 3], values: [7, 8] }]);
    expect(data).toEqual([[1, 2, 3], [5, 6, null], [null, 7, 8]]);
    expect(joined([{ steps: [1], values: [2] }])).toEqual([[1], [2]]);
  });
});

describe("the timeline of samples", () => {
  const sample = (step: number, role: Sample["role"], seed: number, image: string, prompt = "p"): Sample =>
    ({ training: "T", step, role, seed, image, prompt });
  const line = arranged([
    sample(40, "drift", 3, "d40"), sample(40, "subject", 1, "s40"), sample(20, "subject", 1, "s20"),
    sample(20, "drift", 3, "d20"), sample(60, "subject", 1, "s60"), sample(60, "asked", 9, "a60", "a hat"),
  ]);

  it("has the same prompt and seed in one row: subject first, what was asked for last", () => {
    expect(line.steps).toEqual([20, 40, 60]);
    expect(line.rows.map(({ role }) => role)).toEqual(["subject", "drift", "asked"]);
    expect(line.rows[0]?.at).toEqual({ 20: "s20", 40: "s40", 60: "s60" });
  });

  it("is walked by arrows over what is there", () => {
    expect(beside(line, 0, 20, "right")).toEqual({ row: 0, step: 40 });
    expect(beside(line, 0, 20, "left")).toBeNull();
    expect(beside(line, 0, 60, "down")).toEqual({ row: 2, step: 60 });
    expect(beside(line, 1, 40, "right")).toBeNull();
  });
});

describe("the recipe", () => {
  const schema = { $defs: { Recipe: { properties: {
    method: { enum: ["lora"], default: "lora" },
    lr_unet: { description: "Rate.", anyOf: [{ type: "number", minimum: 0, maximum: 100 }, { type: "null" }], default: null },
    rank: { anyOf: [{ description: "Of matrices.", type: "integer", minimum: 1, maximum: 8 }, { type: "null" }], default: null },
    flip: { type: "boolean", default: false },
    train_text_encoder: { anyOf: [{ type: "boolean" }, { type: "null" }], default: null },
    trackers: { type: "array", items: { enum: ["csv", "wandb"] } },
    templates: { type: "array", items: { type: "string" }, default: [] },
    betas: { type: "array", prefixItems: [{ type: "number" }, { type: "number" }], default: [0.9, 0.999] },
    new_one: { type: "string", default: "x" },
  } } } };
  const fields = fieldsOf(schema);

  it("has a field for each of the schema, with what null means", () => {
    const kinds = Object.fromEntries(fields.map(({ name, kind, automatic }) => [name, [kind, automatic]]));
    expect(kinds).toEqual({
      lr_unet: ["number", true], rank: ["whole", true], flip: ["switch", false],
      train_text_encoder: ["switch", true], trackers: ["many", false], templates: ["list", false],
      betas: ["pair", false], new_one: ["text", false],
    });
    expect(fields.find(({ name }) => name === "rank")).toMatchObject({ about: "Of matrices.", least: 1, most: 8 });
  });

  it("is shown in groups, and what the page does not know comes last", () => {
    const groups = grouped(fields);
    expect(groups.at(-1)).toEqual(["other", [fields.at(-1)]]);
    expect(groups.flatMap(([, some]) => some)).toHaveLength(fields.length);
    expect(fieldsOf(null)).toEqual([]);
  });

  it("reads and writes numbers as people write them", () => {
    const rank = { kind: "whole", least: 1, most: 8 } as const;
    expect([numberOf("4", rank), numberOf("4.5", rank), numberOf("9", rank), numberOf("", rank)]).toEqual([4, undefined, undefined, undefined]);
    expect(numberOf("1e-4", { kind: "number", least: 0, most: 100 })).toBe(1e-4);
    expect([shown(1e-4), shown(0.001), shown([0.9, 0.999]), shown(null), shown(true)]).toEqual(["1e-4", "0.001", "0.9, 0.999", "", "true"]);
  });

  it("becomes a request that leaves out what nobody chose", () => {
    const draft = { ...EMPTY, dataset: "D", class_word: " toy ", fields: { rank: 4 } };
    expect(bodyOf(draft)).toEqual({ rank: 4, dataset: "D", token: "zxv", class_word: "toy", method: "lora" });
  });

  it("asks for one run of each combination of a sweep", () => {
    const draft = { ...EMPTY, dataset: "D", sweep: [
      { setting: "lr_unet", values: "1e-4, 5e-5" }, { setting: "optimizer", values: "adamw, prodigy,\n" }, { setting: "", values: "3" },
    ] };
    expect(runsOf(draft)).toBe(4);
    expect(bodyOf(draft, (name) => name === "lr_unet").sweep).toEqual({ mode: "product", axes: [
      { setting: "lr_unet", values: [1e-4, 5e-5] }, { setting: "optimizer", values: ["adamw", "prodigy"] },
    ] });
    expect(listOf(" 1,, 2 ;3")).toEqual(["1", "2", "3"]);
  });

  it("survives a reload and a file, and what makes no sense does no harm", () => {
    const draft = { ...EMPTY, dataset: "D", class_word: "toy", fields: { rank: 4 }, sweep: [{ setting: "rank", values: "1" }] };
    expect(readDraft(JSON.parse(JSON.stringify(draft)))).toEqual(draft);
    expect(readDraft({ method: "magic", token: 3, sweep: "x", fields: [] })).toEqual(EMPTY);
    expect(fromFile('{"class_word": "dog", "rank": 8, "method": "full", "lr_unet": null, "folder": "x"}', draft)).toMatchObject({
      dataset: "D", class_word: "dog", method: "full", fields: { rank: 8 },
    });
    expect(fromFile("{", draft)).toBeNull();
  });
});

it("dropped files are paired with the texts beside them, and a text alone is not lost", () => {
  const files = ["a.png", "a.txt", "b.jpg", "c.caption", "d.e.webp", "d.e.caption"].map((name) => ({ name }));
  const found = paired(files).map(({ name, caption }) => [name, caption?.name ?? null]);
  expect(found).toEqual([["a.png", "a.txt"], ["b.jpg", null], ["d.e.webp", "d.e.caption"], ["c.caption", null]]);
});

it("what is kept of one step stands together, the newest first", () => {
  const kept = (id: string, step: number, kind: Checkpoint["kind"], more: Partial<Checkpoint> = {}): Checkpoint =>
    ({ id, training: "T", step, kind, bytes: 10, created: "", metric: null, best: false, ...more });
  const stages = staged([kept("s", 20, "snapshot"), kept("c", 20, "checkpoint", { best: true, metric: 0.2 }), kept("l", 40, "snapshot")]);
  expect(stages.map(({ step }) => step)).toEqual([40, 20]);
  expect(stages[1]).toMatchObject({ best: true, metric: 0.2, bytes: 20 });
  expect(stages[0]?.checkpoint).toBeNull();
});

it("the seconds that are left come from the last steps, and are unknown before the first", () => {
  expect(secondsLeft({ step: 10, steps: 20 }, [point(9), point(10)])).toBe(20);
  expect(secondsLeft({ step: 0, steps: 20 }, [])).toBeNull();
});
