import type { Board, Done, Image, ImagesAction, Mark, Page } from "../api/wire.gen";
import type { Tools } from "../state/tools";
import { holds, type Covered } from "./band";
import { asked, same, type Filter } from "./filter";
import { at, lacking, placeOf, stretchOf, total, type Stretch } from "./stretches";

const PAGE = 100; // pictures of a stretch
const LARGE = 200; // … of an answer at most
const AROUND = 4; // stretches that are held on either side of the view
const MANY = 1000; // pictures of one action
const CHOSEN = 5000; // pictures that are selected at most
const LONGEST = 1000; // answers with marks

/** What the gallery does with its list: load it, look along it, select of it, change many. */
export function galleryActions(tools: Tools) {
  const { http, get, send, run, fill, toast, t } = tools;
  let listing = new AbortController();
  const flying = new Map<string, AbortController>();

  async function load(): Promise<void> {
    listing.abort();
    for (const each of flying.values()) each.abort();
    flying.clear();
    const mine = (listing = new AbortController());
    const { filter, stretches } = get().gallery;
    const afresh = stretches.length > 0;
    const query = asked(filter);
    send({ type: "slice.gallery.loading" });
    try {
      if (!afresh) {
        const ask = () => http<Page<Image>>("/images", { query: { ...query, limit: PAGE }, signal: mine.signal });
        const { next } = await fill("gallery", ask, (page) => send({ type: "slice.gallery.page", page }));
        if (next === null) return;
      }
      const all: Mark[] = [];
      let cursor: string | null = null;
      for (let turn = 0; turn < LONGEST; turn += 1) {
        const asks = { ...query, cursor, every: PAGE };
        const page: Page<Mark> = await http("/images/marks", { query: asks, signal: mine.signal });
        all.push(...page.items);
        const whole = page.next === null;
        if (!afresh) send({ type: "slice.gallery.marks", marks: page.items, whole, first: cursor === null, afresh });
        cursor = page.next;
        if (whole) break;
      }
      if (afresh) send({ type: "slice.gallery.marks", marks: all, whole: cursor === null, first: true, afresh });
    } catch (error) {
      if (mine.signal.aborted) return;
      send({ type: "slice.gallery.failed" });
      throw error;
    }
  }

  /** Read the pictures of a stretch: up to where the next one begins. */
  async function read(stretch: Stretch, signal: AbortSignal): Promise<Image[]> {
    const { filter, stretches } = get().gallery;
    const end = stretches[stretches.indexOf(stretch) + 1]?.head ?? 0;
    const limit = Math.min(LARGE, Math.max(PAGE, stretch.count));
    const found: Image[] = [];
    let { cursor } = stretch;
    do {
      const query = { ...asked(filter), limit, cursor };
      const page: Page<Image> = await http("/images", { query, signal });
      found.push(...page.items);
      cursor = page.next;
    } while (cursor !== null && found.length < MANY && (found[found.length - 1]?.order ?? Infinity) > end);
    return found.filter(({ order }) => order > end);
  }

  async function fetchStretch(stretch: Stretch): Promise<void> {
    const key = stretch.cursor ?? "";
    const mine = new AbortController();
    flying.set(key, mine);
    try {
      const images = await read(stretch, mine.signal);
      if (!mine.signal.aborted) send({ type: "slice.gallery.filled", cursor: stretch.cursor, images });
    } catch (error) {
      if (!mine.signal.aborted) throw error;
    } finally {
      if (flying.get(key) === mine) flying.delete(key);
    }
  }

  /** Hold what is in view, and let go of what is far from it. */
  function look(first: number, last: number): void {
    const { stretches } = get().gallery;
    const wanted = lacking(stretches, first, last);
    const keys = new Set(wanted.map(({ cursor }) => cursor ?? ""));
    for (const [key, each] of flying) if (!keys.has(key)) each.abort();
    for (const stretch of wanted) if (!flying.has(stretch.cursor ?? "")) run(() => fetchStretch(stretch));
    const from = stretchOf(stretches, Math.max(0, first)) - AROUND;
    const to = stretchOf(stretches, Math.min(last, total(stretches) - 1)) + AROUND;
    send({ type: "slice.gallery.keep", from, to });
  }

  function select(ids: Iterable<string>): void {
    send({ type: "slice.gallery.select", ids });
  }

  /** Select from one place to another, less what `wanted` leaves out; what is not held on the way is read. */
  async function selectRange(from: number, to: number, also: Iterable<string>, wanted: (place: number) => boolean = () => true): Promise<void> {
    const [first, last] = from < to ? [from, to] : [to, from];
    const { stretches } = get().gallery;
    const end = Math.min(last, first + CHOSEN - 1, total(stretches) - 1);
    const missing = new Map<Stretch, Image[]>();
    for (const stretch of lacking(stretches, first, end)) missing.set(stretch, await read(stretch, listing.signal));
    const ids: string[] = [...also];
    const whole = stretches.map((stretch) => (missing.has(stretch) ? { ...stretch, images: missing.get(stretch) ?? null } : stretch));
    for (let place = first; place <= end; place += 1) {
      const image = wanted(place) ? at(whole, place) : undefined;
      if (image) ids.push(image.id);
    }
    select(ids);
    if (last > end) toast(t("ui.gallery.selected_most", { count: CHOSEN }));
  }

  async function post(ids: string[], action: ImagesAction["action"], board: string | null = null): Promise<number> {
    let done = 0;
    for (let start = 0; start < ids.length; start += MANY) {
      const json: ImagesAction = { ids: ids.slice(start, start + MANY), action, ...(board === null ? {} : { board }) };
      done += (await http<Done>("/images/batch", { method: "POST", json })).done.length;
    }
    return done;
  }

  async function trash(ids: string[]): Promise<void> {
    const count = await post(ids, "delete");
    toast(t("ui.gallery.trashed", { count }), () => run(() => post(ids, "restore")));
  }

  async function move(ids: string[], board: Board | null): Promise<void> {
    const count = await post(ids, "move", board?.id ?? "");
    toast(board ? t("ui.board.moved", { count, name: board.name }) : t("ui.board.taken_off", { count }));
  }

  return {
    load: () => run(load),
    look,
    apply: (filter: Filter) => {
      const { gallery } = get();
      if (same(filter, gallery.filter) && gallery.state !== "idle") return;
      if (!same(filter, gallery.filter)) send({ type: "slice.gallery.filter", filter });
      run(load);
    },
    top: (value: boolean) => send({ type: "slice.gallery.top", value }),
    select,
    toggle: (id: string) => {
      const selected = new Set(get().gallery.selected);
      if (!selected.delete(id)) selected.add(id);
      select(selected);
    },
    selectRange: (from: number, to: number, also: Iterable<string> = []) => run(() => selectRange(from, to, also)),
    /** Select the cells under a rubber band, and no others unless it adds. */
    selectCells: (cells: Covered | null, columns: number, adds: boolean) => {
      const also = adds ? get().gallery.selected : [];
      const [first, last] = cells?.rows ?? [0, -1];
      const end = Math.min((last + 1) * columns, total(get().gallery.stretches)) - 1;
      if (end < 0) select(also);
      else run(() => selectRange(first * columns, end, also, (place) => holds(cells, place, columns)));
    },
    selectAll: () => run(() => selectRange(0, Math.max(0, total(get().gallery.stretches) - 1), [])),
    trash: (ids: string[]) => run(() => trash(ids)),
    restore: (ids: string[]) =>
      run(async () => toast(t("ui.gallery.restored", { count: await post(ids, "restore") }))),
    remove: (ids: string[]) =>
      run(async () => toast(t("ui.gallery.removed", { count: await post(ids, "delete_forever") }))),
    /** Star pictures, or take the stars away; without a word for it, whichever changes something. */
    star: (ids: string[], value?: boolean) => {
      const { stretches } = get().gallery;
      const held = ids.map((id) => at(stretches, placeOf(stretches, id)));
      const wanted = value ?? !held.every((image) => image?.starred);
      run(() => post(ids, wanted ? "star" : "unstar"));
    },
    move: (ids: string[], board: Board | null) => run(() => move(ids, board)),
  };
}
