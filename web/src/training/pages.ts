/**
 * A long list of the server's, as a page shows it: those pages of it that are about the view are held, of the others
 * where they begin. A cursor leads only forward, so a page far below is reached through those before it.
 */
export type Pages<T> = {
  begins: readonly (string | null)[]; // the cursor of each page that is known of
  ended: boolean; // whether the last that is known of is the last there is
  held: Readonly<Record<number, { items: readonly T[]; stale: boolean }>>;
};

export const SIZE = 200; // items: the most that the server gives at once
const MOST = 6; // pages that are held, beside the first

export const NO_PAGES: Pages<never> = { begins: [null], ended: false, held: {} };

/** Begin with the first page, read anew; what else was held stays in sight until it is read anew too. */
export function begun<T>(first: readonly T[], next: string | null, before: Pages<T> = NO_PAGES): Pages<T> {
  const rest = Object.entries(before.held).map(([page, one]) => [page, { ...one, stale: true }]);
  return put({ ...before, held: Object.fromEntries(rest) as Pages<T>["held"] }, 0, first, next);
}

/** Put a page where it belongs; `begin` is the cursor that it was asked by, and one that is no longer known is let go. */
export function added<T>(
  pages: Pages<T>, page: number, begin: string | null, items: readonly T[], next: string | null,
): Pages<T> {
  return pages.begins[page] === begin ? near(put(pages, page, items, next), page) : pages;
}

/** Name the next page to be read for what is in sight, and its cursor; null when all of it is here. */
export function wanted<T>(pages: Pages<T>, first: number, last: number): { page: number; begin: string | null } | null {
  for (let page = pageOf(first); page <= pageOf(last); page += 1) {
    const held = pages.held[page];
    const begin = pages.begins[page];
    if (begin !== undefined && (!held || held.stale)) return { page, begin };
    if (begin !== undefined) continue;
    const known = pages.begins.length - 1;
    return pages.ended ? null : { page: known, begin: pages.begins[known] ?? null };
  }
  return null;
}

export function at<T>({ held }: Pages<T>, place: number): T | undefined {
  return held[pageOf(place)]?.items[place % SIZE];
}

/** Say how many there are: as many as were counted, or as the last page shows. */
export function length<T>({ begins, ended, held }: Pages<T>, counted: number): number {
  const last = begins.length - 1;
  return ended && held[last] ? last * SIZE + held[last].items.length : counted;
}

/** Change items that are held. */
export function mapped<T>(pages: Pages<T>, change: (item: T) => T): Pages<T> {
  const held = Object.entries(pages.held).map(([page, one]) => [page, { ...one, items: one.items.map(change) }]);
  return { ...pages, held: Object.fromEntries(held) as Pages<T>["held"] };
}

export function find<T>({ held }: Pages<T>, is: (item: T) => boolean): T | undefined {
  for (const { items } of Object.values(held)) {
    const found = items.find(is);
    if (found) return found;
  }
  return undefined;
}

function pageOf(place: number): number {
  return Math.floor(Math.max(0, place) / SIZE);
}

/** Where the next page begins elsewhere than it did, nothing is known of those behind it, and what is held is old. */
function put<T>(pages: Pages<T>, page: number, items: readonly T[], next: string | null): Pages<T> {
  const fresh = { items, stale: false };
  const same = next === null
    ? pages.ended && pages.begins.length === page + 1
    : pages.begins[page + 1] === next;
  if (same) return { ...pages, held: { ...pages.held, [page]: fresh } };
  const others = Object.entries(pages.held)
    .filter(([other]) => Number(other) < page || (Number(other) > page && next !== null))
    .map(([other, one]) => [other, Number(other) < page ? one : { ...one, stale: true }]);
  const begins = pages.begins.slice(0, page + 1);
  return {
    begins: next === null ? begins : [...begins, next], ended: next === null,
    held: { ...(Object.fromEntries(others) as Pages<T>["held"]), [page]: fresh },
  };
}

/** Keep the first page and the nearest ones. */
function near<T>(pages: Pages<T>, page: number): Pages<T> {
  const numbers = Object.keys(pages.held).map(Number).filter((one) => one !== 0);
  if (numbers.length <= MOST) return pages;
  numbers.sort((one, two) => Math.abs(one - page) - Math.abs(two - page));
  const kept = new Set([0, ...numbers.slice(0, MOST)]);
  const held = Object.entries(pages.held).filter(([number]) => kept.has(Number(number)));
  return { ...pages, held: Object.fromEntries(held) };
}
