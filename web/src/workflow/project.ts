import type { Edge, Node } from "@xyflow/react";
import type { GraphNode } from "../api/wire.gen";
import type { Catalogue } from "../api/wire.gen";
import { outputTypes, specOf } from "./connect";
import type { Box, Doc, Group, Note, Point } from "./doc";
import { toneOf } from "./ports";

/** What the page alone knows of a box: chosen, measured, being dragged. */
export type Seen = {
  selected?: boolean;
  measured?: { width: number; height: number };
  at?: Point; // while it is dragged
  size?: { width: number; height: number }; // while it is resized
};
export type View = Record<string, Seen>;

export type StepNode = Node<{ node: GraphNode }, "step">;
export type NoteNode = Node<{ note: Note }, "note">;
export type GroupNode = Node<{ group: Group }, "group">;
export type BoardNode = StepNode | NoteNode | GroupNode;
export type WireEdge = Edge<Record<string, never>, "wire">;

const NOTHING: Seen = {};
const HOME: Point = [0, 0];

/** Make boxes of a document; one that is as it was stays the same thing, and is not drawn again. */
export function createProjection(): (doc: Doc, view: View) => BoardNode[] {
  const held = new Map<string, { source: unknown; seen: Seen; at: Point; made: BoardNode }>();
  function box(id: string, source: unknown, seen: Seen, at: Point, make: () => BoardNode): BoardNode {
    const known = held.get(id);
    if (known && known.source === source && known.seen === seen && known.at[0] === at[0] && known.at[1] === at[1]) {
      return known.made;
    }
    const made = make();
    held.set(id, { source, seen, at, made });
    return made;
  }
  return (doc, view) => {
    const { groups, notes, at: places } = doc.layout;
    const made = [
      ...groups.map((group) => {
        const seen = view[group.id] ?? NOTHING;
        return box(group.id, group, seen, HOME, () => ({
          ...framed(group, seen), type: "group", zIndex: -1, data: { group },
        }));
      }),
      ...doc.nodes.map((node) => {
        const seen = view[node.id] ?? NOTHING;
        const at = seen.at ?? places[node.id] ?? HOME;
        return box(node.id, node, seen, at, () => ({ ...placed(node.id, at, seen), type: "step", data: { node } }));
      }),
      ...notes.map((note) => {
        const seen = view[note.id] ?? NOTHING;
        return box(note.id, note, seen, HOME, () => ({ ...framed(note, seen), type: "note", data: { note } }));
      }),
    ];
    if (held.size > made.length * 2) for (const id of held.keys()) if (!made.some((one) => one.id === id)) held.delete(id);
    return made;
  };
}

function placed(id: string, [x, y]: Point, { selected, measured }: Seen) {
  return { id, position: { x, y }, selected: selected === true, ...(measured ? { measured } : {}) };
}

function framed(box: Box, seen: Seen) {
  const { width, height } = seen.size ?? box;
  return { ...placed(box.id, seen.at ?? [box.x, box.y], seen), width, height };
}

export function edgeId(target: string, input: string): string {
  return `${target}→${input}`;
}

/** Make wires of a document, in the colour of what runs through them. */
export function createWires(): (doc: Doc, catalogue: Catalogue | null, selected: string | null, active: string | null) => WireEdge[] {
  const held = new Map<string, { mark: string; made: WireEdge }>();
  return (doc, catalogue, selected, active) => {
    const known = new Set(doc.nodes.map(({ id }) => id));
    return doc.nodes.flatMap((node) =>
      Object.entries(node.inputs).flatMap(([input, [source, output]]) => {
        if (!known.has(source) || !specOf(catalogue, node.type)) return [];
        const id = edgeId(node.id, input);
        const tone = toneOf(outputTypes(doc, catalogue, source, output)?.flat() ?? []);
        const mark = [source, output, tone, selected === id, active === node.id].join(" ");
        const before = held.get(id);
        if (before?.mark === mark) return [before.made];
        const made: WireEdge = {
          id, source, target: node.id, sourceHandle: output, targetHandle: input,
          className: `wf-wire tone-${tone}`, selected: selected === id, animated: active === node.id,
        };
        held.set(id, { mark, made });
        return [made];
      }),
    );
  };
}
