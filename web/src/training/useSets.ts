import { useCallback, useEffect, useState } from "react";
import type { Dataset, Page } from "../api/wire.gen";
import { useTools } from "../state/store";

const PAGE = 200; // datasets: the most that the server gives at once

type Held = {
  sets: readonly Dataset[] | null; // newest first; null before the first page
  next: string | null | undefined; // undefined: the first page is still to be read; null: that was all
  reach: number; // how many somebody wants to see
  failed: boolean;
};

const NONE: Held = { sets: null, next: undefined, reach: 1, failed: false };

/**
 * Read the datasets page by page while one is chosen: the next page when the end is in sight, all of them for words that
 * somebody types. Nothing is read while the list is closed.
 */
export function useSets(opened: boolean, all: boolean): Omit<Held, "next" | "reach"> & {
  busy: boolean;
  begin: () => void;
  more: () => void;
} {
  const { http, fail } = useTools();
  const [held, setHeld] = useState(NONE);
  const { sets, next, reach, failed } = held;
  const lacks = next === undefined || (next !== null && (all || (sets?.length ?? 0) < reach));
  const cursor = opened && lacks && !failed ? (next ?? "") : null;
  useEffect(() => {
    if (cursor === null) return;
    const stop = new AbortController();
    http<Page<Dataset>>("/datasets", { query: { cursor, limit: PAGE }, signal: stop.signal }).then(
      (page) => {
        if (stop.signal.aborted) return;
        setHeld((before) => ({
          ...before, next: page.next, sets: cursor === "" ? page.items : [...(before.sets ?? []), ...page.items],
        }));
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        setHeld((before) => ({ ...before, failed: true }));
        fail(error);
      },
    );
    return () => stop.abort();
  }, [http, fail, cursor]);
  return {
    sets, failed, busy: cursor !== null,
    begin: useCallback(() => setHeld((before) => ({ ...NONE, sets: before.sets })), []), // what was there stays until it is read anew
    more: useCallback(() => setHeld((before) => ({ ...before, reach: (before.sets?.length ?? 0) + 1 })), []),
  };
}
