import type { Image } from "../api/wire.gen";

/** Which pictures the gallery shows. */
export type Filter = {
  q: string;
  board: string; // an id, "none" for those on none, "" for all
  kind: "" | Image["kind"] | "intermediate"; // the last: what was sent for jobs alone
  starred: boolean;
  model: string;
  lora: string;
  seed: number | null;
  width: number | null; // pixels
  height: number | null;
  since: string; // a day: 2026-01-31
  until: string; // that day is among them
  trash: boolean;
};

export const ANY: Filter = {
  q: "", board: "", kind: "", starred: false, model: "", lora: "", seed: null, width: null,
  height: null, since: "", until: "", trash: false,
};
export const KINDS = ["output", "upload", "mask", "sample", "intermediate"] as const;
const NAMES = Object.keys(ANY) as (keyof Filter)[];
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Read the filter of an address; what is no filter of ours is passed over. */
export function fromAddress(query: string): Filter {
  const given = new URLSearchParams(query);
  const text = (name: string) => (given.get(name) ?? "").slice(0, 500);
  const number = (name: string) => {
    const value = Number(text(name));
    return text(name) !== "" && Number.isSafeInteger(value) && value >= 0 ? value : null;
  };
  const day = (name: string) => (DAY.test(text(name)) ? text(name) : "");
  return {
    q: text("q"),
    board: text("board"),
    kind: KINDS.find((kind) => kind === text("kind")) ?? "",
    starred: text("starred") === "true",
    model: text("model"),
    lora: text("lora"),
    seed: number("seed"),
    width: number("width") || null,
    height: number("height") || null,
    since: day("since"),
    until: day("until"),
    trash: text("trash") === "true",
  };
}

/** Write a filter so that an address keeps it. */
export function toAddress(filter: Filter): string {
  const set = NAMES.filter((name) => filter[name] !== ANY[name]);
  return new URLSearchParams(set.map((name) => [name, String(filter[name])])).toString();
}

export function same(one: Filter, two: Filter): boolean {
  return NAMES.every((name) => one[name] === two[name]);
}

/** Name the parts that are set and shown as chips. */
export function chips(filter: Filter): (keyof Filter)[] {
  const plain: (keyof Filter)[] = ["q", "board", "starred", "trash"];
  return NAMES.filter((name) => !plain.includes(name) && filter[name] !== ANY[name]);
}

/** Write a filter as the server reads it. */
export function asked(filter: Filter): Record<string, string | number | boolean | null> {
  const { board, since, until, starred, trash, q, kind, ...plain } = filter;
  return {
    ...plain,
    q: q.trim(),
    kind: kind === "intermediate" ? null : kind,
    intermediate: kind === "intermediate" || null,
    board: board === "none" ? null : board,
    on_board: board === "none" ? false : null,
    starred: starred || null,
    trash: trash || null,
    since: since && midnight(since, 0),
    until: until && midnight(until, 1),
  };
}

/** Say whether a picture belongs under a filter; of what a picture does not tell the server is asked. */
export function fits(image: Image, filter: Filter): boolean {
  if ((image.deleted !== null) !== filter.trash) return false;
  if (filter.board && image.board !== (filter.board === "none" ? null : filter.board)) return false;
  const apart = filter.kind === "intermediate";
  if (!filter.trash && image.intermediate !== apart) return false;
  if (filter.kind && !apart && image.kind !== filter.kind) return false;
  if (filter.starred && !image.starred) return false;
  if (filter.model && image.model !== filter.model) return false;
  if (filter.seed !== null && image.seed !== filter.seed) return false;
  if (filter.width !== null && image.width !== filter.width) return false;
  if (filter.height !== null && image.height !== filter.height) return false;
  const made = Date.parse(image.created);
  if (filter.since && made < Date.parse(midnight(filter.since, 0))) return false;
  if (filter.until && made >= Date.parse(midnight(filter.until, 1))) return false;
  if (filter.lora && !image.prompt?.includes(`<lora:${filter.lora}`)) return false;
  const words = [image.prompt, image.negative_prompt, image.model, image.note].join(" ").toLowerCase();
  return filter.q.trim().toLowerCase().split(/\s+/).every((word) => words.includes(word));
}

/** Give the beginning of a day where we are, or of one some days later. */
export function midnight(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}
