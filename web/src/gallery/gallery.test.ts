import { describe, expect, it } from "vitest";
import type { Fact, Image, Mark } from "../api/wire.gen";
import { EMPTY_STATE } from "../state/first";
import type { Message, State } from "../state/model";
import { reduce } from "../state/reducer";
import { ANY, asked, chips, fits, fromAddress, toAddress } from "./filter";
import { at, lacking, placeAt, placeOf, starts, stretchOf, total } from "./stretches";
import { moved, WHOLE, zoomed } from "./zoom";

const BASE = { at: "2026-01-01T00:00:00.000Z", owner: "local" };

function image(id: string, more: Partial<Image> = {}): Image {
  return {
    id, order: orderOf(id), kind: "output", width: 64, height: 64, bytes: 1, sha256: "", created: BASE.at, made: null, intermediate: false, job: null, batch: null,
    board: null, starred: false, note: null, prompt: "a fox", negative_prompt: null, model: "starter", seed: 1,
    steps: 4, sampler: null, guidance_scale: null, deleted: null, url: "", thumbnail_url: "", ...more,
  };
}

/** Give the order of a test's picture: later letters are newer. */
function orderOf(id: string): number {
  return id.codePointAt(0) ?? 0;
}

function mark(id: string, count: number, created = BASE.at): Mark {
  return { cursor: `at ${id}`, id, order: orderOf(id), created, count };
}

function all(messages: Message[], state: State = EMPTY_STATE): State {
  return messages.reduce(reduce, state);
}

let seq = 0;
const added = (made: Image): Fact => ({ ...BASE, type: "image.added", seq: (seq += 1), image: made });
const changed = (made: Image): Fact => ({ ...BASE, type: "image.changed", seq: (seq += 1), image: made });
const deleted = (id: string): Fact => ({ ...BASE, type: "image.deleted", seq: (seq += 1), image: id, forever: false });
const page = (...ids: string[]): Message => ({ type: "slice.gallery.page", page: { items: ids.map((id) => image(id)), next: "x" } });
const marks = (...made: Mark[]): Message => ({ type: "slice.gallery.marks", marks: made, whole: true, first: true, afresh: false });

function ids(state: State): string[] {
  const { stretches } = state.gallery;
  return Array.from({ length: total(stretches) }, (_, place) => at(stretches, place)?.id ?? "-");
}

describe("the list", () => {
  const long = all([page("I", "H"), marks(mark("I", 2), mark("G", 2), mark("E", 3))]);

  it("is as long as its marks say, and holds what was read", () => {
    expect(ids(long)).toEqual(["I", "H", "-", "-", "-", "-", "-"]);
    expect(starts(long.gallery.stretches)).toEqual([0, 2, 4, 7]);
    expect([-1, 0, 1, 2, 6, 7].map((place) => stretchOf(long.gallery.stretches, place))).toEqual([-1, 0, 0, 1, 2, -1]);
    expect(lacking(long.gallery.stretches, 0, 4).map(({ cursor }) => cursor)).toEqual(["at G", "at E"]);
  });

  it("fills a stretch up to the next one, whatever was deleted meanwhile", () => {
    const filled = all([{ type: "slice.gallery.filled", cursor: "at G", images: ["G", "E", "D"].map((id) => image(id)) }], long);
    expect(ids(filled)).toEqual(["I", "H", "G", "-", "-", "-"]);
    expect(placeOf(filled.gallery.stretches, "G")).toBe(2);
    const far = all([{ type: "slice.gallery.keep", from: 2, to: 2 }], filled);
    expect(ids(far)).toEqual(["-", "-", "-", "-", "-", "-"]);
  });

  it("finds a day", () => {
    const made = [mark("I", 1, "2026-03-03"), mark("G", 2, "2026-03-02"), mark("E", 3, "2026-03-01")];
    const days = all([{ type: "slice.gallery.marks", marks: made, whole: true, first: true, afresh: true }]);
    expect(placeAt(days.gallery.stretches, "2026-03-02T12")).toBe(1);
    expect(placeAt(days.gallery.stretches, "2026-04-01")).toBe(0);
    expect(placeAt(days.gallery.stretches, "2020-01-01")).toBe(5);
  });

  it("is loaded anew where facts were lost, and facts alone load nothing", () => {
    const hello = { type: "hello" as const, seq: 40, boot: "b", version: "1", resumed: false, reasons: [] };
    expect(all([{ type: "local.hello", hello, fresh: true }], long).gallery.state).toBe("stale");
    expect(all([{ type: "local.hello", hello, fresh: true }]).gallery.state).toBe("idle");
    expect(all([added(image("Z"))]).gallery.stretches).toEqual([]);
  });
});

