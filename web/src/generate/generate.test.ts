import { describe, expect, it } from "vitest";
import { nameOf } from "../app/keys";
import { parseRoute } from "../app/route";
import { around, step } from "../gallery/steps";
import { fromRecipe, request } from "../state/choices";
import { EMPTY_DRAFT } from "../state/model";
import { fit } from "../ui/NumberField";
import { ratioOf, RATIOS, sidesOf } from "./sizes";

describe("sizes", () => {
  it("keep the model's pixels and its grid", () => {
    for (const ratio of RATIOS) {
      for (const area of [64 * 64, 512 * 512, 1024 * 1024]) {
        const { width, height } = sidesOf(ratio, area);
        expect(width % 8).toBe(0);
        expect(height % 8).toBe(0);
        expect(Math.abs((width * height) / area - 1)).toBeLessThan(0.2);
        expect(ratioOf(width, height, area)?.name).toBe(ratio.name);
      }
    }
  });

  it("that are no preset have no name", () => {
    expect(ratioOf(512, 504, 512 * 512)).toBeNull();
  });
});

describe("a typed number", () => {
  it("is brought into range and onto its grid", () => {
    expect(fit("700", 8, 4096, 8)).toBe(704);
    expect(fit("9999", 8, 4096, 8)).toBe(4096);
    expect(fit("0.32", 0, 1, 0.05)).toBe(0.3);
    expect(fit("", 1, 9, 1)).toBeNull();
    expect(fit("-", 1, 9, 1)).toBeNull();
  });
});

describe("a draft", () => {
  it("leaves to the server what the model decides", () => {
    const asked = request({ ...EMPTY_DRAFT, prompt: "x" }, null, 7);
    expect(asked).toMatchObject({ prompt: "x", seed: 7, steps: null, sampler: null, count: 4 });
    expect(asked).not.toHaveProperty("init_image");
  });

  it("comes back from the recipe of a picture", () => {
    const recipe = { name: "img2img", prompt: "x", model: "gone", steps: 9, seed: 3, init_image: "I", strength: 0.4 };
    expect(fromRecipe(recipe, [])).toMatchObject({
      prompt: "x", model: null, steps: 9, seed: 3, seedLocked: true, strength: 0.4, init: { id: "I" },
    });
  });
});

describe("the keyboard", () => {
  it("moves through the grid, mirrored where the page is", () => {
    expect(step(5, "ArrowRight", 4, 10, false)).toBe(6);
    expect(step(5, "ArrowRight", 4, 10, true)).toBe(4);
    expect(step(5, "ArrowDown", 4, 10, false)).toBe(9);
    expect(step(7, "ArrowDown", 4, 10, false)).toBeNull();
    expect(step(0, "ArrowLeft", 4, 10, false)).toBeNull();
    expect(step(3, "x", 4, 10, false)).toBeNull();
  });

  it("finds the neighbours of a picture", () => {
    expect(around(["c", "b", "a"], "b")).toEqual({ before: "c", after: "a" });
    expect(around(["c"], "x")).toEqual({ before: null, after: null });
  });

  it("names keys with what is held down", () => {
    const plain = { ctrlKey: false, metaKey: false, altKey: false };
    expect(nameOf({ ...plain, key: "Enter", metaKey: true })).toBe("ctrl+enter");
    expect(nameOf({ ...plain, key: "?" })).toBe("?");
  });
});

it("an address names a page and a picture", () => {
  expect(parseRoute("#/gallery/01X?q=a?")).toEqual({ page: "gallery", rest: ["01X"], query: "q=a?" });
  expect(parseRoute("")).toMatchObject({ page: "generate", rest: [] });
  expect(parseRoute("#/nowhere")).toMatchObject({ page: "generate", rest: [] });
});
