import type { GraphNode } from "../api/wire.gen";
import { isRecord, readLayout, writeLayout, type Doc, type Layout, type Point } from "./doc";
import { freeId, idsOf } from "./edits";
import { own } from "./own";

const MARK = "heliograph.nodes";

/** Write nodes, notes and groups as text; wires from elsewhere are written too. */
export function copied(doc: Doc, ids: readonly string[]): string | null {
  const taken = new Set(ids);
  const has = ({ id }: { id: string }) => taken.has(id);
  const nodes = doc.nodes.filter(has);
  const layout: Layout = {
    ...doc.layout,
    at: Object.fromEntries(nodes.map(({ id }) => [id, own(doc.layout.at, id) ?? [0, 0]] as const)),
    groups: doc.layout.groups.filter(has),
    notes: doc.layout.notes.filter(has),
    other: {},
  };
  if (nodes.length + layout.groups.length + layout.notes.length === 0) return null;
  return JSON.stringify({ kind: MARK, nodes, layout: writeLayout(layout) });
}

/** Paste what `copied` wrote, around a place; null for other text. Gives the new ids, too. */
export function pasted(doc: Doc, text: string, around: Point | null): { doc: Doc; ids: string[] } | null {
  const found = read(text);
  if (!found) return null;
  const { nodes, layout } = found;
  const taken = new Set(idsOf(doc));
  const names = new Map<string, string>();
  for (const { id } of [...nodes, ...layout.groups, ...layout.notes]) {
    const fresh = freeId(taken, id.replace(/_\d+$/, ""));
    taken.add(fresh);
    names.set(id, fresh);
  }
  const known = new Set(doc.nodes.map(({ id }) => id));
  const renamed = (id: string) => names.get(id) ?? id;
  const by = shift(layout, around);
  const boxed = <T extends { id: string; x: number; y: number }>(box: T): T =>
    ({ ...box, id: renamed(box.id), x: box.x + by[0], y: box.y + by[1] });
  const added = nodes.map((node) => ({
    ...node,
    id: renamed(node.id),
    inputs: Object.fromEntries(
      Object.entries(node.inputs)
        .filter(([, [source]]) => names.has(source) || known.has(source))
        .map(([name, [source, port]]) => [name, [renamed(source), port] as [string, string]]),
    ),
  }));
  const at = Object.entries(layout.at).map(([id, [x, y]]) => [renamed(id), [x + by[0], y + by[1]] as const]);
  const named = (list: string[]) =>
    list.flatMap((name) => {
      const dot = name.lastIndexOf(".");
      const id = names.get(name) ?? names.get(name.slice(0, dot));
      return id === undefined ? [] : [names.has(name) ? id : id + name.slice(dot)];
    });
  return {
    ids: [...names.values()],
    doc: {
      ...doc,
      nodes: [...doc.nodes, ...added],
      layout: {
        ...doc.layout,
        at: { ...doc.layout.at, ...(Object.fromEntries(at) as Record<string, Point>) },
        open: [...doc.layout.open, ...named(layout.open)],
        fresh: [...doc.layout.fresh, ...named(layout.fresh)],
        groups: [...doc.layout.groups, ...layout.groups.map(boxed)],
        notes: [...doc.layout.notes, ...layout.notes.map(boxed)],
      },
    },
  };
}

/** Say how far things move: beside where they were, or so that their corner is at a place. */
function shift(layout: Layout, around: Point | null): Point {
  if (!around) return [32, 32];
  const places = [
    ...Object.values(layout.at),
    ...[...layout.groups, ...layout.notes].map(({ x, y }) => [x, y] as const),
  ];
  const left = Math.min(...places.map(([x]) => x));
  const top = Math.min(...places.map(([, y]) => y));
  return [around[0] - left, around[1] - top];
}

function read(text: string): { nodes: GraphNode[]; layout: Layout } | null {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(found) || found.kind !== MARK || !Array.isArray(found.nodes)) return null;
  return { nodes: found.nodes.filter(isNode), layout: readLayout(found.layout) };
}

export function isNode(value: unknown): value is GraphNode {
  return (
    isRecord(value) && typeof value.id === "string" && typeof value.type === "string" &&
    isRecord(value.settings) && isRecord(value.inputs) &&
    Object.values(value.inputs).every(
      (link) => Array.isArray(link) && link.length === 2 && link.every((end) => typeof end === "string"),
    )
  );
}
