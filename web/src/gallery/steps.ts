/** Give the place that a key leads to; null where it leads nowhere. */
export function step(
  place: number,
  key: string,
  columns: number,
  count: number,
  rtl: boolean,
  rows = 1, // of a page
): number | null {
  const along = rtl ? -1 : 1;
  const moves: Record<string, number> = {
    ArrowRight: along,
    ArrowLeft: -along,
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: Math.min(columns * rows, columns * Math.floor((count - 1 - place) / columns)),
    PageUp: -Math.min(columns * rows, columns * Math.floor(place / columns)),
    Home: -place,
    End: count - 1 - place,
  };
  const by = moves[key];
  if (by === undefined) return null;
  const to = place + by;
  return to < 0 || to >= count ? null : to;
}

/** Give the neighbours of a picture in a list. */
export function around(ids: readonly string[], id: string): { before: string | null; after: string | null } {
  const place = ids.indexOf(id);
  if (place < 0) return { before: null, after: null };
  return { before: ids[place - 1] ?? null, after: ids[place + 1] ?? null };
}
