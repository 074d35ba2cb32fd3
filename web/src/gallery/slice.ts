import type { Image, Mark, Page } from "../api/wire.gen";
import type { Message } from "../state/model";
import type { Loaded, Slice } from "../state/slice";
import { ANY, fits, type Filter } from "./filter";
import { filled, marked, placeOf, put, released, without, type Stretch } from "./stretches";

export type Gallery = {
  filter: Filter;
  state: Loaded;
  stretches: readonly Stretch[];
  whole: boolean; // the marks reach the end of the list
  top: boolean; // the newest are in view, so that others may join them
  fresh: Image[]; // came while they were not: they join when asked for
  selected: ReadonlySet<string>;
};

export type GalleryLocal =
  | { type: "slice.gallery.filter"; filter: Filter }
  | { type: "slice.gallery.loading" }
  | { type: "slice.gallery.failed" }
  | { type: "slice.gallery.page"; page: Page<Image> }
  | { type: "slice.gallery.marks"; marks: Mark[]; whole: boolean; first: boolean; afresh: boolean }
  | { type: "slice.gallery.filled"; cursor: string | null; images: Image[] }
  | { type: "slice.gallery.keep"; from: number; to: number }
  | { type: "slice.gallery.top"; value: boolean }
  | { type: "slice.gallery.select"; ids: Iterable<string> };

const FRESH = 200; // that wait to be shown; of more the list is loaded anew
const NEWEST = 1000; // pictures of the newest stretch, likewise
const NOBODY: ReadonlySet<string> = new Set();

const FIRST: Gallery = {
  filter: ANY, state: "idle", stretches: [], whole: false, top: true, fresh: [], selected: NOBODY,
};

export const gallery: Slice<Gallery> = { first: FIRST, reduce };

function reduce(held: Gallery, told: Message): Gallery {
  switch (told.type) {
    case "slice.gallery.filter":
      return { ...FIRST, filter: told.filter };
    case "slice.gallery.loading":
      return { ...held, state: "loading" };
    case "slice.gallery.failed":
      return { ...held, state: "failed" };
    case "slice.gallery.page":
      return begin(held, told.page);
    case "slice.gallery.marks":
      return measure(held, told);
    case "slice.gallery.filled":
      return { ...held, stretches: filled(held.stretches, told.cursor, told.images) };
    case "slice.gallery.keep": {
      const stretches = released(held.stretches, told.from, told.to);
      return stretches === held.stretches ? held : { ...held, stretches };
    }
    case "slice.gallery.top":
      if (told.value === held.top && (held.fresh.length === 0 || !told.value)) return held;
      return told.value ? join({ ...held, top: true }) : { ...held, top: false };
    case "slice.gallery.select":
      return { ...held, selected: new Set(told.ids) };
    case "local.hello":
      return told.fresh && held.state !== "idle" ? { ...held, state: "stale" } : held;
    case "image.added":
    case "image.changed":
    case "local.image":
      return held.state === "idle" ? held : take(held, told.image);
    case "image.deleted":
      return drop(held, told.image, !told.forever && held.filter.trash);
    case "import.changed": // of many pictures at once
      return told.added > 0 && held.state === "ready" ? { ...held, state: "stale" } : held;
    case "board.changed":
      return told.deleted && held.state !== "idle" ? emptied(held, told.board) : held;
    default:
      return held;
  }
}

/** Begin with the newest pictures, before the marks say how many there are. */
function begin(held: Gallery, { items, next }: Page<Image>): Gallery {
  const [first] = items;
  const stretches: Stretch[] = first
    ? [{ cursor: null, head: first.order, at: first.created, count: items.length, images: items }]
    : [];
  return { ...held, state: "ready", stretches, whole: next === null, fresh: [] };
}

type Marks = Extract<GalleryLocal, { type: "slice.gallery.marks" }>;

/** Learn how long the list is. What is held of its beginning stays, unless all is read afresh. */
function measure(held: Gallery, { marks, whole, first, afresh }: Marks): Gallery {
  const newest = held.stretches[0]?.images;
  if (afresh) return { ...held, state: "ready", stretches: marked([], marks, true), whole, fresh: [] };
  if (first && newest && marks.length === 0) return { ...held, whole };
  const stretches = marked(held.stretches, marks, first);
  return { ...held, whole, stretches: first && newest ? filled(stretches, null, newest) : stretches };
}

/** Show a picture where it belongs, or no longer where it does not. */
function take(held: Gallery, image: Image): Gallery {
  if (!fits(image, held.filter)) return drop(held, image.id);
  const newest = held.stretches[0];
  const isNew = !newest || (image.order > newest.head && placeOf(held.stretches, image.id) < 0);
  if (isNew && !held.top) {
    if (held.fresh.length >= FRESH) return { ...held, state: "stale" };
    return { ...held, fresh: [image, ...held.fresh.filter(({ id }) => id !== image.id)] };
  }
  const stretches = put(held.stretches, image);
  if (stretches === null) return isNew ? { ...held, state: "stale" } : held;
  if ((stretches[0]?.count ?? 0) > NEWEST) return { ...held, stretches, state: "stale" };
  return { ...held, stretches };
}

function join(held: Gallery): Gallery {
  return held.fresh.reduceRight((made, image) => take(made, image), { ...held, fresh: [] as Image[] });
}

function drop(held: Gallery, id: string, stale = false): Gallery {
  const stretches = without(held.stretches, id);
  const fresh = held.fresh.some((image) => image.id === id)
    ? held.fresh.filter((image) => image.id !== id)
    : held.fresh;
  let { selected } = held;
  if (selected.has(id)) {
    const others = new Set(selected);
    others.delete(id);
    selected = others;
  }
  const state = stale && held.state === "ready" ? "stale" : held.state;
  const changed = stretches !== held.stretches || fresh !== held.fresh || selected !== held.selected;
  return changed || state !== held.state ? { ...held, stretches, fresh, selected, state } : held;
}

/** A board went away: its pictures are on none now, and no fact tells of each. */
function emptied(held: Gallery, board: string): Gallery {
  if (held.filter.board === board || held.filter.board === "none") return { ...held, state: "stale" };
  const stretches = held.stretches.map((stretch) =>
    stretch.images?.some((image) => image.board === board)
      ? { ...stretch, images: stretch.images.map((image) => (image.board === board ? { ...image, board: null } : image)) }
      : stretch);
  return { ...held, stretches };
}
