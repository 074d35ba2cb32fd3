import { useCallback, useEffect, useState } from "react";
import type { Dataset, Page } from "../api/wire.gen";
import { useTools } from "../state/store";

const PAGE = 200; // datasets: the most that the server gives at once
const TYPING = 150; // milliseconds without a key after which the server is asked for the words

type Held = {
  words: string; // that their names hold
  sets: readonly Dataset[] | null; // newest first; null before the first page
  next: string | null | undefined; // undefined: the first page is still to be read; null: that was all
  reach: number; // how many somebody wants to see
  failed: boolean;
};

const NONE: Held = { words: "", sets: null, next: undefined, reach: 1, failed: false };

/**
 * Read the datasets page by page while one is chosen, or those whose names hold some words: the next page when the end is in
 * sight. Nothing is read while the list is closed.
 */
export function useSets(opened: boolean, words: string): Pick<Held, "sets" | "failed"> & {
  busy: boolean;
  begin: () => void;
  more: () => void;
} {
  const { http, fail } = useTools();
  const [all, setHeld] = useState(NONE);
  const held = all.words === words ? all : { ...NONE, words, sets: like(all.sets, words) }; // what fits already, until it is read
  const { sets, next, reach, failed } = held;
  const lacks = next === undefined || (next !== null && (sets?.length ?? 0) < reach);
  const cursor = opened && lacks && !failed ? (next ?? "") : null;
  useEffect(() => {
    if (cursor === null) return;
    const stop = new AbortController();
    const take = (told: (before: Held) => Partial<Held>): void =>
      setHeld((before) => {
        const mine = before.words === words ? before : { ...NONE, words };
        return { ...mine, ...told(mine) };
      });
    const ask = (): void =>
      void http<Page<Dataset>>("/datasets", { query: { cursor, limit: PAGE, q: words }, signal: stop.signal }).then(
        (page) => {
          if (stop.signal.aborted) return;
          take((before) => ({ next: page.next, sets: cursor === "" ? page.items : [...(before.sets ?? []), ...page.items] }));
        },
        (error: unknown) => {
          if (stop.signal.aborted) return;
          take(() => ({ failed: true }));
          fail(error);
        },
      );
    const timer = window.setTimeout(ask, words !== "" && cursor === "" ? TYPING : 0);
    return () => {
      window.clearTimeout(timer);
      stop.abort();
    };
  }, [http, fail, cursor, words]);
  return {
    sets, failed, busy: cursor !== null,
    begin: useCallback(() => setHeld(({ words: before, sets: kept }) => ({ ...NONE, words: before, sets: kept })), []), // what was there stays until it is read anew
    more: useCallback(() => setHeld((before) => ({ ...before, reach: (before.sets?.length ?? 0) + 1 })), []),
  };
}

function like(sets: readonly Dataset[] | null, words: string): readonly Dataset[] | null {
  const small = words.toLowerCase();
  return sets && sets.filter(({ name }) => name.toLowerCase().includes(small));
}
