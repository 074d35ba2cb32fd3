/** A rectangle on the ground of the grid, in pixels from its top and from where lines begin. */
export type Box = { start: number; end: number; top: number; bottom: number };

/** The cells under a rectangle: rows and columns, both ends with them. */
export type Covered = { rows: readonly [number, number]; columns: readonly [number, number] };

/** Find the cells that a rectangle touches; null where it lies between them. */
export function covered(box: Box, side: number, gap: number, columns: number, count: number): Covered | null {
  const rows = touched(box.top, box.bottom, side, gap, Math.ceil(count / columns));
  const along = touched(box.start, box.end, side, gap, columns);
  return rows && along && rows[0] * columns + along[0] < count ? { rows, columns: along } : null;
}

function touched(from: number, to: number, side: number, gap: number, count: number): readonly [number, number] | null {
  const first = Math.max(0, Math.floor((from - side) / (side + gap)) + 1);
  const last = Math.min(count - 1, Math.ceil(to / (side + gap)) - 1);
  return first > last ? null : [first, last];
}

export function holds(held: Covered | null, place: number, columns: number): boolean {
  if (held === null) return false;
  const [row, column] = [Math.floor(place / columns), place % columns];
  return row >= held.rows[0] && row <= held.rows[1] && column >= held.columns[0] && column <= held.columns[1];
}

export function alike(one: Covered | null, two: Covered | null): boolean {
  if (one === null || two === null) return one === two;
  return one.rows.every((row, end) => row === two.rows[end]) && one.columns.every((column, end) => column === two.columns[end]);
}

const EDGE = 48; // pixels at either end of the view in which it moves
const FASTEST = 2400; // pixels a second

/** Give how fast the view moves while the pointer is near its end or beyond: pixels a second. */
export function pull(y: number, top: number, bottom: number): number {
  const beyond = y < top + EDGE ? y - top - EDGE : y > bottom - EDGE ? y - bottom + EDGE : 0;
  return Math.sign(beyond) * Math.min(1, (Math.abs(beyond) / EDGE / 2) ** 2) * FASTEST;
}
