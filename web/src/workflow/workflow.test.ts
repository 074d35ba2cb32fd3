import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { Catalogue, GraphNode } from "../api/wire.gen";
import { arranged } from "./arrange";
import { copied, pasted } from "./clipboard";
import { fitOf, outputTypes, portFor } from "./connect";
import { EMPTY_DOC, type Doc } from "./doc";
import { addGroup, addNode, addNote, connect, disconnect, drawFresh, freeId, move, newNode, remove, setSetting } from "./edits";
import { noHistory, noted, redone, STEPS, undone } from "./history";
import { moveInput, relabel, toggleInput } from "./inputs";
import { foundIn, offersOf } from "./offers";
import { emptyOf, fieldOf, fieldsOf, settingTypes } from "./schema";
import { taken } from "./take";
import { textToPicture } from "./templates";

const FILE = resolve(import.meta.dirname, "../../../core/graph/catalogue.json");
const catalogue = JSON.parse(readFileSync(FILE, "utf8")) as Catalogue;
const plain = (name: string) => name;
const template = textToPicture(catalogue, { checkpoint: "starter", width: 64, height: 64 }, plain) ?? EMPTY_DOC;

function spec(type: string) {
  const found = catalogue.nodes[type];
  if (!found) throw new TypeError(type);
  return found;
}

function node(id: string, type: string, inputs: GraphNode["inputs"] = {}): GraphNode {
  return { id, type, version: 1, settings: {}, inputs };
}

function docOf(...nodes: GraphNode[]): Doc {
  return { ...EMPTY_DOC, nodes };
}

describe("the template", () => {
  it("is a whole graph whose wires all fit", () => {
    expect(template.nodes).toHaveLength(7);
    for (const { id, inputs } of template.nodes) {
      for (const [input, [source, output]] of Object.entries(inputs)) {
        const without = disconnect(template, id, input);
        expect(fitOf(without, catalogue, { source, output, target: id, input })).toBe("fits");
      }
    }
  });
});

describe("a wire", () => {
  it("is refused where types differ, where it closes a circle, and where no port is", () => {
    const wire = { source: "model", output: "vae", target: "prompt", input: "text_encoder" };
    expect(fitOf(template, catalogue, wire)).toBe("type");
    expect(fitOf(template, catalogue, { ...wire, output: "nothing" })).toBe("unknown");
    const circle = docOf(node("a", "mask.invert"), node("b", "mask.invert", { mask: ["a", "out"] }));
    const back = { source: "b", output: "out", target: "a", input: "mask" };
    expect(fitOf(circle, catalogue, back)).toBe("circle");
    expect(fitOf(circle, catalogue, { ...back, source: "a", target: "a" })).toBe("circle");
  });

  it("may feed a setting of its type, and a whole number a number", () => {
    const doc = docOf(node("n", "number.integer"), node("f", "number.value"), node("s", "latent.sample"));
    const wire = { source: "n", output: "out", target: "s", input: "steps" };
    expect(fitOf(doc, catalogue, wire)).toBe("fits");
    expect(fitOf(doc, catalogue, { ...wire, input: "guidance_scale" })).toBe("fits");
    expect(fitOf(doc, catalogue, { ...wire, source: "f" })).toBe("type");
    expect(fitOf(doc, catalogue, { ...wire, input: "sampler" })).toBe("type");
  });

  it("out of a switch must fit whichever branch is taken", () => {
    const doc = docOf(
      node("i", "image.load"), node("m", "mask.load"),
      node("w", "logic.switch", { on_true: ["i", "out"], on_false: ["m", "out"] }), node("save", "image.save"),
    );
    expect(outputTypes(doc, catalogue, "w", "out")).toEqual([["Image"], ["Mask"]]);
    const wire = { source: "w", output: "out", target: "save", input: "image" };
    expect(fitOf(doc, catalogue, wire)).toBe("type");
    expect(fitOf(connect(doc, { ...wire, source: "i", target: "w", input: "on_false" }), catalogue, wire)).toBe("fits");
    expect(fitOf(docOf(node("w", "logic.switch"), node("save", "image.save")), catalogue, wire)).toBe("fits");
  });

  it("offers the port that needs it first", () => {
    const end = { node: "model", port: "text_encoder", side: "out" } as const;
    expect(portFor(template, catalogue, end, spec("prompt.encode"))).toBe("text_encoder");
    expect(portFor(template, catalogue, end, spec("image.save"))).toBeNull();
    const latent = { node: "decode", port: "latent", side: "in" } as const;
    expect(portFor(template, catalogue, latent, spec("latent.empty"))).toBe("out");
  });

  it("survives a hundred switches in a row", () => {
    const nodes = Array.from({ length: 100 }, (_, place) =>
      node(`w${place}`, "logic.switch", place === 0 ? { on_true: ["i", "out"] } : { on_true: [`w${place - 1}`, "out"], on_false: [`w${place - 1}`, "out"] }));
    expect(outputTypes(docOf(node("i", "image.load"), ...nodes), catalogue, "w99", "out")).toEqual([["Image"]]);
  });
});

