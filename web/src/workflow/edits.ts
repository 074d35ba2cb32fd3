import type { Catalogue, GraphNode, NodeSpec } from "../api/wire.gen";
import { specOf, wireOf, type End, type Wire } from "./connect";
import type { Box, Doc, Layout, Point } from "./doc";
import { own } from "./own";
import { emptyOf, fieldsOf } from "./schema";

/** What the values of a new node are filled from. */
export type Known = Record<string, unknown>; // setting → value

export const NOTE = { width: 220, height: 140 };
const GROUP_EDGE = 24;
const GROUP_HEAD = 48;

/** Find an id that nobody has: "sample", "sample_2". */
export function freeId(taken: Iterable<string>, wanted: string): string {
  const held = new Set(taken);
  const stem = wanted.replace(/[^\w.:-]/g, "_").slice(0, 56) || "node";
  for (let count = 1; ; count += 1) {
    const id = count === 1 ? stem : `${stem}_${count}`;
    if (!held.has(id)) return id;
  }
}

export function idsOf(doc: Doc): string[] {
  const { groups, notes } = doc.layout;
  return [...doc.nodes, ...groups, ...notes].map(({ id }) => id);
}

/** Make a node of a type; settings that must be given are filled where something is known. */
export function newNode(doc: Doc, spec: NodeSpec, known: Known): GraphNode {
  const settings: Record<string, unknown> = {};
  for (const field of fieldsOf(spec.settings)) {
    if (!field.required && field.kind !== "seed") continue;
    const value = field.required ? (known[field.name] ?? emptyOf(field)) : undefined;
    if (value !== undefined) settings[field.name] = value;
  }
  const id = freeId(idsOf(doc), spec.type.split(".").pop() ?? spec.type);
  return { id, type: spec.type, version: spec.version, settings, inputs: {} };
}

/** Put a node somewhere; a seed of a new node is drawn anew for each run. */
export function addNode(doc: Doc, spec: NodeSpec, node: GraphNode, at: Point): Doc {
  const seeds = fieldsOf(spec.settings).filter(({ kind, name }) => kind === "seed" && name === "seed");
  const fresh = [...doc.layout.fresh, ...seeds.map(({ name }) => `${node.id}.${name}`)];
  return {
    ...doc,
    nodes: [...doc.nodes, node],
    layout: { ...doc.layout, at: { ...doc.layout.at, [node.id]: at }, fresh },
  };
}

export function changeNode(doc: Doc, id: string, change: (node: GraphNode) => GraphNode): Doc {
  const nodes = doc.nodes.map((node) => (node.id === id ? change(node) : node));
  return nodes.every((node, place) => node === doc.nodes[place]) ? doc : { ...doc, nodes };
}

/** Set a setting; `undefined` takes it back to its default. */
export function setSetting(doc: Doc, id: string, name: string, value: unknown): Doc {
  return changeNode(doc, id, (node) => {
    if (value !== undefined) return { ...node, settings: { ...node.settings, [name]: value } };
    if (!Object.hasOwn(node.settings, name)) return node;
    return { ...node, settings: without(node.settings, name) };
  });
}

/** Draw a wire; one that ended there before is gone. */
export function connect(doc: Doc, wire: Wire): Doc {
  const link: [string, string] = [wire.source, wire.output];
  return changeNode(doc, wire.target, (node) => ({
    ...node, inputs: { ...node.inputs, [wire.input]: link },
  }));
}

export function disconnect(doc: Doc, target: string, input: string): Doc {
  return changeNode(doc, target, (node) =>
    Object.hasOwn(node.inputs, input) ? { ...node, inputs: without(node.inputs, input) } : node,
  );
}

/** Add a node and wire it to a loose end. */
export function addWired(doc: Doc, spec: NodeSpec, known: Known, at: Point, end: End, port: string): Doc {
  const node = newNode(doc, spec, known);
  const other: End = { node: node.id, port, side: end.side === "in" ? "out" : "in" };
  return connect(addNode(doc, spec, node, at), wireOf(end, other));
}

