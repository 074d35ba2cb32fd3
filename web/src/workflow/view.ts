import type { NodeChange } from "@xyflow/react";
import type { Box, Doc, Point } from "./doc";
import { own } from "./own";
import type { BoardNode, Seen, View } from "./project";

/** Change what the page alone knows; places that were let go are given back, to be written down. */
export function viewed(view: View, changes: readonly NodeChange<BoardNode>[], doc: Doc): { view: View; moved: Record<string, Point>; resized: Box[] } {
  let next = view;
  const moved: Record<string, Point> = {};
  const resized: Box[] = [];
  function put(id: string, change: Seen): void {
    next = { ...next, [id]: { ...next[id], ...change } };
  }
  for (const change of changes) {
    if (change.type === "select") put(change.id, { selected: change.selected });
    if (change.type === "dimensions" && change.dimensions) {
      const { width, height } = change.dimensions;
      put(change.id, { measured: { width, height } });
      if (change.resizing === true) put(change.id, { size: { width, height } });
      if (change.resizing === false) {
        const box = boxOf(doc, change.id);
        const at = next[change.id]?.at;
        if (box) resized.push({ ...box, width, height, ...(at ? { x: at[0], y: at[1] } : {}) });
        next = { ...next, [change.id]: settled(next[change.id] ?? {}) };
      }
    }
    if (change.type === "position" && change.position) {
      const at = [change.position.x, change.position.y] as const;
      const carried = carry(doc, next, change.id, at);
      for (const [id, place] of Object.entries({ ...carried, [change.id]: at })) put(id, { at: place });
    }
    if (change.type === "position" && change.dragging === false) {
      for (const [id, seen] of Object.entries(next)) {
        if (!seen.at) continue;
        moved[id] = [Math.round(seen.at[0]), Math.round(seen.at[1])];
        next = { ...next, [id]: settled(seen) };
      }
    }
  }
  return { view: next, moved, resized };
}

function settled({ selected, measured }: Seen): Seen {
  return { ...(selected === undefined ? {} : { selected }), ...(measured ? { measured } : {}) };
}

function boxOf(doc: Doc, id: string): Box | undefined {
  const found = [...doc.layout.groups, ...doc.layout.notes].find((box) => box.id === id);
  return found && { id, x: found.x, y: found.y, width: found.width, height: found.height };
}

/** Move what lies in a group along with it; what is chosen is dragged by itself. */
function carry(doc: Doc, view: View, id: string, at: Point): Record<string, Point> {
  const group = doc.layout.groups.find((box) => box.id === id);
  if (!group) return {};
  const by = [at[0] - group.x, at[1] - group.y] as const;
  const places: Record<string, Point> = {};
  const boxes = [
    ...doc.nodes.map((node) => ({ id: node.id, at: own(doc.layout.at, node.id) ?? ([0, 0] as const) })),
    ...doc.layout.notes.map((note) => ({ id: note.id, at: [note.x, note.y] as const })),
  ];
  for (const box of boxes) {
    if (own(view, box.id)?.selected === true || !inside(group, box.at)) continue;
    places[box.id] = [box.at[0] + by[0], box.at[1] + by[1]];
  }
  return places;
}

function inside(group: Box, [x, y]: Point): boolean {
  return x >= group.x && y >= group.y && x <= group.x + group.width && y <= group.y + group.height;
}

export function chosen(view: View): string[] {
  return Object.entries(view).flatMap(([id, { selected }]) => (selected === true ? [id] : []));
}

/** Choose these, and nothing else. */
export function choose(view: View, ids: readonly string[]): View {
  const wanted = new Set(ids);
  const all = new Set([...Object.keys(view), ...ids]);
  return Object.fromEntries(
    [...all].map((id) => {
      const seen = own(view, id) ?? {};
      return [id, (seen.selected === true) === wanted.has(id) ? seen : { ...seen, selected: wanted.has(id) }];
    }),
  );
}
