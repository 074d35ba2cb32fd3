import type { Image, Page } from "../api/wire.gen";
import { filled, lacking, released, total, type Stretch } from "./stretches";

/**
 * Pictures as somebody reads along them: page by page, from the newest on, for a cursor leads only forward. Pages far
 * from where they are let go of, and read again when somebody comes back.
 */
export type Reel = {
  stretches: readonly Stretch[]; // a page each
  next: string | null | undefined; // leads to the first page that was never read; undefined before any was, null at the end
};

const AROUND = 4; // pages that are held on either side of the last that was read

export const BLANK: Reel = { stretches: [], next: undefined };

/** Give the cursor of the page that is to be read next for what is in sight, "" for the newest; null for none. */
export function wanted({ stretches, next }: Reel, first: number, last: number): string | null {
  const count = total(stretches);
  const [gone] = lacking(stretches, Math.min(first, count - 1), last);
  if (gone) return gone.cursor ?? "";
  if (next === undefined) return "";
  return last >= count ? next : null;
}

/** Take in the page of a cursor. */
export function read(reel: Reel, asked: string, { items, next }: Page<Image>): Reel {
  const cursor = asked === "" ? null : asked;
  const fresh = asked === (reel.next === undefined ? "" : reel.next);
  const [newest] = items;
  if (fresh && !newest) return { ...reel, next }; // few fit the words: what was looked at is not all there is
  const stretches = fresh && newest
    ? [...reel.stretches, { cursor, head: newest.order, at: newest.created, count: items.length, images: [...items] }]
    : filled(reel.stretches, cursor, items);
  const place = stretches.findIndex((one) => one.cursor === cursor);
  return { stretches: released(stretches, place - AROUND, place + AROUND), next: fresh ? next : reel.next };
}
