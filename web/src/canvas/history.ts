/** What can be taken back and done again; bounded by steps and by what they hold on to. */
export type History<T> = {
  readonly past: readonly T[];
  readonly now: T;
  readonly future: readonly T[];
  readonly mark: string | null; // changes of one mark in a row are one step
};

export const STEPS = 100;

export function begin<T>(now: T): History<T> {
  return { past: [], now, future: [], mark: null };
}

/** Go on to the next state; with the mark of the last change it replaces that one. */
export function advance<T>(held: History<T>, next: T, mark: string | null = null): History<T> {
  if (next === held.now) return held;
  const same = mark !== null && mark === held.mark;
  return {
    past: same ? held.past : [...held.past, held.now].slice(-STEPS),
    now: next,
    future: [],
    mark,
  };
}

export function undo<T>(held: History<T>): History<T> {
  const last = held.past.at(-1);
  if (last === undefined) return held;
  return { past: held.past.slice(0, -1), now: last, future: [held.now, ...held.future], mark: null };
}

export function redo<T>(held: History<T>): History<T> {
  const [first, ...rest] = held.future;
  if (first === undefined) return held;
  return { past: [...held.past, held.now], now: first, future: rest, mark: null };
}

/**
 * Forget the oldest steps until the rest holds on to no more than `most`.
 *
 * `pieces` lists what a state is made of; a piece that several states share counts once.
 */
export function bounded<T>(held: History<T>, pieces: (state: T) => Iterable<object>, most: number): History<T> {
  const seen = new Set<object>(pieces(held.now));
  for (const state of held.future) for (const piece of pieces(state)) seen.add(piece);
  let kept = held.past.length;
  while (kept > 0) {
    for (const piece of pieces(held.past[kept - 1] as T)) seen.add(piece);
    if (seen.size > most) break;
    kept -= 1;
  }
  return kept === 0 ? held : { ...held, past: held.past.slice(kept) };
}
