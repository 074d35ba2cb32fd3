import { storage } from "../state/saved";
import { isNode } from "./clipboard";
import { parsed } from "./files";
import { EMPTY_DOC, isRecord, readLayout, toSave, type Doc } from "./doc";
import type { Origin, WorkflowHeld } from "./slice";

const KEY = "heliograph.workflow";

export type Left = { doc: Doc; origin: Origin | null; clean: boolean; batch: string | null }; // of its last run

/** Read what was left in this browser; what does not fit any more is a new document. */
export function leftHere(box = storage()): Left {
  const found = parsed(box?.getItem(KEY) ?? "null");
  const doc = found ? asDoc(found.doc) : null;
  if (!found || !doc) return { doc: EMPTY_DOC, origin: null, clean: true, batch: null };
  const { origin, batch } = found;
  const known = isRecord(origin) && typeof origin.id === "string" && typeof origin.version === "number";
  return {
    doc, clean: found.clean === true, batch: typeof batch === "string" ? batch : null,
    origin: known ? { id: String(origin.id), version: Number(origin.version) } : null,
  };
}

/** Leave the document here; a full or forbidden storage loses nothing that is on the page. */
export function leave({ doc, saved, origin, run }: Pick<WorkflowHeld, "doc" | "saved" | "origin" | "run">, box = storage()): void {
  try {
    box?.setItem(KEY, JSON.stringify({ doc: toSave(doc), origin, clean: doc === saved, batch: run?.batch ?? null }));
  } catch {
    return;
  }
}

/** Take a document that somebody wrote, field by field. */
export function asDoc(found: unknown): Doc | null {
  if (!isRecord(found) || !isRecord(found.graph) || !Array.isArray(found.graph.nodes)) return null;
  const { nodes } = found.graph;
  if (!nodes.every(isNode)) return null;
  const lists = (value: unknown) => (Array.isArray(value) ? value.filter(isRecord) : []);
  const word = (value: unknown) => (typeof value === "string" ? value : "");
  return {
    ...EMPTY_DOC,
    name: word(found.name),
    description: word(found.description),
    tags: Array.isArray(found.tags) ? found.tags.filter((tag) => typeof tag === "string") : [],
    nodes,
    inputs: lists(found.inputs).map(({ name, node, setting, label }) => ({
      name: word(name), node: word(node), setting: word(setting), label: word(label),
    })),
    outputs: lists(found.outputs).map(({ name, node, port }) => ({
      name: word(name), node: word(node), port: word(port),
    })),
    layout: readLayout(found.layout),
  };
}
