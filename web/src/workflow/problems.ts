import type { Problem } from "../api/wire.gen";
import { own } from "./own";

/** What is wrong with one node: with itself, and by the name of a setting or an input. */
export type Faults = { own: Problem[]; fields: Record<string, Problem[]> };

export const NO_FAULTS: Faults = { own: [], fields: {} };

/** Sort problems by node; "" holds those of the whole graph. */
export function faultsOf(problems: readonly Problem[]): Record<string, Faults> {
  const found: Record<string, Faults> = bare();
  for (const problem of problems) {
    const held = (found[problem.node ?? ""] ??= { own: [], fields: bare() });
    const name = fieldIn(problem.pointer ?? "");
    if (name === null) held.own.push(problem);
    else (held.fields[name] ??= []).push(problem);
  }
  return found;
}

/** Keep what is the same, so that only nodes with news are drawn again. */
export function kept(before: Record<string, Faults>, after: Record<string, Faults>): Record<string, Faults> {
  const entries = Object.entries(after).map(([id, faults]) => {
    const held = own(before, id);
    return [id, held && JSON.stringify(held) === JSON.stringify(faults) ? held : faults] as const;
  });
  return Object.fromEntries(entries);
}

/** Make a record that has no name but those that it is given. */
function bare<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

function fieldIn(pointer: string): string | null {
  const [kind, name] = pointer.replace(/^(\/graph)?\/nodes\/\d+\/?/, "").split("/");
  const named = (kind === "settings" || kind === "inputs") && name !== undefined;
  return named ? name.replaceAll("~1", "/").replaceAll("~0", "~") : null;
}
