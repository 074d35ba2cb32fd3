import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { Catalogue, GraphNode } from "../api/wire.gen";
import { EMPTY_DOC, fromWorkflow, readLayout, same, toSave, type Doc } from "./doc";
import { asDoc, leave, leftHere } from "./draft";
import { addGroup, move, setSetting } from "./edits";
import { asGraph, exported, fileName, graphIn } from "./files";
import { own } from "./own";
import { faultsOf, kept } from "./problems";
import { createProjection, createWires } from "./project";
import { headsIn, tagsOf, typedTags } from "./shelf";
import { textToPicture } from "./templates";
import { choose, chosen, viewed } from "./view";

const FILE = resolve(import.meta.dirname, "../../../core/graph/catalogue.json");
const catalogue = JSON.parse(readFileSync(FILE, "utf8")) as Catalogue;
const plain = (name: string) => name;
const template = textToPicture(catalogue, { checkpoint: "starter", width: 64, height: 64 }, plain) ?? EMPTY_DOC;

function node(id: string, type: string, inputs: GraphNode["inputs"] = {}): GraphNode {
  return { id, type, version: 1, settings: {}, inputs };
}

function docOf(...nodes: GraphNode[]): Doc {
  return { ...EMPTY_DOC, nodes };
}

describe("a document", () => {
  it("is saved, exported and opened as it was", () => {
    const saved = { ...toSave(template), id: "1", version: 2, created: "", changed: "", owner: "" };
    expect(same(fromWorkflow(saved), template)).toBe(true);
    expect(asDoc(JSON.parse(exported(template)))).toEqual(template);
    expect(asDoc({ graph: { nodes: [{ id: 1 }] } })).toBeNull();
    expect(fileName('a/b:c*"\u0000')).toBe("a b c.json");
    expect(fileName("")).toBe("workflow.json");
  });

  it("keeps what others wrote into the layout, and leaves out what is none", () => {
    const layout = readLayout({ nodes: { a: [1, 2], b: ["x", 3] }, notes: [{ id: 4 }, { id: "n", x: 0, y: 0, width: 1, height: 1, text: "t" }], theirs: { zoom: 2 } });
    expect(layout.at).toEqual({ a: [1, 2] });
    expect(layout.notes).toHaveLength(1);
    expect(layout.other).toEqual({ theirs: { zoom: 2 } });
    expect(toSave({ ...EMPTY_DOC, layout }).layout).toMatchObject({ theirs: { zoom: 2 } });
  });

  it("survives in the browser's storage, or begins anew", () => {
    const box = new Map<string, string>();
    const storage = { getItem: (key: string) => box.get(key) ?? null, setItem: (key: string, value: string) => box.set(key, value) };
    const run = { batch: "b", jobs: ["j"], node: null, drawing: null, seen: [], cached: [] };
    leave({ doc: template, saved: null, origin: { id: "w", version: 3 }, run }, storage);
    expect(leftHere(storage)).toEqual({ doc: template, origin: { id: "w", version: 3 }, clean: false, batch: "b" });
    box.set("heliograph.workflow", "{broken");
    expect(leftHere(storage)).toEqual({ doc: EMPTY_DOC, origin: null, clean: true, batch: null });
    expect(leftHere(null).doc).toBe(EMPTY_DOC);
  });

  it("is found in what a picture says of itself", () => {
    expect(graphIn({ heliograph: { graph: { nodes: [{ id: "a", type: "image.load" }] } } })).toEqual({
      nodes: [{ id: "a", type: "image.load", version: 1, settings: {}, inputs: {} }], format: 1,
    });
    expect(graphIn({ heliograph: null })).toBeNull();
    expect(asGraph({ nodes: [{ id: "a" }] })).toBeNull();
    expect(asGraph({ nodes: [{ id: "a", type: "invocation", data: {} }], edges: [] })).toBeNull(); // InvokeAI's
  });
});

