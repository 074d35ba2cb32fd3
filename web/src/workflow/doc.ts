import type { GraphNode, NewWorkflow, WorkflowInput, WorkflowOutput } from "../api/wire.gen";

export type Point = readonly [number, number];
export type Box = { id: string; x: number; y: number; width: number; height: number };
export type Note = Box & { text: string };
export type Group = Box & { title: string };

/** What only this page knows of a workflow; `other` is kept for whoever wrote it. */
export type Layout = {
  at: Record<string, Point>;
  open: string[]; // nodes that show all of their settings
  fresh: string[]; // "node.setting": seeds that are drawn anew for each run
  groups: Group[];
  notes: Note[];
  other: Record<string, unknown>;
};

/** A workflow as it is edited. Never changed in place: an edit gives another one. */
export type Doc = {
  name: string;
  description: string;
  tags: string[];
  nodes: GraphNode[];
  inputs: WorkflowInput[];
  outputs: WorkflowOutput[];
  layout: Layout;
};

const NO_LAYOUT: Layout = { at: {}, open: [], fresh: [], groups: [], notes: [], other: {} };

export const EMPTY_DOC: Doc = {
  name: "", description: "", tags: [], nodes: [], inputs: [], outputs: [],
  layout: NO_LAYOUT,
};

/** Open what the server keeps. */
export function fromWorkflow(saved: Required<NewWorkflow>): Doc {
  const { name, description, tags, graph, inputs, outputs, layout } = saved;
  return { name, description, tags, inputs, outputs, nodes: graph.nodes, layout: readLayout(layout) };
}

/** Write a document the way it is saved and exported. */
export function toSave(doc: Doc): Required<NewWorkflow> {
  const { name, description, tags, inputs, outputs } = doc;
  return {
    name, description, tags, inputs, outputs,
    graph: { nodes: doc.nodes, format: 1 }, layout: writeLayout(doc.layout),
  };
}

export function writeLayout({ other, at, open, fresh, groups, notes }: Layout): Record<string, unknown> {
  return { ...other, nodes: at, open, fresh, groups, notes };
}

/** Read a layout that anybody may have written: what does not fit is left out. */
export function readLayout(raw: unknown): Layout {
  if (!isRecord(raw)) return NO_LAYOUT;
  const { nodes, open, fresh, groups, notes, ...other } = raw;
  const at = isRecord(nodes) ? nodes : {};
  return {
    at: Object.fromEntries(
      Object.entries(at).flatMap(([id, place]) => (isPoint(place) ? [[id, place] as const] : [])),
    ),
    open: texts(open),
    fresh: texts(fresh),
    groups: boxes(groups).map((box) => ({ ...box, title: text(box.title) })),
    notes: boxes(notes).map((box) => ({ ...box, text: text(box.text) })),
    other,
  };
}

const found = new WeakMap<GraphNode[], Map<string, GraphNode>>();

export function nodeOf({ nodes }: Doc, id: string): GraphNode | undefined {
  let byId = found.get(nodes);
  if (!byId) found.set(nodes, (byId = new Map(nodes.map((node) => [node.id, node]))));
  return byId.get(id);
}

/** Say whether two documents would be saved as the same. */
export function same(one: Doc, two: Doc): boolean {
  return one === two || JSON.stringify(toSave(one)) === JSON.stringify(toSave(two));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPoint(value: unknown): value is Point {
  return Array.isArray(value) && value.length === 2 && value.every(isFinite);
}

function isFinite(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function boxes(value: unknown): (Box & Record<string, unknown>)[] {
  if (!Array.isArray(value)) return [];
  return value.filter(
    (item): item is Box & Record<string, unknown> =>
      isRecord(item) && typeof item.id === "string" &&
      [item.x, item.y, item.width, item.height].every(isFinite),
  ).map(({ id, x, y, width, height, title, text: words }) => ({ id, x, y, width, height, title, text: words }));
}
