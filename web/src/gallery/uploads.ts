import type { Message } from "../state/model";
import type { Slice } from "../state/slice";

/** A file on its way into the gallery; what failed says why until it is cleared away. */
export type Upload = {
  id: number;
  name: string;
  bytes: number;
  sent: number; // share of them, 0 to 1
  state: "waiting" | "sending" | "done" | "failed";
  words: string;
};

export type UploadsLocal =
  | { type: "slice.uploads.added"; uploads: Upload[] }
  | { type: "slice.uploads.changed"; id: number; change: Partial<Upload> }
  | { type: "slice.uploads.gone"; ids: ReadonlySet<number> }
  | { type: "slice.uploads.cleared" };

export function over({ state }: Pick<Upload, "state">): boolean {
  return state === "done" || state === "failed";
}

const MOST = 500; // that are listed; the oldest that are done go first

export const uploads: Slice<Upload[]> = { first: [], reduce };

function reduce(held: Upload[], told: Message): Upload[] {
  switch (told.type) {
    case "slice.uploads.added": {
      const all = [...held, ...told.uploads];
      const spare = all.length - MOST;
      if (spare <= 0) return all;
      const done = new Set(all.filter(({ state }) => state === "done").slice(0, spare));
      return all.filter((upload) => !done.has(upload));
    }
    case "slice.uploads.changed":
      return held.map((upload) => (upload.id === told.id ? { ...upload, ...told.change } : upload));
    case "slice.uploads.gone":
      return held.filter(({ id }) => !told.ids.has(id));
    case "slice.uploads.cleared":
      return held.filter(({ state }) => !over({ state }));
    default:
      return held;
  }
}
