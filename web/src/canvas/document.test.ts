import { describe, expect, it } from "vitest";
import {
  added, changed, emptyDocument, hasRoom, layerOf, moved, newLayer, numberOf, readDocument, removed,
  type Document, type LayerKind,
} from "./document";

const BOX = { x: 0, y: 0, width: 64, height: 64 };

function made(...kinds: LayerKind[]): Document {
  return kinds.reduce((held, kind, index) => added(held, newLayer(held, kind, `l${index}`)), emptyDocument(BOX));
}

function order(document: Document): string {
  return document.layers.map(({ id }) => id).join(" ");
}

describe("layers", () => {
  it("come over the active one, and are active then", () => {
    const two = made("image", "image");
    const third = added({ ...two, active: "l0" }, newLayer(two, "image", "new"));
    expect(order(third)).toBe("l0 new l1");
    expect(third.active).toBe("new");
  });

  it("that steer come on top", () => {
    const held = made("image", "image");
    expect(order(added({ ...held, active: "l0" }, newLayer(held, "mask", "m")))).toBe("l0 l1 m");
  });

  it("leave the one below active when they go", () => {
    expect(removed(made("image", "mask"), "l1").active).toBe("l0");
    expect(removed(made("image"), "l0")).toEqual(emptyDocument(BOX));
    const held = made("image");
    expect(removed(held, "gone")).toBe(held);
  });

  it("are moved among each other", () => {
    const three = made("image", "image", "image");
    expect(order(moved(three, "l0", 2))).toBe("l1 l2 l0");
    expect(order(moved(three, "l2", -5))).toBe("l2 l0 l1");
    expect(moved(three, "l1", 1)).toBe(three);
  });

  it("are named by kind and number", () => {
    const held = made("image", "mask", "image");
    expect(held.layers.map((layer) => numberOf(held, layer))).toEqual([1, 2, 1]);
  });

  it("are as many as the server takes", () => {
    const regions = made(...Array<LayerKind>(8).fill("region"));
    expect(hasRoom(regions, "region")).toBe(false);
    expect(hasRoom(regions, "image")).toBe(true);
    expect(new Set(regions.layers.slice(0, 7).map(({ hue }) => hue)).size).toBe(7);
  });
});

describe("a document that is opened", () => {
  const sound = changed(made("image", "mask", "control", "region"), "l3", { prompt: "a <b>fox</b>" });

  it("is what was saved", () => {
    expect(readDocument(JSON.parse(JSON.stringify(sound)))).toEqual(sound);
  });

  it("is refused where it is none", () => {
    const layer = layerOf(sound, "l0");
    const wrong: unknown[] = [
      null, 3, [], {}, { ...sound, version: 2 }, { ...sound, layers: {} }, { ...sound, box: null },
      { ...sound, box: { ...BOX, width: 63 } }, { ...sound, box: { ...BOX, width: 1e9 } },
      { ...sound, layers: [null] }, { ...sound, layers: [layer, layer] },
      { ...sound, layers: [{ ...layer, kind: "script" }] },
      { ...sound, layers: [{ ...layer, x: Number.NaN }] },
      { ...sound, layers: [{ ...layer, id: "../../x" }] },
      { ...sound, layers: Array.from({ length: 65 }, (_, index) => ({ ...layer, id: `n${index}` })) },
    ];
    expect(wrong.map(readDocument)).toEqual(wrong.map(() => null));
  });

  it("is brought into range where only values are off", () => {
    const layers = [{ ...layerOf(sound, "l2"), opacity: 7, weight: -1, preprocessor: "rm", model: 5, name: "x".repeat(999) }];
    const read = readDocument({ ...sound, layers, active: "gone" });
    expect(read?.layers[0]).toMatchObject({ opacity: 1, weight: 0, preprocessor: "none", model: null });
    expect(read?.layers[0]?.name.length).toBe(200);
    expect(read?.active).toBe("l2");
  });
});
