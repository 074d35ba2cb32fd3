import type { Sample } from "../api/wire.gen";

export type Row = { key: string; role: Sample["role"]; prompt: string; seed: number; at: Record<number, string> };
export type Timeline = { steps: number[]; rows: Row[] };
export type Place = { row: number; step: number };
type Move = "left" | "right" | "up" | "down";

export const MOVES: Record<string, Move> = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
};

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
  { steps, rows }: Timeline, row: number, step: number, move: Move,
): Place | null {
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

type Read = { samples: Sample[]; samplesNext: string | null };

/** Lay the newest page over what is held: older ones stay, unless so many came meanwhile that some would lack between. */
export function continued({ items, next }: { items: Sample[]; next: string | null }, held: Read): Read {
  const fresh = new Set(items.map(({ image }) => image));
  const rest = held.samples.filter(({ image }) => !fresh.has(image));
  const oldest = held.samples.at(-1);
  if (!oldest || fresh.has(oldest.image) || rest.length === held.samples.length) return { samples: items, samplesNext: next };
  return { samples: [...items, ...rest], samplesNext: held.samplesNext };
}
