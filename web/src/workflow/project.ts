import type { Edge, Node } from "@xyflow/react";
import type { Catalogue } from "../api/wire.gen";
import { outputTypes, specOf } from "./connect";
import type { Box, Doc, Group, Note, Point } from "./doc";
import { own } from "./own";
import { toneOf } from "./ports";

/** What the page alone knows of a box: chosen, measured, being dragged. */
export type Seen = {
  selected?: boolean;
  measured?: { width: number; height: number };
  at?: Point; // while it is dragged
  size?: { width: number; height: number }; // while it is resized
};
export type View = Record<string, Seen>;

export type StepNode = Node<Record<string, never>, "step">; // its card looks into the document itself
export type NoteNode = Node<{ note: Note }, "note">;
export type GroupNode = Node<{ group: Group }, "group">;
export type BoardNode = StepNode | NoteNode | GroupNode;
export type WireEdge = Edge<Record<string, never>, "wire">;

const NOTHING: Seen = {};
const HOME: Point = [0, 0];
const STEP = {};

/**
 * Make boxes of a document. What is as it was stays the same thing, the list itself too:
 * typing into a node moves no box, and the board is not told.
 */
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
  let last: BoardNode[] = [];
  return (doc, view) => {
    const { groups, notes, at: places } = doc.layout;
    const made: BoardNode[] = [
      ...groups.map((group) => {
        const seen = view[group.id] ?? NOTHING;
        return box(group.id, group, seen, HOME, () => ({
          ...framed(group, seen), type: "group", zIndex: -1, data: { group },
        }));
      }),
      ...doc.nodes.map((node) => {
        const seen = own(view, node.id) ?? NOTHING;
        const at = seen.at ?? own(places, node.id) ?? HOME;
        const known = seen.measured ? { className: "wf-measured" } : {}; // its size is kept while it is out of sight
        return box(node.id, STEP, seen, at, () => ({ ...placed(node.id, at, seen), ...known, type: "step", data: {} }));
      }),
      ...notes.map((note) => {
        const seen = view[note.id] ?? NOTHING;
        return box(note.id, note, seen, HOME, () => ({ ...framed(note, seen), type: "note", data: { note } }));
      }),
    ];
    if (held.size > made.length * 2) for (const id of held.keys()) if (!made.some((one) => one.id === id)) held.delete(id);
    return (last = unchanged(last, made));
  };
}

/** Give the list of before where it holds the same things. */
function unchanged<T>(before: T[], after: T[]): T[] {
  return before.length === after.length && after.every((one, place) => one === before[place]) ? before : after;
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

/** Says a wire from one type of node to another. */
type SayWire = (from: string, to: string) => string;

/** Make wires of a document, in the colour of what runs through them. */
export function createWires(): (doc: Doc, catalogue: Catalogue | null, selected: string | null, active: string | null, say: SayWire) => WireEdge[] {
  const held = new Map<string, { mark: string; made: WireEdge }>();
  let last: WireEdge[] = [];
  return (doc, catalogue, selected, active, say) => {
    const known = new Map(doc.nodes.map(({ id, type }) => [id, type]));
    const types = new Map<string, string[][] | null>();
    const made = doc.nodes.flatMap((node) =>
      Object.entries(node.inputs).flatMap(([input, [source, output]]) => {
        const from = known.get(source);
        if (from === undefined || !specOf(catalogue, node.type)) return [];
        const id = edgeId(node.id, input);
        const tone = toneOf(outputTypes(doc, catalogue, source, output, types)?.flat() ?? []);
        const ariaLabel = say(from, node.type);
        const mark = [source, output, tone, selected === id, active === node.id, ariaLabel].join(" ");
        const before = held.get(id);
        if (before?.mark === mark) return [before.made];
        const made: WireEdge = {
          id, source, target: node.id, sourceHandle: output, targetHandle: input, ariaLabel,
          className: `wf-wire tone-${tone}`, selected: selected === id, animated: active === node.id,
        };
        held.set(id, { mark, made });
        return [made];
      }),
    );
    return (last = unchanged(last, made));
  };
}
