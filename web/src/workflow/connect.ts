import type { Catalogue, GraphNode, NodeSpec } from "../api/wire.gen";
import { nodeOf, type Doc } from "./doc";
import { settingTypes } from "./schema";

/** One wire: from an output to an input port, or to a setting. */
export type Wire = { source: string; output: string; target: string; input: string };
export type End = { node: string; port: string; side: "in" | "out" };
export type Fit = "fits" | "type" | "circle" | "unknown";

const ANY = "any";

export function specOf(catalogue: Catalogue | null, type: string): NodeSpec | undefined {
  return catalogue && Object.hasOwn(catalogue.nodes, type) ? catalogue.nodes[type] : undefined;
}

/** Say whether a wire may be drawn: the types fit whichever branch is taken, and there is no circle. */
export function fitOf(doc: Doc, catalogue: Catalogue | null, wire: Wire): Fit {
  const target = nodeOf(doc, wire.target);
  if (!target || !nodeOf(doc, wire.source)) return "unknown";
  if (above(doc, wire.source).has(wire.target)) return "circle";
  const wanted = inputTypes(catalogue, target, wire.input);
  const given = outputTypes(doc, catalogue, wire.source, wire.output);
  if (wanted === null || given === null) return "unknown";
  return given.every((types) => fits(types, wanted)) ? "fits" : "type";
}

/** Give the types that an output may have, one list for each branch; null for an unknown port. */
export function outputTypes(
  doc: Doc, catalogue: Catalogue | null, id: string, output: string,
  known = new Map<string, string[][] | null>(),
): string[][] | null {
  const key = `${id} ${output}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  known.set(key, []); // a circle adds nothing
  const found = branches(doc, catalogue, id, output, known);
  known.set(key, found);
  return found;
}

function branches(
  doc: Doc, catalogue: Catalogue | null, id: string, output: string, known: Map<string, string[][] | null>,
): string[][] | null {
  const node = nodeOf(doc, id);
  const spec = node && specOf(catalogue, node.type);
  const port = spec?.outputs.find(({ name }) => name === output);
  if (!node || !spec || !port) return null;
  if (!port.types.includes(ANY)) return [port.types];
  const found = new Map<string, string[]>();
  for (const { name, types } of spec.inputs) {
    const link = node.inputs[name];
    if (!link || !types.includes(ANY)) continue;
    for (const each of outputTypes(doc, catalogue, link[0], link[1], known) ?? []) found.set(each.join("|"), each);
  }
  return found.size > 0 ? [...found.values()] : [[ANY]];
}

/** Give the types that an input port or a setting takes; null where it takes no wire. */
export function inputTypes(
  catalogue: Catalogue | null, node: GraphNode, input: string,
): string[] | null {
  const spec = specOf(catalogue, node.type);
  const port = spec?.inputs.find(({ name }) => name === input);
  if (port) return port.types;
  const types = spec ? settingTypes(spec.settings, input) : [];
  return types.length > 0 ? types : null;
}

/** Say whether an output of these types may feed an input of those; an int fits a float. */
export function fits(given: string[], wanted: string[]): boolean {
  if (wanted.includes(ANY) || given.includes(ANY)) return true;
  return given.some((type) => wanted.includes(type) || (type === "int" && wanted.includes("float")));
}

/** List a node and all whose results reach it. */
export function above(doc: Doc, id: string): Set<string> {
  const byId = new Map(doc.nodes.map((node) => [node.id, node]));
  const seen = new Set<string>();
  const waiting = [id];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const [source] of Object.values(byId.get(next)?.inputs ?? {})) waiting.push(source);
  }
  return seen;
}

/** Find the port of a node type that a loose end may be wired to, the required ones first. */
export function portFor(doc: Doc, catalogue: Catalogue, end: End, spec: NodeSpec): string | null {
  const node = nodeOf(doc, end.node);
  if (!node) return null;
  if (end.side === "in") {
    const wanted = inputTypes(catalogue, node, end.port);
    const found = spec.outputs.find(({ types }) => wanted && fits(types, wanted));
    return found?.name ?? null;
  }
  const given = outputTypes(doc, catalogue, end.node, end.port);
  if (!given) return null;
  const takes = (types: string[]) => given.every((each) => fits(each, types));
  const ports = spec.inputs.filter(({ types }) => takes(types));
  const port = ports.find(({ required }) => required) ?? ports[0];
  if (port) return port.name;
  const names = Object.keys((spec.settings.properties ?? {}));
  return names.find((name) => {
    const types = settingTypes(spec.settings, name);
    return types.length > 0 && takes(types);
  }) ?? null;
}

/** List the ports of the graph that a loose end may be wired to. */
export function endsFor(doc: Doc, catalogue: Catalogue | null, end: End): End[] {
  return doc.nodes.flatMap((node) => {
    const spec = specOf(catalogue, node.type);
    if (!spec || node.id === end.node) return [];
    const names = end.side === "in" ? spec.outputs : spec.inputs;
    return names.flatMap(({ name }) => {
      const other: End = { node: node.id, port: name, side: end.side === "in" ? "out" : "in" };
      return fitOf(doc, catalogue, wireOf(end, other)) === "fits" ? [other] : [];
    });
  });
}

/** Draw a wire between an output and an input, named in either order. */
export function wireOf(one: End, two: End): Wire {
  const [out, into] = one.side === "out" ? [one, two] : [two, one];
  return { source: out.node, output: out.port, target: into.node, input: into.port };
}
