import type { WorkflowInput } from "../api/wire.gen";
import type { Doc } from "./doc";

const NAME = 64; // characters, as the server takes them

export function isInput(doc: Doc, node: string, setting: string): boolean {
  return doc.inputs.some((entry) => entry.node === node && entry.setting === setting);
}

/** Put a setting on the form, or take it off. */
export function toggleInput(doc: Doc, node: string, setting: string, label: string): Doc {
  if (isInput(doc, node, setting)) {
    const inputs = doc.inputs.filter((entry) => entry.node !== node || entry.setting !== setting);
    return { ...doc, inputs };
  }
  const name = freeName(doc.inputs, setting);
  return { ...doc, inputs: [...doc.inputs, { name, node, setting, label }] };
}

/** Write the words of an input; its name stays, for scripts that fill it. */
export function relabel(doc: Doc, place: number, label: string): Doc {
  const inputs = doc.inputs.map((entry, index) => (index === place ? { ...entry, label } : entry));
  return { ...doc, inputs };
}

export function moveInput(doc: Doc, from: number, to: number): Doc {
  const inputs = [...doc.inputs];
  const [taken] = inputs.splice(from, 1);
  if (!taken || to < 0 || to > inputs.length) return doc;
  inputs.splice(to, 0, taken);
  return { ...doc, inputs };
}

function freeName(held: WorkflowInput[], setting: string): string {
  const names = new Set(held.map(({ name }) => name));
  const stem = setting.replace(/[^\w .-]/g, "_").replace(/^[ .-]+/, "").slice(0, NAME - 8) || "input";
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? stem : `${stem}_${count}`;
    if (!names.has(name)) return name;
  }
}
