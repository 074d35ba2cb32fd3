type Box = Pick<Storage, "getItem" | "setItem">;

/** A prompt as it was sent, with what it kept away from. */
export type Said = { prompt: string; negative: string };

const KEY = "heliograph.prompts";
const MOST = 50;

/** Read the prompts that were sent from this browser, newest first. */
export function recall(box: Box | null): Said[] {
  try {
    const held: unknown = JSON.parse(box?.getItem(KEY) ?? "[]");
    return Array.isArray(held) ? held.filter(isSaid).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** Put a prompt at the head; one that is there already moves. */
export function remember(box: Box | null, said: Said): void {
  const rest = recall(box).filter(({ prompt, negative }) => prompt !== said.prompt || negative !== said.negative);
  write(box, [said, ...rest].slice(0, MOST));
}

export function forgetAll(box: Box | null): void {
  write(box, []);
}

/** Step through the history: 1 is older, −1 newer; `place` −1 is what was typed. */
export function stepTo(place: number, by: 1 | -1, length: number): number {
  return Math.max(-1, Math.min(length - 1, place + by));
}

function write(box: Box | null, all: Said[]): void {
  try {
    box?.setItem(KEY, JSON.stringify(all));
  } catch {
    return; // full, or forbidden: the page works without
  }
}

function isSaid(value: unknown): value is Said {
  if (typeof value !== "object" || value === null) return false;
  const { prompt, negative } = value as Record<string, unknown>;
  return typeof prompt === "string" && typeof negative === "string";
}
