import type { Catalogue, GraphNode, NodeSpec } from "../api/wire.gen";
import { specOf } from "./connect";
import { nodeOf, type Doc, type Point } from "./doc";
import { fieldsOf } from "./schema";

export type Size = { width: number; height: number };

const APART = 56; // pixels between columns
const BETWEEN = 32; // pixels between nodes of a column
const SWEEPS = 4;

/**
 * Put nodes into columns so that every wire runs to the right, with few crossings
 * (layers by longest path, then barycentres: Sugiyama, Tagawa and Toda 1981).
 * Nodes on a circle stay in the column where the walk met them first.
 */
export function arrange(nodes: readonly GraphNode[], sizeOf: (id: string) => Size): Record<string, Point> {
  const columns = layered(nodes);
  const readers = new Map<string, string[]>();
  const sources = new Map<string, string[]>();
  const known = new Set(nodes.map(({ id }) => id));
  for (const node of nodes) {
    const from = Object.values(node.inputs).map(([id]) => id).filter((id) => known.has(id));
    sources.set(node.id, from);
    for (const id of from) readers.set(id, [...(readers.get(id) ?? []), node.id]);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    const order = columns.map((_, index) => (forward ? index : columns.length - 1 - index));
    for (const index of order) {
      const beside = columns[forward ? index - 1 : index + 1];
      const column = columns[index];
      if (beside && column) columns[index] = sorted(column, placesOf(columns), forward ? sources : readers);
    }
  }
  return placed(columns, sizeOf);
}


/** Arrange all nodes of a document. */
export function arranged(
  doc: Doc, catalogue: Catalogue | null, sizeOf: (id: string) => Size | undefined = () => undefined,
): Doc {
  const at = arrange(doc.nodes, (id) => sizeOf(id) ?? guess(specOf(catalogue, nodeOf(doc, id)?.type ?? "")));
  return { ...doc, layout: { ...doc.layout, at: { ...doc.layout.at, ...at } } };
}

/** Guess the size of a node that was never drawn: a head, rows of ports, and a row for each setting. */
function guess(spec: NodeSpec | undefined): Size {
  if (!spec) return { width: 264, height: 80 };
  const fields = fieldsOf(spec.settings);
  const shown = fields.length > 7 ? fields.slice(0, 6) : fields;
  const rows = shown.reduce((sum, field) => sum + (field.kind === "text" && field.long ? 108 : 32), 0);
  const more = shown.length < fields.length ? 36 : 0;
  return { width: 264, height: 64 + 28 * Math.max(spec.inputs.length, spec.outputs.length) + rows + more };
}

function layered(nodes: readonly GraphNode[]): string[][] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const depth = new Map<string, number>();
  const walking = new Set<string>();
  function depthOf(id: string): number {
    const known = depth.get(id);
    if (known !== undefined) return known;
    if (walking.has(id)) return 0; // a circle
    walking.add(id);
    const from = Object.values(byId.get(id)?.inputs ?? {}).filter(([source]) => byId.has(source));
    const found = Math.max(0, ...from.map(([source]) => depthOf(source) + 1));
    walking.delete(id);
    depth.set(id, found);
    return found;
  }
  const columns: string[][] = [];
  for (const { id } of nodes) {
    const layer = depthOf(id);
    while (columns.length <= layer) columns.push([]);
    columns[layer]?.push(id);
  }
  return columns.filter((column) => column.length > 0);
}

function placesOf(columns: string[][]): Map<string, number> {
  return new Map(
    columns.flatMap((column) =>
      column.map((id, index) => [id, (index + 0.5) / column.length] as const),
    ),
  );
}

function sorted(column: string[], places: Map<string, number>, beside: Map<string, string[]>): string[] {
  const weight = (id: string) => {
    const found = (beside.get(id) ?? []).map((other) => places.get(other) ?? 0);
    return found.length > 0
      ? found.reduce((sum, place) => sum + place, 0) / found.length
      : (places.get(id) ?? 0);
  };
  const weights = new Map(column.map((id) => [id, weight(id)]));
  return [...column].sort((one, two) => (weights.get(one) ?? 0) - (weights.get(two) ?? 0));
}

function placed(columns: string[][], sizeOf: (id: string) => Size): Record<string, Point> {
  const heights = columns.map((column) =>
    column.reduce((sum, id) => sum + sizeOf(id).height + BETWEEN, -BETWEEN),
  );
  const tallest = Math.max(0, ...heights);
  const places: Record<string, Point> = {};
  let x = 0;
  columns.forEach((column, index) => {
    let y = (tallest - (heights[index] ?? 0)) / 2;
    for (const id of column) {
      places[id] = [Math.round(x), Math.round(y)];
      y += sizeOf(id).height + BETWEEN;
    }
    x += Math.max(0, ...column.map((id) => sizeOf(id).width)) + APART;
  });
  return places;
}
