import { expect, it } from "vitest";
import type { Image, Page } from "../api/wire.gen";
import { BLANK, read, wanted, type Reel } from "./reel";
import { at, total } from "./stretches";

const ALL = 1200;
const PAGE = 100;

/** Answer as the server does: newest first, a cursor for what follows. */
function answer(cursor: string): Page<Image> {
  const from = cursor === "" ? 0 : Number(cursor);
  const items = Array.from({ length: Math.min(PAGE, ALL - from) }, (_, place) => picture(ALL - from - place));
  return { items, next: from + PAGE < ALL ? String(from + PAGE) : null };
}

function picture(order: number): Image {
  return { id: `p${order}`, order, created: new Date(order).toISOString() } as Image;
}

/** Read until all of a view is there, and say which pages were asked for. */
function follow(reel: Reel, first: number, last: number): { reel: Reel; asked: string[] } {
  const asked: string[] = [];
  for (let cursor = wanted(reel, first, last); cursor !== null; cursor = wanted(reel, first, last)) {
    asked.push(cursor);
    reel = read(reel, cursor, answer(cursor));
  }
  return { reel, asked };
}

it("nothing is read beyond what is in sight", () => {
  expect(follow(BLANK, 0, 30).asked).toEqual([""]);
  expect(follow(BLANK, 90, 110).asked).toEqual(["", "100"]);
});

it("who reads to the end has seen every picture once, in order", () => {
  let reel = BLANK;
  const seen: number[] = [];
  for (let first = 0; first < ALL; first += 50) {
    ({ reel } = follow(reel, first, first + 49));
    for (let place = first; place < first + 50; place += 1) seen.push(at(reel.stretches, place)?.order ?? 0);
  }
  expect(seen).toEqual(Array.from({ length: ALL }, (_, place) => ALL - place));
  expect(follow(reel, ALL - 10, ALL + 10)).toEqual({ reel, asked: [] });
  expect([reel.next, total(reel.stretches)]).toEqual([null, ALL]);
});

it("pages far away are let go of, keep their places, and are read again by who comes back", () => {
  let reel = BLANK;
  for (let first = 0; first < ALL; first += PAGE) ({ reel } = follow(reel, first, first + PAGE - 1));
  expect(at(reel.stretches, 0)).toBeUndefined();
  expect(total(reel.stretches)).toBe(ALL);
  const back = follow(reel, 0, 30);
  expect(back.asked).toEqual([""]);
  expect(at(back.reel.stretches, 0)?.order).toBe(ALL);
  expect(back.reel.next).toBeNull();
  expect(back.reel.stretches.filter(({ images }) => images).length).toBeLessThan(10);
});

it("a page without a picture that fits leads on to the next, and a list without any ends", () => {
  const on = read(BLANK, "", { items: [], next: "500" });
  expect(wanted(on, 0, 20)).toBe("500");
  const over = read(on, "500", { items: [], next: null });
  expect([wanted(over, 0, 20), total(over.stretches)]).toEqual([null, 0]);
});

it("a page that lost a picture does not show the first of the next one twice", () => {
  let reel = BLANK;
  for (let first = 0; first < ALL; first += PAGE) ({ reel } = follow(reel, first, first + PAGE - 1));
  reel = read(reel, "100", { items: Array.from({ length: PAGE }, (_, place) => picture(1099 - place)), next: "200" });
  expect(total(reel.stretches)).toBe(ALL - 1);
  expect([100, 198].map((place) => at(reel.stretches, place)?.order)).toEqual([1099, 1001]);
});