describe("an edit", () => {
  it("leaves what it does not touch the same", () => {
    const next = setSetting(template, "sample", "steps", 7);
    expect(next.nodes.filter((held, place) => held !== template.nodes[place]).map(({ id }) => id)).toEqual(["sample"]);
    expect(setSetting(next, "sample", "nothing", undefined)).toBe(next);
    expect(setSetting(next, "sample", "steps", undefined).nodes).toEqual(template.nodes);
    expect(disconnect(template, "sample", "nothing")).toBe(template);
    expect(remove(template, ["nothing"])).toBe(template);
  });

  it("that removes a node removes its wires, inputs, seeds and place", () => {
    const next = remove(template, ["sample"]);
    expect(next.nodes.some(({ inputs }) => Object.values(inputs).some(([id]) => id === "sample"))).toBe(false);
    expect(next.inputs.map(({ node: id }) => id)).toEqual(["prompt", "negative"]);
    expect(next.layout.fresh).toEqual([]);
    expect(next.layout.at.sample).toBeUndefined();
  });

  it("gives new nodes free ids, known values, and seeds that are drawn anew", () => {
    expect(freeId(["a", "a_2"], "a")).toBe("a_3");
    expect(freeId([], "ä b")).toMatch(/^[\w.:-]+$/);
    const made = newNode(template, spec("latent.sample"), {});
    expect(made).toMatchObject({ id: "sample_2", settings: {} });
    const doc = addNode(template, spec("latent.sample"), made, [0, 0]);
    expect(doc.layout.fresh).toContain("sample_2.seed");
    const drawn = drawFresh(doc, catalogue, () => 42);
    expect(drawn.nodes.at(-1)?.settings).toEqual({ seed: 42 });
    expect(newNode(doc, spec("model.load"), { checkpoint: "x" }).settings).toEqual({ checkpoint: "x" });
  });

  it("moves nodes, notes and groups, and draws a group around boxes", () => {
    const written = addNote(template, [5, 5]);
    const boxes = [{ id: "a", x: 0, y: 0, width: 10, height: 10 }, { id: "b", x: 50, y: 20, width: 10, height: 10 }];
    const doc = addGroup(written, boxes, "Both");
    const [group] = doc.layout.groups;
    expect(group).toMatchObject({ title: "Both", x: -24, width: 108 });
    const moved = move(doc, { note: [1, 2], group: [3, 4], sample: [5, 6], nobody: [7, 8] });
    expect(moved.layout.notes[0]).toMatchObject({ x: 1, y: 2 });
    expect(moved.layout.groups[0]).toMatchObject({ x: 3, y: 4 });
    expect(moved.layout.at).toMatchObject({ sample: [5, 6] });
    expect(moved.layout.at.nobody).toBeUndefined();
    expect(addGroup(doc, [], "None")).toBe(doc);
  });

  it("of the palette adds, wires, rewires and cuts", () => {
    const words = { title: plain, port: plain, wire: "Wire to", cut: "Cut", note: "Note" };
    const end = { node: "decode", port: "latent", side: "in" } as const;
    const offers = offersOf(template, catalogue, end, words);
    expect(offers[0]?.kind).toBe("cut");
    expect(offers.filter(({ kind }) => kind === "end").map(({ key }) => key)).toEqual(["empty.out", "sample.out"]);
    const pick = (key: string) => {
      const offer = offers.find((one) => one.key === key);
      if (!offer) throw new TypeError(key);
      return taken(template, offer, end, [0, 0], {});
    };
    expect(pick("cut").doc.nodes.find(({ id }) => id === "decode")?.inputs.latent).toBeUndefined();
    expect(pick("empty.out").doc.nodes.find(({ id }) => id === "decode")?.inputs.latent).toEqual(["empty", "out"]);
    const made = pick("latent.encode");
    expect(made.show).toBe("encode");
    expect(made.doc.nodes.find(({ id }) => id === "decode")?.inputs.latent).toEqual(["encode", "out"]);
    const all = offersOf(template, catalogue, null, words);
    expect(foundIn(all, "save")[0]?.key).toBe("image.save");
    expect(foundIn(all, "no such thing")).toEqual([]);
  });
});

describe("the form", () => {
  it("takes settings on and off, with names of their own, in any order", () => {
    let doc = toggleInput(template, "empty", "width", "Width");
    doc = toggleInput(doc, "negative", "clip_skip", "");
    doc = toggleInput(doc, "prompt", "clip_skip", "");
    expect(doc.inputs.map(({ name }) => name).slice(4)).toEqual(["width", "clip_skip", "clip_skip_2"]);
    doc = moveInput(relabel(doc, 4, "Wide"), 4, 0);
    expect(doc.inputs[0]).toEqual({ name: "width", node: "empty", setting: "width", label: "Wide" });
    expect(moveInput(doc, 0, -1)).toBe(doc);
    expect(toggleInput(doc, "empty", "width", "").inputs).toHaveLength(6);
  });
});

