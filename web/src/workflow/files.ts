import type { Graph } from "../api/wire.gen";
import { isNode } from "./clipboard";
import { isRecord, toSave, type Doc } from "./doc";

export const MOST = 4 << 20; // bytes of a file that is read: what the server takes

/** Write a workflow as the text of a file. */
export function exported(doc: Doc): string {
  return JSON.stringify(toSave(doc), null, 1);
}

/** Make a file name of a workflow's name. */
export function fileName(name: string): string {
  const plain = name.replace(/[\\/:*?"<>|\p{Cc}]/gu, " ").replace(/\s+/g, " ").trim().slice(0, 100);
  return `${plain || "workflow"}.json`;
}

/** Find the graph in what `POST /images/inspect` told of a picture of ours. */
export function graphIn(told: unknown): Graph | null {
  const ours = isRecord(told) ? told.heliograph : null;
  return isRecord(ours) ? asGraph(ours.graph) : null;
}

export function asGraph(found: unknown): Graph | null {
  if (!isRecord(found) || !Array.isArray(found.nodes) || Array.isArray(found.edges)) return null; // edges: InvokeAI's
  const nodes = found.nodes.map((node: unknown) =>
    isRecord(node) ? { version: 1, settings: {}, inputs: {}, ...node } : node,
  );
  return nodes.every(isNode) ? { nodes, format: 1 } : null;
}

/** Read a file's text as JSON; null where it is none. */
export function parsed(text: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(text);
    return isRecord(found) ? found : null;
  } catch {
    return null;
  }
}
