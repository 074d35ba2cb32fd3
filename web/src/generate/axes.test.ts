import { describe, expect, it } from "vitest";
import { EMPTY_DRAFT, type GridAxis } from "../state/draft";
import { cellsOf, faultOf, fieldsOf, kindOf, newAxis, picturesOf, sizeOf, sweepOf, valuesOf } from "./axes";

function axis(field: string, change: Partial<GridAxis>): GridAxis {
  return { ...newAxis(field), ...change };
}

const STEPS = axis("steps", { by: "range", from: 10, to: 30, step: 10 });
const SAMPLERS = axis("sampler", { by: "list", picked: ["euler", "ddim"] });

describe("the values of an axis", () => {
  it("are a range, either way, with both ends where the step allows", () => {
    expect(valuesOf(STEPS)).toEqual([10, 20, 30]);
    expect(valuesOf(axis("steps", { by: "range", from: 30, to: 10, step: 15 }))).toEqual([30, 15]);
    expect(valuesOf(axis("strength", { by: "range", from: 0.1, to: 0.3, step: 0.1 }))).toEqual([0.1, 0.2, 0.3]);
    expect(valuesOf(axis("steps", { by: "range", from: 1, to: null }))).toEqual([]);
    expect(valuesOf(axis("steps", { by: "range", from: 1, to: 3, step: 0 }))).toEqual([1, 2, 3]);
    expect(valuesOf(axis("seed", { by: "range", from: 0, to: 1e15, step: 1 }))).toHaveLength(10_000);
  });

  it("are a list of numbers, prompts one a line, or what was picked", () => {
    expect(valuesOf(axis("steps", { by: "list", text: "4, 8;15\n16 x" }))).toEqual([4, 8, 15, 16]);
    expect(valuesOf(axis("prompt", { by: "list", text: "a fox, red\n\n an owl " }))).toEqual(["a fox, red", "an owl"]);
    expect(valuesOf(SAMPLERS)).toEqual(["euler", "ddim"]);
  });
});

describe("a grid", () => {
  it("multiplies its axes, or takes them side by side", () => {
    const axes = [STEPS, SAMPLERS];
    expect(cellsOf({ mode: "product", axes })).toBe(6);
    expect(cellsOf({ mode: "zip", axes })).toBe(0);
    expect(faultOf({ mode: "zip", axes })).toBe("lengths");
    expect(cellsOf({ mode: "product", axes: [] })).toBe(1);
    expect(picturesOf({ grid: { mode: "product", axes }, count: 4 })).toBe(24);
  });

  it("has as many seeds as it says, however many pictures were asked for", () => {
    const seeds = axis("seed", { by: "random", from: 5 });
    expect(sizeOf(seeds)).toBe(5);
    expect(picturesOf({ grid: { mode: "product", axes: [seeds] }, count: 4 })).toBe(5);
    expect(sweepOf({ mode: "product", axes: [seeds] })?.axes[0]?.values).toMatchObject({ random: 5 });
  });

  it("is written as the server takes it", () => {
    const words = axis("prompt", { by: "replace", find: "fox", text: "fox, owl" });
    expect(sweepOf({ mode: "product", axes: [STEPS, words] })).toEqual({
      mode: "product",
      axes: [
        { setting: "steps", node: null, values: [10, 20, 30], replace: null, zip: [] },
        { setting: "prompt", node: null, values: ["fox", "owl"], replace: "fox", zip: [] },
      ],
    });
    expect(sweepOf({ mode: "product", axes: [] })).toBeNull();
    expect(faultOf({ mode: "product", axes: [newAxis("steps")] })).toBe("empty");
    expect(faultOf({ mode: "product", axes: [{ ...words, find: "" }] })).toBe("empty");
  });

  it("offers what the draft asks for, and the model takes", () => {
    const draft = { ...EMPTY_DRAFT, loras: [{ model: "ink", weight: 1 }] };
    const fields = fieldsOf(draft, (field) => field !== "clip_skip");
    expect(fields).toContain("loras[0].weight");
    expect(fields).not.toContain("strength");
    expect(fields).not.toContain("clip_skip");
    expect(kindOf("loras[0].weight")).toMatchObject({ of: "number" });
    expect(kindOf("loras[0].model")).toEqual({ of: "names" });
  });
});
