/** Steps that can be taken back, and again. */
export type History<T> = { past: readonly T[]; future: readonly T[]; mark: Mark | null };
type Mark = { key: string; at: number }; // what the last step was, and when

export const STEPS = 100; // kept; the oldest are forgotten
const TOGETHER = 1000; // milliseconds: typing in one field is one step

export function noHistory<T>(): History<T> {
  return { past: [], future: [], mark: null };
}

/** Note a step; one of the same key soon after the last is part of that. */
export function noted<T>(history: History<T>, before: T, key: string | null, at: number): History<T> {
  const { mark, past } = history;
  const joined = key !== null && mark?.key === key && at - mark.at < TOGETHER && past.length > 0;
  return {
    past: joined ? past : [...past.slice(1 - STEPS), before],
    future: [],
    mark: key === null ? null : { key, at },
  };
}

export function undone<T>({ past, future }: History<T>, now: T): [T, History<T>] | null {
  const before = past[past.length - 1];
  if (before === undefined) return null;
  return [before, { past: past.slice(0, -1), future: [now, ...future], mark: null }];
}

export function redone<T>({ past, future }: History<T>, now: T): [T, History<T>] | null {
  const [after, ...rest] = future;
  if (after === undefined) return null;
  return [after, { past: [...past, now], future: rest, mark: null }];
}
