import { expect, it } from "vitest";
import type { Axis, Job } from "../api/wire.gen";
import { keyOf, nameOf, place, sidesOf, worded } from "./axes";

function axis(setting: string, values: unknown[], more: Partial<Axis> = {}): Axis {
  return { setting, node: null, values, replace: null, zip: [], ...more };
}

function job(id: string, overrides: Record<string, unknown>): Job {
  return {
    id, batch: "B", kind: "graph", owner: "", status: "succeeded", priority: 0, position: null, attempt: 1, created: "",
    started: null, ended: null, seconds: null, progress: { step: 0, steps: 0, phase: "", cached: [] }, eta_seconds: null, overrides,
    images: [id], error: null, successor: null, result: null, degraded: [], cached: [],
  };
}

const AXES = [
  axis("steps", [2, 4]),
  axis("", [], { zip: [axis("seed", [1, 2, 3]), axis("guidance_scale", [3, 5, 7])] }),
  axis("prompt", ["fox", "owl"], { replace: "fox" }),
];

it("the longest axes are the sides of the table, the others its pages", () => {
  const sides = sidesOf(AXES);
  const placed = place(sides, [], null, null);
  expect(placed.x?.names).toEqual(["seed", "guidance_scale"]);
  expect(placed.y?.names).toEqual(["steps"]);
  expect(placed.pages.map(({ names }) => names)).toEqual([["prompt:fox"]]);
  const chosen = place(sides, [], "prompt:fox", "steps");
  expect([chosen.x?.names, chosen.y?.names]).toEqual([["prompt:fox"], ["steps"]]);
});

it("a job stands where its values say, in whatever order they are told", () => {
  const sides = sidesOf(AXES);
  const placed = place(sides, [job("J", { "prompt:fox": "owl", guidance_scale: 5, seed: 2, steps: 4 })], null, null);
  const [steps, seeds, prompts] = sides;
  if (!steps || !seeds || !prompts) throw new Error("three sides");
  const key = keyOf([[prompts, ["owl"]], [seeds, [2, 5]], [steps, [4]]]);
  expect(placed.cells.get(key)?.map(({ id }) => id)).toEqual(["J"]);
  expect(placed.cells.get(keyOf([[prompts, ["fox"]], [seeds, [2, 5]], [steps, [4]]]))).toBeUndefined();
});

it("a batch without axes is one cell, however often it ran", () => {
  const placed = place([], [job("J", {}), job("K", {})], null, null);
  expect([placed.x, placed.y]).toEqual([null, null]);
  expect(placed.cells.get(keyOf([]))).toHaveLength(2);
});

it("axes and values have words", () => {
  expect(nameOf(axis("seed", [], { node: "sample" }))).toBe("sample.seed");
  expect(worded(["a fox", 3, null])).toBe("a fox · 3 · null");
});