/** Take nodes, notes and groups away, and the wires, inputs and outputs that named them. */
export function remove(doc: Doc, ids: readonly string[]): Doc {
  const gone = new Set(ids);
  if (!idsOf(doc).some((id) => gone.has(id))) return doc;
  const { layout } = doc;
  const stays = ({ id }: { id: string }) => !gone.has(id);
  const nodes = doc.nodes.filter(stays).map((node) => {
    const kept = Object.entries(node.inputs).filter(([, [source]]) => !gone.has(source));
    return kept.length === Object.keys(node.inputs).length
      ? node
      : { ...node, inputs: Object.fromEntries(kept) };
  });
  return {
    ...doc,
    nodes,
    inputs: doc.inputs.filter(({ node }) => !gone.has(node)),
    outputs: doc.outputs.filter(({ node }) => !gone.has(node)),
    layout: {
      ...layout,
      at: Object.fromEntries(Object.entries(layout.at).filter(([id]) => !gone.has(id))),
      open: layout.open.filter((id) => !gone.has(id)),
      fresh: layout.fresh.filter((name) => !gone.has(name.slice(0, name.lastIndexOf(".")))),
      groups: layout.groups.filter(stays),
      notes: layout.notes.filter(stays),
    },
  };
}

export function changeLayout(doc: Doc, change: Partial<Layout>): Doc {
  return { ...doc, layout: { ...doc.layout, ...change } };
}

/** Move whatever has these ids. */
export function move(doc: Doc, places: Record<string, Point>): Doc {
  const placed = <T extends Box>(box: T): T => {
    const at = own(places, box.id);
    return at ? { ...box, x: at[0], y: at[1] } : box;
  };
  const nodes = doc.nodes.filter(({ id }) => own(places, id));
  const at = Object.fromEntries(nodes.map(({ id }) => [id, own(places, id) ?? ([0, 0] as const)]));
  return changeLayout(doc, {
    at: { ...doc.layout.at, ...at },
    groups: doc.layout.groups.map(placed),
    notes: doc.layout.notes.map(placed),
  });
}

export function resize(doc: Doc, box: Box): Doc {
  const fit = <T extends Box>(held: T): T => (held.id === box.id ? { ...held, ...box } : held);
  const { groups, notes } = doc.layout;
  return changeLayout(doc, { groups: groups.map(fit), notes: notes.map(fit) });
}

export function addNote(doc: Doc, [x, y]: Point): Doc {
  const id = freeId(idsOf(doc), "note");
  return changeLayout(doc, { notes: [...doc.layout.notes, { id, x, y, ...NOTE, text: "" }] });
}

/** Draw a frame around boxes. */
export function addGroup(doc: Doc, boxes: readonly Box[], title: string): Doc {
  if (boxes.length === 0) return doc;
  const x = Math.min(...boxes.map((box) => box.x)) - GROUP_EDGE;
  const y = Math.min(...boxes.map((box) => box.y)) - GROUP_HEAD;
  const width = Math.max(...boxes.map((box) => box.x + box.width)) + GROUP_EDGE - x;
  const height = Math.max(...boxes.map((box) => box.y + box.height)) + GROUP_EDGE - y;
  const id = freeId(idsOf(doc), "group");
  return changeLayout(doc, { groups: [...doc.layout.groups, { id, x, y, width, height, title }] });
}

/** Turn one name of a list on or off. */
export function toggled(list: string[], name: string): string[] {
  return list.includes(name) ? list.filter((held) => held !== name) : [...list, name];
}

/** Draw new seeds where they are wanted; nothing changes where none is. */
export function drawFresh(doc: Doc, catalogue: Catalogue | null, draw: () => number): Doc {
  let next = doc;
  for (const node of doc.nodes) {
    const spec = specOf(catalogue, node.type);
    for (const field of spec ? fieldsOf(spec.settings) : []) {
      const wired = Object.hasOwn(node.inputs, field.name);
      if (field.kind !== "seed" || wired || !doc.layout.fresh.includes(`${node.id}.${field.name}`)) continue;
      next = setSetting(next, node.id, field.name, draw() % (field.max + 1));
    }
  }
  return next;
}

function without<T>(record: Record<string, T>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}
