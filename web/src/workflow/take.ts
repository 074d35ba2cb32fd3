import type { End } from "./connect";
import { wireOf } from "./connect";
import type { Doc, Point } from "./doc";
import { addNode, addNote, addWired, connect, disconnect, newNode, type Known } from "./edits";
import type { Offer } from "./offers";

const LEFT = 340; // pixels from a node to one that feeds it
const NEAR = 24;

/** Do what an offer of the palette says; `show` is the node to go to. */
export function taken(doc: Doc, offer: Offer, end: End | null, at: Point, known: Known): { doc: Doc; show: string | null } {
  const back = end?.node ?? null;
  switch (offer.kind) {
    case "note":
      return { doc: addNote(doc, at), show: null };
    case "cut":
      return { doc: end ? disconnect(doc, end.node, end.port) : doc, show: back };
    case "end":
      return { doc: end ? connect(doc, wireOf(end, offer.end)) : doc, show: back };
    case "node": {
      const node = newNode(doc, offer.spec, known);
      if (!end || offer.port === null) return { doc: addNode(doc, offer.spec, node, free(doc, at)), show: node.id };
      const place = free(doc, end.side === "in" ? [at[0] - LEFT, at[1]] : at);
      return { doc: addWired(doc, offer.spec, known, place, end, offer.port), show: node.id };
    }
  }
}

/** Find a place that no node stands on already. */
function free(doc: Doc, at: Point): Point {
  const held = Object.values(doc.layout.at);
  let [x, y] = at;
  while (held.some((place) => Math.abs(place[0] - x) < NEAR && Math.abs(place[1] - y) < NEAR)) {
    x += NEAR + 8;
    y += NEAR + 8;
  }
  return [Math.round(x), Math.round(y)];
}