describe("facts about pictures", () => {
  const shown = all([page("C", "A")]);

  it("put a new one first and a restored one in its place", () => {
    expect(ids(all([added(image("D"))], shown))).toEqual(["D", "C", "A"]);
    expect(ids(all([changed(image("B"))], shown))).toEqual(["C", "B", "A"]);
  });

  it("are put in the order that the server gave them, whatever their ids are", () => {
    const [late, early] = [image("A", { order: 9 }), image("Z", { order: 8 })];
    const begun = all([{ type: "slice.gallery.page", page: { items: [late, early], next: null } }]);
    expect(ids(all([added(image("B", { order: 10 })), changed(early)], begun))).toEqual(["B", "A", "Z"]);
  });

  it("take a deleted one out, also of what is selected", () => {
    const chosen = all([{ type: "slice.gallery.select", ids: ["C", "A"] }], shown);
    const gone = all([deleted("C")], chosen);
    expect(ids(gone)).toEqual(["A"]);
    expect([...gone.gallery.selected]).toEqual(["A"]);
  });

  it("do not move what somebody looks at: new ones wait until the beginning is in view", () => {
    const away = all([{ type: "slice.gallery.top", value: false }, added(image("D")), added(image("E"))], shown);
    expect(ids(away)).toEqual(["C", "A"]);
    expect(away.gallery.fresh).toHaveLength(2);
    expect(ids(all([{ type: "slice.gallery.top", value: true }], away))).toEqual(["E", "D", "C", "A"]);
  });

  it("respect the filter", () => {
    const searched = all([{ type: "slice.gallery.filter", filter: { ...ANY, q: "whale big" } }, { type: "slice.gallery.page", page: { items: [], next: null } }]);
    expect(ids(all([added(image("D"))], searched))).toEqual([]);
    expect(ids(all([added(image("E", { prompt: "A BIG flat whale" }))], searched))).toEqual(["E"]);
    const starred = all([{ type: "slice.gallery.filter", filter: { ...ANY, starred: true } }, { type: "slice.gallery.page", page: { items: [image("A", { starred: true })], next: null } }]);
    expect(ids(all([changed(image("A"))], starred))).toEqual([]);
  });

  it("tell of a board that went away", () => {
    const on = all([{ type: "slice.gallery.page", page: { items: [image("A", { board: "B" })], next: null } }]);
    const gone = all([{ ...BASE, type: "board.changed", seq: (seq += 1), board: "B", deleted: true }], on);
    expect(at(gone.gallery.stretches, 0)?.board).toBeNull();
  });
});

describe("a filter", () => {
  const filter = { ...ANY, q: "fox & owl", board: "none", seed: 0, since: "2026-01-31", starred: true };

  it("is kept in the address, whatever else stands there", () => {
    expect(fromAddress(toAddress(filter))).toEqual(filter);
    expect(fromAddress("seed=x&kind=cat&width=-4&since=tomorrow&unknown=1")).toEqual(ANY);
    expect(toAddress(ANY)).toBe("");
    expect(chips(filter)).toEqual(["seed", "since"]);
  });

  it("is asked of the server", () => {
    expect(asked(filter)).toMatchObject({ board: null, on_board: false, seed: 0, starred: true, trash: null });
    expect(asked({ ...ANY, until: "2026-01-31" }).until).toBe(new Date(2026, 1, 1).toISOString());
  });

  it("knows what was sent for jobs alone from the rest", () => {
    const apart = { ...ANY, kind: "intermediate" } as const;
    const sent = image("A", { kind: "mask", intermediate: true });
    expect([fits(sent, ANY), fits(sent, { ...ANY, kind: "mask" }), fits(sent, apart), fits(image("B"), apart)]).toEqual([false, false, true, false]);
    expect(asked(apart)).toMatchObject({ kind: null, intermediate: true });
    expect(asked({ ...ANY, kind: "mask" })).toMatchObject({ kind: "mask", intermediate: null });
    expect(fromAddress(toAddress(apart))).toEqual(apart);
  });

  it("knows the trash from the rest", () => {
    const gone = image("A", { deleted: BASE.at });
    expect([fits(gone, ANY), fits(gone, { ...ANY, trash: true }), fits(image("A"), { ...ANY, trash: true })]).toEqual([false, true, false]);
  });
});

it("a zoom keeps the point under the pointer, and ends with the whole picture", () => {
  const near = zoomed(WHOLE, 2, 100, 50);
  expect(near).toEqual({ scale: 2, x: -100, y: -50 });
  expect(zoomed(near, 0.1, 3, 3)).toEqual(WHOLE);
  expect(moved(near, 10_000, 0, 400, 300)).toMatchObject({ x: 400 });
});
