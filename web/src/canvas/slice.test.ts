import { expect, it } from "vitest";
import { EMPTY_STATE } from "../state/first";
import { reduce } from "../state/reducer";
import type { Staging } from "./slice";

const STAGING: Staging = {
  batches: ["b"], jobs: ["j1", "j2"], box: { x: 0, y: 0, width: 64, height: 64 }, mask: "m", margin: 13, shown: 0,
};

it("results are waited for, looked through, and put away", () => {
  const waiting = reduce(EMPTY_STATE, { type: "slice.canvas.staged", staging: STAGING });
  const second = reduce(waiting, { type: "slice.canvas.shown", index: 1 });
  expect(second.canvas.staging).toEqual({ ...STAGING, shown: 1 });
  expect(reduce(second, { type: "slice.canvas.staged", staging: null }).canvas.staging).toBeNull();
});

it("a look at results that are gone changes nothing", () => {
  expect(reduce(EMPTY_STATE, { type: "slice.canvas.shown", index: 1 })).toBe(EMPTY_STATE);
});

it("what other pages are told leaves the canvas alone", () => {
  const waiting = reduce(EMPTY_STATE, { type: "slice.canvas.staged", staging: STAGING });
  expect(reduce(waiting, { type: "local.draft", change: { prompt: "x" } }).canvas).toBe(waiting.canvas);
});
