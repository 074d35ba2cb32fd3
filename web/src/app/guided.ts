import type { State } from "../state/model";
import { allTiles } from "../state/tiles";

export const STEPS = 3;
export const SEEN = STEPS + 1;

/**
 * Say which hint of the first visit is shown; 0 for none.
 *
 * It begins where nothing was ever drawn, and goes on by itself: the second hint belongs to the
 * first running picture, the third to the first that is done.
 */
export function guided({ preferences, loaded, groups, tiles, images }: State): number {
  const { guide } = preferences;
  if (guide >= SEEN || !loaded) return guide >= SEEN ? SEEN : 0;
  const drawn = Object.keys(images).length > 0;
  if (guide === 0) return drawn || groups.length > 0 ? 0 : 1;
  const shown = allTiles({ tiles });
  const done = shown.some(({ status }) => status === "succeeded");
  const asked = shown.some(({ status }) => status === "running");
  if (guide === 1 && (asked || done)) return 2;
  return guide;
}