describe("settings", () => {
  it("are read from every schema of the catalogue", () => {
    const kinds = new Set(Object.values(catalogue.nodes).flatMap(({ settings }) => fieldsOf(settings).map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual(["boolean", "enum", "image", "list", "listed", "model", "number", "seed", "text"]);
    expect(fieldOf(spec("latent.empty").settings, "width")).toMatchObject({ whole: true, min: 8, max: 4096, step: 8, required: true });
    expect(fieldOf(spec("model.load").settings, "vae")).toMatchObject({ kind: "model", of: "vae", nullable: true, preset: null });
    expect(fieldOf(spec("model.adapt").settings, "loras")).toMatchObject({ kind: "list", fields: [{ kind: "model", of: "lora" }, { name: "weight" }] });
    expect(settingTypes(spec("model.adapt").settings, "loras")).toEqual([]);
    const prompt = fieldOf(spec("prompt.encode").settings, "prompt");
    expect(prompt && emptyOf(prompt)).toBe("");
    expect(fieldsOf({ properties: { odd: { anyOf: [{ type: "string" }, { type: "integer" }] } } })[0]?.kind).toBe("raw");
  });
});

describe("history", () => {
  it("joins typing, goes back and again, and is bounded", () => {
    let history = noted(noHistory<number>(), 0, "a", 0);
    history = noted(history, 1, "a", 500);
    expect(history.past).toEqual([0]);
    history = noted(history, 2, "b", 600);
    const [before, rest] = undone(history, 3) ?? [null, history];
    expect([before, rest.future]).toEqual([2, [3]]);
    expect(redone(rest, 2)?.[0]).toBe(3);
    expect(undone(noHistory(), 0)).toBeNull();
    for (let step = 0; step < STEPS * 2; step += 1) history = noted(history, step, null, step);
    expect(history.past).toHaveLength(STEPS);
  });
});

describe("the clipboard", () => {
  it("gives copies new names and keeps wires inside and from what is still there", () => {
    const text = copied(template, ["sample", "decode"]) ?? "";
    const made = pasted(template, text, [1000, 1000]);
    expect(made?.ids).toEqual(["sample_2", "decode_2"]);
    const copy = made?.doc.nodes.find(({ id }) => id === "decode_2");
    expect(copy?.inputs).toEqual({ vae: ["model", "vae"], latent: ["sample_2", "out"] });
    expect(made?.doc.layout.fresh).toEqual(["sample.seed", "sample_2.seed"]);
    const elsewhere = pasted(EMPTY_DOC, text, null);
    expect(elsewhere?.doc.nodes.find(({ id }) => id === "decode")?.inputs).toEqual({ latent: ["sample", "out"] });
    const at = Object.values(made?.doc.layout.at ?? {}).slice(-2);
    expect([Math.min(...at.map(([x]) => x)), Math.min(...at.map(([, y]) => y))]).toEqual([1000, 1000]);
  });

  it("takes notes and groups, and no other text", () => {
    const doc = addGroup(addNote(EMPTY_DOC, [0, 0]), [{ id: "note", x: 0, y: 0, width: 9, height: 9 }], "G");
    const made = pasted(doc, copied(doc, ["note", "group"]) ?? "", null);
    expect(made?.doc.layout.notes.map(({ id }) => id)).toEqual(["note", "note_2"]);
    expect(pasted(doc, "a fox", null)).toBeNull();
    expect(pasted(doc, '{"kind": "heliograph.nodes", "nodes": 3}', null)).toBeNull();
    expect(copied(doc, [])).toBeNull();
  });
});

describe("the arrangement", () => {
  it("lets every wire run to the right, and nothing lie on another", () => {
    const doc = arranged(template, catalogue, () => ({ width: 200, height: 100 }));
    for (const { id, inputs } of doc.nodes) {
      for (const [source] of Object.values(inputs)) {
        expect(doc.layout.at[source]?.[0]).toBeLessThan(doc.layout.at[id]?.[0] ?? 0);
      }
    }
    const places = Object.values(doc.layout.at).map(String);
    expect(new Set(places).size).toBe(places.length);
  });

  it("ends with circles, loose wires and a thousand nodes", () => {
    const circle = docOf(node("a", "x", { i: ["b", "o"] }), node("b", "x", { i: ["a", "o"], j: ["gone", "o"] }));
    expect(Object.keys(arranged(circle, null).layout.at).sort()).toEqual(["a", "b"]);
    const many = Array.from({ length: 1000 }, (_, place) =>
      node(`n${place}`, "x", place ? { i: [`n${Math.floor(place / 2)}`, "o"] } : {}));
    expect(Object.keys(arranged(docOf(...many), catalogue).layout.at)).toHaveLength(1000);
  });
});
