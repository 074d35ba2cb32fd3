import type { Problem } from "../api/wire.gen";

/** What is wrong with one node: with itself, and by the name of a setting or an input. */
export type Faults = { own: Problem[]; fields: Record<string, Problem[]> };

export const NO_FAULTS: Faults = { own: [], fields: {} };

/** Sort problems by node; "" holds those of the whole graph. */
export function faultsOf(problems: readonly Problem[]): Record<string, Faults> {
  const found: Record<string, Faults> = {};
  for (const problem of problems) {
    const held = (found[problem.node ?? ""] ??= { own: [], fields: {} });
    const name = fieldIn(problem.pointer ?? "");
    if (name === null) held.own.push(problem);
    else (held.fields[name] ??= []).push(problem);
  }
  return found;
}

/** Keep what is the same, so that only nodes with news are drawn again. */
export function kept(before: Record<string, Faults>, after: Record<string, Faults>): Record<string, Faults> {
  const same = (id: string) => JSON.stringify(before[id]) === JSON.stringify(after[id]);
  const entries = Object.entries(after).map(([id, faults]) => [id, same(id) ? (before[id] ?? faults) : faults]);
  return Object.fromEntries(entries) as Record<string, Faults>;
}

function fieldIn(pointer: string): string | null {
  const [kind, name] = pointer.replace(/^(\/graph)?\/nodes\/\d+\/?/, "").split("/");
  const named = (kind === "settings" || kind === "inputs") && name !== undefined;
  return named ? name.replaceAll("~1", "/").replaceAll("~0", "~") : null;
}