describe("problems", () => {
  it("are sorted by node and field, and stay the same where nothing changed", () => {
    const problems = [
      { code: "a", pointer: "/nodes/0/settings/loras/0/model", node: "x" },
      { code: "b", pointer: "/nodes/1/inputs/image", node: "y" },
      { code: "c", pointer: "/nodes/1/type", node: "y" },
      { code: "no_sink", pointer: "/nodes" },
      { code: "d", pointer: "/graph/nodes/3/settings/width", node: "z" },
    ];
    const faults = faultsOf(problems);
    expect(Object.keys(faults.x?.fields ?? {})).toEqual(["loras"]);
    expect(faults.y?.own.map(({ code }) => code)).toEqual(["c"]);
    expect(Object.keys(faults.z?.fields ?? {})).toEqual(["width"]);
    expect(faults[""]?.own).toHaveLength(1);
    expect(kept(faults, faultsOf(problems)).x).toBe(faults.x);
  });

  it.each(["constructor", "__proto__", "toString"])("of a node named %s are its own", (id) => {
    const faults = faultsOf([{ code: "a", pointer: "/nodes/0/type", node: id }]);
    expect(own(kept({}, faults), id)?.own).toHaveLength(1);
    expect(own(kept(faults, faultsOf([])), id)).toBeUndefined();
    const named = { ...template, nodes: template.nodes.slice(0, 1).map((node) => ({ ...node, id })) };
    expect(createProjection()({ ...named, layout: { ...named.layout, at: {} } }, {})[0]?.position).toEqual({ x: 0, y: 0 });
  });
});

describe("the board", () => {
  it("is told nothing while somebody types, and of one box when that moves", () => {
    const project = createProjection();
    const wires = createWires();
    const say = (from: string, to: string) => `${from} ${to}`;
    expect(wires(template, catalogue, null, null, say)[0]?.ariaLabel).toBe("model.load prompt.encode");
    const before = project(template, {});
    const drawn = wires(template, catalogue, null, null, say);
    const typed = setSetting(template, "prompt", "prompt", "a fox");
    expect(project(typed, {})).toBe(before);
    expect(wires(typed, catalogue, null, null, say)).toBe(drawn);
    const after = project(move(typed, { prompt: [-99, 0] }), {});
    expect(after.filter((box, place) => box !== before[place]).map(({ id }) => id)).toEqual(["prompt"]);
    expect(wires(typed, catalogue, null, "save", say).filter((one, place) => one !== drawn[place])).toHaveLength(1);
    const lit = project(template, choose({}, ["sample"]));
    expect(lit.filter(({ selected }) => selected).map(({ id }) => id)).toEqual(["sample"]);
  });

  it("moves what lies in a group along with it, and writes places down at the end", () => {
    const doc = addGroup({ ...docOf(node("in", "x"), node("out", "x")), layout: { ...EMPTY_DOC.layout, at: { in: [10, 10], out: [900, 900] } } },
      [{ id: "in", x: 10, y: 10, width: 10, height: 10 }], "G");
    const dragged = viewed({}, [{ type: "position", id: "group", position: { x: 86, y: 62 }, dragging: true }], doc);
    expect(dragged.moved).toEqual({});
    expect(dragged.view.in?.at).toEqual([110, 110]);
    const dropped = viewed(dragged.view, [{ type: "position", id: "group", position: { x: 86, y: 62 }, dragging: false }], doc);
    expect(dropped.moved).toEqual({ group: [86, 62], in: [110, 110] });
    expect(dropped.view.in?.at).toBeUndefined();
    expect(chosen(choose(dropped.view, ["in"]))).toEqual(["in"]);
  });
});

describe("the library", () => {
  it("finds by words and tags", () => {
    const head = (name: string, tags: string[]) =>
      ({ id: name, name, description: "", version: 1, inputs: [], outputs: [], tags, created: "", changed: "", owner: "" });
    const heads = [head("Fox", ["animal"]), head("Toy", ["thing", "animal"])];
    expect(tagsOf(heads)).toEqual(["animal", "thing"]);
    expect(headsIn(heads, "FO", null).map(({ name }) => name)).toEqual(["Fox"]);
    expect(headsIn(heads, "animal", "thing").map(({ name }) => name)).toEqual(["Toy"]);
    expect(typedTags(" a, b ,,a")).toEqual(["a", "b"]);
  });
});
