import type { Catalogue, NodeSpec } from "../api/wire.gen";
import { endsFor, portFor, type End } from "./connect";
import type { Doc } from "./doc";

/** One thing that the palette offers. */
export type Offer = { key: string; title: string; group: string; words: string; help: string } & (
  | { kind: "node"; spec: NodeSpec; port: string | null }
  | { kind: "end"; end: End }
  | { kind: "note" }
  | { kind: "cut" }
);

type Words = {
  title: (type: string) => string;
  port: (name: string) => string;
  wire: string;
  cut: string;
  note: string;
};

/** List what may be added: with a loose end, ports and nodes that fit it; else every node. */
export function offersOf(doc: Doc, catalogue: Catalogue | null, end: End | null, words: Words): Offer[] {
  if (!catalogue) return [];
  const offers: Offer[] = [];
  const into = end?.side === "in" ? doc.nodes.find(({ id }) => id === end.node) : undefined;
  if (end && into && Object.hasOwn(into.inputs, end.port)) {
    offers.push({ kind: "cut", key: "cut", title: words.cut, group: words.wire, words: "", help: "" });
  }
  for (const other of end ? endsFor(doc, catalogue, end) : []) {
    const node = doc.nodes.find(({ id }) => id === other.node);
    const title = node ? words.title(node.type) : other.node;
    offers.push({
      kind: "end", end: other, key: `${other.node}.${other.port}`, group: words.wire,
      title: other.port === "out" ? title : `${title} · ${words.port(other.port)}`,
      words: other.node, help: doc.nodes.filter(({ type }) => type === node?.type).length > 1 ? other.node : "",
    });
  }
  const groups = new Map<string, Offer[]>();
  for (const spec of Object.values(catalogue.nodes)) {
    const port = end ? portFor(doc, catalogue, end, spec) : null;
    if (end && port === null) continue;
    const group = groups.get(spec.category) ?? [];
    groups.set(spec.category, group);
    group.push({
      kind: "node", spec, port, key: spec.type, title: words.title(spec.type), group: spec.category,
      words: `${spec.type} ${spec.title} ${spec.category}`, help: firstOf(spec.doc),
    });
  }
  offers.push(...[...groups.values()].flat());
  if (!end) offers.push({ kind: "note", key: "note", title: words.note, group: words.note, words: "note", help: "" });
  return offers;
}

/** Find offers by words: those whose title begins with them come first. */
export function foundIn(offers: readonly Offer[], query: string): Offer[] {
  const parts = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (parts.length === 0) return [...offers];
  const rank = (offer: Offer) => {
    const title = offer.title.toLowerCase();
    const all = `${title} ${offer.words} ${offer.help}`.toLowerCase();
    if (!parts.every((part) => all.includes(part))) return -1;
    const whole = parts.join(" ");
    if (offer.kind === "end" && parts.every((part) => title.includes(part))) return 5; // what is there already
    if (title === whole) return 4;
    if (title.startsWith(whole)) return 3;
    return parts.every((part) => title.includes(part)) ? 2 : offer.words.toLowerCase().includes(whole) ? 1 : 0;
  };
  return offers
    .map((offer) => [rank(offer), offer] as const)
    .filter(([score]) => score >= 0)
    .sort(([one], [two]) => two - one)
    .map(([, offer]) => offer);
}

function firstOf(doc: string): string {
  return doc.split("\n")[0] ?? "";
}

