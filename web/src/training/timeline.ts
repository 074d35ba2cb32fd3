import type { Sample } from "../api/wire.gen";

export type Row = { key: string; role: Sample["role"]; prompt: string; seed: number; at: Record<number, string> };
export type Timeline = { steps: number[]; rows: Row[] };

const ORDER: Record<Sample["role"], number> = { subject: 0, context: 1, drift: 2, asked: 3 };

/** Arrange samples by step and by what was drawn: the same prompt and seed stand in one row. */
export function arranged(samples: readonly Sample[]): Timeline {
  const rows = new Map<string, Row>();
  const steps = new Set<number>();
  for (const { step, image, prompt, seed, role } of samples) {
    const key = `${role}\n${seed}\n${prompt}`;
    const row = rows.get(key) ?? { key, role, prompt, seed, at: {} };
    row.at[step] ??= image; // newest first: of two drawn at one step the newer stays
    rows.set(key, row);
    steps.add(step);
  }
  const sorted = [...rows.values()].sort(
    (one, two) => ORDER[one.role] - ORDER[two.role] || (one.key < two.key ? -1 : 1),
  );
  return { steps: [...steps].sort((one, two) => one - two), rows: sorted };
}

/** Find the neighbour of a shown picture: along its row by step, or at its step by row. */
export function beside(
  { steps, rows }: Timeline, row: number, step: number, move: "left" | "right" | "up" | "down",
): { row: number; step: number } | null {
  const by = move === "left" || move === "up" ? -1 : 1;
  if (move === "up" || move === "down") {
    for (let next = row + by; rows[next]; next += by) if (rows[next]?.at[step]) return { row: next, step };
    return null;
  }
  for (let place = steps.indexOf(step) + by; steps[place] !== undefined; place += by) {
    const there = steps[place];
    if (there !== undefined && rows[row]?.at[there]) return { row, step: there };
  }
  return null;
}
