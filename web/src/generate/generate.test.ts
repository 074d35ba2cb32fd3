import { describe, expect, it } from "vitest";
import type { Model } from "../api/wire.gen";
import { nameOf } from "../app/keys";
import { parseRoute } from "../app/route";
import { around, step } from "../gallery/steps";
import { enqueue, fromRecipe, request } from "../state/choices";
import { formProblems, problemIn } from "../state/problems";
import { EMPTY_DRAFT } from "../state/model";
import { fit } from "../ui/NumberField";
import { fromSettings } from "./actions";
import { ratioOf, RATIOS, sidesOf } from "./sizes";
import { fitting } from "./unfit";

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

describe("what goes with a checkpoint", () => {
  const model = (name: string, kind: string, family: string, missing = false) => ({ name, kind, family, missing }) as Model;
  const all = [
    model("any", "lora", "unknown"), model("ink", "lora", "sd1"), model("oil", "lora", "sdxl"),
    model("gone", "lora", "sd1", true), model("edges", "controlnet", "sd1"),
  ];
  const names = (family: string | null) =>
    fitting(all, "lora", family === null ? null : model("base", "checkpoint", family)).map(({ name }) => name);

  it("is what is of its family, and then what nobody knows the family of", () => {
    expect(names("sd1")).toEqual(["ink", "any"]);
    expect(names("unknown")).toEqual(["any"]);
    expect(names(null)).toEqual(["any", "ink", "oil"]);
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

  it("asks for what few set, and only where it is set", () => {
    const loras = [{ model: "ink", weight: 0.8 }];
    const hires = { factor: 2, strength: 0.6, steps: null, upscaler: null };
    const asked = request({ ...EMPTY_DRAFT, loras, hires, clipSkip: 1, styles: ["Oil"] }, null, null);
    expect(asked).toMatchObject({ loras, hires_factor: 2, clip_skip: 1, styles: ["Oil"], seed: null });
    expect(asked).not.toHaveProperty("hires_steps");
    expect(Object.keys(request(EMPTY_DRAFT, null, 1))).toHaveLength(11);
    const begun = { ...EMPTY_DRAFT, hires, init: { id: "I", url: "" } };
    expect(request(begun, null, 1)).not.toHaveProperty("hires_factor");
    expect(enqueue(begun, null, 1, null)).toMatchObject({ recipe: { name: "img2img" }, sweep: null, exact: false });
  });

  it("is given back whole by what it asked for", () => {
    const draft = {
      ...EMPTY_DRAFT, prompt: "x", seed: 3, seedLocked: true, count: 1, loras: [{ model: "ink", weight: 0.8 }],
      hires: { factor: 2, strength: 0.6, steps: 4, upscaler: "big" }, variationStrength: 0.2, variationSeed: 9,
      clipSkip: 2, rescale: 0.7, seamless: "x" as const, vae: "v", sampler: "ddim",
    };
    expect({ ...EMPTY_DRAFT, ...fromRecipe({ ...request(draft, null, 3) }, []) }).toEqual(draft);
    expect(fromRecipe({ sampler: "default", scheduler: "default" }, [])).toMatchObject({ sampler: null, schedule: null });
  });

  it("takes of a preset those settings that it has", () => {
    const change = fromSettings({ steps: 9, seed: 4, loras: [], count: 2 }, []);
    expect(change).toEqual({ steps: 9, seed: 4, seedLocked: true, loras: [], count: 2 });
  });

  it("comes back from the recipe of a picture", () => {
    const recipe = { name: "img2img", prompt: "x", model: "gone", steps: 9, seed: 3, init_image: "I", strength: 0.4 };
    expect(fromRecipe(recipe, [])).toMatchObject({
      prompt: "x", model: null, steps: 9, seed: 3, seedLocked: true, strength: 0.4, init: { id: "I" },
    });
  });
});

describe("what is refused", () => {
  it("is said at its field, of either door, and at what holds it", () => {
    const found = formProblems({ "/recipe/loras/0/weight": "too much", "/sweep/axes/1/values": "none", "/steps": "many" });
    expect(found).toEqual({ "loras/0/weight": "too much", "sweep/axes/1/values": "none", steps: "many" });
    expect(problemIn(found, "loras")).toBe("too much");
    expect(problemIn(found, "sweep/axes/1")).toBe("none");
    expect(problemIn(found, "sweep/axes/10", "step")).toBeNull();
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
