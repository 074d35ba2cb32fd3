import { describe, expect, it } from "vitest";
import { compose, extent, MASKING, planOf, signature, steering, surveyOf, type Sent } from "./compose";
import { added, changed, emptyDocument, newLayer } from "./document";

const BOX = { x: 64, y: 0, width: 64, height: 32 };
const ALL = 64 * 32;
const WHOLE = { x: 0, y: 0, width: 64, height: 32 };
const FORM = { prompt: "a fox", width: 512, height: 512, seed: 7, hires_factor: 2, init_image: "old", steps: 9 };
const NONE: Sent = { init: null, mask: null, control: [], regions: [] };
const OWN = { count: 4, strength: 0.6, natural: { width: 512, height: 512 } };

describe("what lies in the box decides", () => {
  it("nothing: a picture from the words", () => {
    const plan = planOf({ opaque: 0, bounds: null, masked: true }, BOX);
    expect(plan.mode).toBe("txt2img");
    expect(compose(FORM, plan, BOX, NONE, MASKING, OWN)).toEqual({
      prompt: "a fox", seed: 7, steps: 9, count: 4, width: 64, height: 32,
    });
  });

  it("a picture: that picture drawn anew", () => {
    const plan = planOf({ opaque: ALL, bounds: WHOLE, masked: false }, BOX);
    expect(plan).toMatchObject({ mode: "img2img", crop: WHOLE, mask: false });
    const asked = compose(FORM, plan, BOX, { ...NONE, init: "p" }, MASKING, OWN);
    expect(asked).toMatchObject({ init_image: "p", strength: 0.6, width: null, height: null });
    expect(asked).not.toHaveProperty("mask_image");
  });

  it("a picture with a mask: the masked part", () => {
    const plan = planOf({ opaque: ALL, bounds: WHOLE, masked: true }, BOX);
    expect(plan).toMatchObject({ mode: "inpaint", mask: true, infill: false });
    const sent = { ...NONE, init: "p", mask: "m" };
    expect(compose(FORM, plan, BOX, sent, MASKING, OWN)).toMatchObject({ mask_image: "m", mask_blur: 4, strength: 0.6, width: null });
    expect(compose(FORM, plan, BOX, sent, { ...MASKING, detail: true }, OWN)).toMatchObject({ only_masked: true, width: 512 });
  });

  it("the edge of a picture: room beside it", () => {
    const bounds = { x: 0, y: 0, width: 40, height: 32 };
    const plan = planOf({ opaque: 40 * 32, bounds, masked: false }, BOX);
    expect(plan).toMatchObject({ mode: "outpaint", crop: bounds, mask: false });
    expect(compose(FORM, plan, BOX, { ...NONE, init: "p" }, MASKING, OWN)).toMatchObject({
      init_image: "p", extend_left: 0, extend_right: 24, extend_top: 0, extend_bottom: 0, strength: 1,
    });
  });

  it("holes, or a mask at the edge: what is empty is filled and masked", () => {
    const holes = planOf({ opaque: 900, bounds: WHOLE, masked: false }, BOX);
    expect(holes).toMatchObject({ mode: "outpaint", crop: WHOLE, mask: true, infill: true });
    const bounds = { x: 0, y: 0, width: 40, height: 32 };
    expect(planOf({ opaque: 40 * 32, bounds, masked: true }, BOX).infill).toBe(true);
    expect(compose(FORM, holes, BOX, { ...NONE, init: "p", mask: "m" }, { ...MASKING, detail: true }, OWN))
      .toMatchObject({ strength: 1, mask_image: "m", match_colors: true });
  });
});

it("layers that steer go along, those without a model or words stay", () => {
  let held = emptyDocument(BOX);
  for (const [kind, id] of [["control", "c"], ["control", "d"], ["region", "r"], ["region", "s"]] as const) {
    held = added(held, newLayer(held, kind, id));
  }
  held = changed(changed(held, "c", { model: "canny", weight: 0.5 }), "r", { prompt: "a hat" });
  const [control] = steering(held, "control");
  const [region] = steering(held, "region");
  expect([steering(held, "control").length, steering(held, "region").length]).toEqual([1, 1]);
  const sent = { ...NONE, control: control ? [{ layer: control, image: "i" }] : [], regions: region ? [{ layer: region, mask: "m" }] : [] };
  const asked = compose(FORM, planOf({ opaque: 0, bounds: null, masked: false }, BOX), BOX, sent, MASKING, OWN);
  expect(asked.control).toMatchObject([{ model: "canny", image: "i", weight: 0.5, resize: "stretch" }]);
  expect(asked.regions).toEqual([{ prompt: "a hat", mask_image: "m", weight: 1 }]);
  expect(steering(changed(held, "c", { hidden: true }), "control")).toEqual([]);
});

describe("what was sent before is known again", () => {
  const held = added(emptyDocument(BOX), newLayer(emptyDocument(BOX), "image", "a"));
  const surface = (near: number, far: number) =>
    new Map([["a", new Map([["0,0", { serial: near }], ["9,9", { serial: far }]])]]);

  it("while nothing in the box changed", () => {
    const first = signature("init", BOX, held.layers, surface(1, 2));
    expect(signature("init", BOX, held.layers, surface(1, 3))).toBe(first);
    expect(signature("init", BOX, changed(held, "a", { name: "x" }).layers, surface(1, 2))).toBe(first);
  });

  it("and not when it did", () => {
    const names = [
      signature("init", BOX, held.layers, surface(1, 2)),
      signature("init", BOX, held.layers, surface(4, 2)),
      signature("mask", BOX, held.layers, surface(1, 2)),
      signature("init", { ...BOX, x: 72 }, held.layers, surface(1, 2)),
      signature("init", BOX, changed(held, "a", { opacity: 0.5 }).layers, surface(1, 2)),
      signature("init", BOX, changed(held, "a", { x: 3 }).layers, surface(1, 2)),
      signature("init", BOX, changed(held, "a", { hidden: true }).layers, surface(1, 2)),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});

it("layers reach as far as their tiles", () => {
  const held = added(emptyDocument(BOX), { ...newLayer(emptyDocument(BOX), "image", "a"), x: 10 });
  expect(extent(held.layers, new Map([["a", new Map([["0,0", 1], ["-1,1", 1]])]]))).toEqual({ x: -246, y: 0, width: 512, height: 512 });
  expect(extent(held.layers, new Map())).toBeNull();
});

it("pixels are looked through for what is covered", () => {
  const data = new Uint8ClampedArray(4 * 4 * 4);
  expect(surveyOf(data, 4, 4, false)).toEqual({ opaque: 0, bounds: null, masked: false });
  data[(1 * 4 + 2) * 4 + 3] = 255;
  data[(2 * 4 + 1) * 4 + 3] = 9;
  expect(surveyOf(data, 4, 4, true)).toEqual({ opaque: 1, bounds: { x: 1, y: 1, width: 2, height: 2 }, masked: true });
});
