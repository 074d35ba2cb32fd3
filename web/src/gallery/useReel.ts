import { useCallback, useEffect, useState } from "react";
import type { Image, Page } from "../api/wire.gen";
import { useTools } from "../state/store";
import { BLANK, read, wanted, type Reel } from "./reel";

const PAGE = 100; // pictures

export type Query = { q: string; model: string | null };

type Held = { of: string; reel: Reel; failed: boolean };

export type Reading = {
  reel: Reel; // while other words are looked for, what was found before
  of: string; // changes with what is looked for, once it is there
  busy: boolean; // what was looked for is not there yet
  failed: boolean;
  again: () => void;
  follow: Follow;
};

type Follow = { fresh: Held; put: (change: (held: Held) => Held) => void; query: Query };

/** Hold the pictures that fit some words, newest first. `useFollowed` reads them as they come into sight. */
export function useReel({ q, model }: Query): Reading {
  const of = JSON.stringify([q, model]);
  const [held, setHeld] = useState<Held>({ of, reel: BLANK, failed: false });
  const fresh = held.of === of ? held : { of, reel: BLANK, failed: false };
  return {
    reel: held.reel, of: held.of, failed: fresh.failed,
    busy: fresh.reel.next === undefined && !fresh.failed,
    again: useCallback(() => setHeld((before) => ({ ...before, failed: false })), []),
    follow: { fresh, put: setHeld, query: { q, model } },
  };
}

/** Read what is in sight, one page at a time; what no longer is, or of other words, is not waited for. */
export function useFollowed({ fresh, put, query: { q, model } }: Follow, first: number, last: number): void {
  const { http, fail } = useTools();
  const { of, reel, failed } = fresh;
  const cursor = failed ? null : wanted(reel, first, last);
  useEffect(() => {
    if (cursor === null) return;
    const stop = new AbortController();
    const tell = (change: (held: Held) => Held) =>
      put((before) => change(before.of === of ? before : { of, reel: BLANK, failed: false }));
    http<Page<Image>>("/images", { query: { q, model, cursor, limit: PAGE }, signal: stop.signal }).then(
      (page) => {
        if (!stop.signal.aborted) tell((before) => ({ ...before, reel: read(before.reel, cursor, page) }));
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        tell((before) => ({ ...before, failed: true }));
        fail(error);
      },
    );
    return () => stop.abort();
  }, [http, fail, put, of, q, model, cursor]);
}
