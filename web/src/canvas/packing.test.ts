import { expect, it } from "vitest";
import { added, emptyDocument, newLayer } from "./document";
import { DamagedError, difference, namesIn, readFile, readPacked } from "./packing";

const EMPTY = emptyDocument({ x: 0, y: 0, width: 64, height: 64 });
const PICTURE = { document: added(EMPTY, newLayer(EMPTY, "image", "a")), surfaces: { a: { "0,0": "t1", "-1,0": "t2" } } };
const FILE = {
  format: "heliograph.canvas", version: 1, name: " a fox ", picture: PICTURE,
  snapshots: [{ name: "before", picture: PICTURE }], tiles: { t1: "aGk=", t2: "aGk=" },
};

function read(change: object): ReturnType<typeof readFile> {
  return readFile(JSON.stringify({ ...FILE, ...change }), 20);
}

it("a project is opened as it was saved", () => {
  expect(read({})).toEqual({ ...FILE, name: "a fox" });
});

it("a file that is no canvas is told, whatever it is", () => {
  for (const text of ["", "{", "null", "[]", "<svg onload=alert(1)>", '{"format":"heliograph.canvas"}']) {
    expect(() => readFile(text, 20)).toThrow(DamagedError);
  }
  const wrong = [
    { version: 2 }, { picture: null }, { tiles: [] }, { tiles: { t1: 3 } }, { tiles: { "../x": "" } },
    { picture: { ...PICTURE, surfaces: { a: { "1e9,0": "t1" } } } },
    { picture: { ...PICTURE, surfaces: { a: { "0,0": "<b>" } } } },
    { picture: { ...PICTURE, surfaces: { a: [] } } },
  ];
  for (const change of wrong) expect(() => read(change)).toThrow(DamagedError);
});

it("what would fill the memory is refused", () => {
  const many = Object.fromEntries(Array.from({ length: 2600 }, (_, index) => [`${index % 60},${Math.floor(index / 60)}`, "t1"]));
  expect(readPacked({ ...PICTURE, surfaces: { a: many } })).toBeNull();
  expect(read({ snapshots: Array.from({ length: 50 }, () => FILE.snapshots[0]) }).snapshots.length).toBe(20);
});

it("broken snapshots are left out, and pixels of no layer", () => {
  expect(read({ snapshots: [null, {}, FILE.snapshots[0]] }).snapshots.length).toBe(1);
  expect(readPacked({ ...PICTURE, surfaces: { ...PICTURE.surfaces, ghost: { "0,0": "t9" } } })).toEqual(PICTURE);
});

it("only what changed is written, and what nobody needs goes", () => {
  expect(namesIn([PICTURE])).toEqual(new Set(["t1", "t2"]));
  expect(difference(["t1", "t0"], namesIn([PICTURE]))).toEqual({ lacking: ["t2"], gone: ["t0"] });
});
