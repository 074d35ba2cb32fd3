import { beforeEach, describe, expect, it } from "vitest";
import type { Fact, JobPreview } from "../api/wire.gen";
import { EMPTY_STATE } from "./first";
import { createPreviews, HELD } from "./previews";
import { reduce } from "./reducer";
import { createStore, type Store } from "./store";
import { allTiles, tileOf } from "./tiles";

const BASE = { at: "2026-01-01T00:00:00Z", owner: null };

let seq: number;
let made: number;
let store: Store;
let previews: ReturnType<typeof createPreviews>;

function begin(job: string): void {
  store.send({ ...BASE, type: "job.started", seq: (seq += 1), job, batch: "B", attempt: 1 });
}

function end(job: string, images: string[]): void {
  const fact: Fact = {
    ...BASE, type: "job.ended", seq: (seq += 1), job, batch: "B", status: "succeeded", seconds: 1, images,
    error: null, degraded: [], result: null, cached: [],
  };
  store.send(fact);
}

function show(job: string): void {
  const header: JobPreview = { type: "job.preview", job, node: "s", step: 1, steps: 4, width: 8, height: 8, mime: "image/webp" };
  previews.show({ header, url: () => `data:${(made += 1)}` });
}

beforeEach(() => {
  [seq, made] = [0, 0];
  store = createStore(reduce, EMPTY_STATE);
  previews = createPreviews(store);
});

describe("a preview", () => {
  it("takes the place of the one before", () => {
    begin("J");
    show("J");
    show("J");
    expect(tileOf(store.get(), "J")?.preview).toBe("data:2");
  });

  it("of a job that has ended, or that nobody knows, is not even made", () => {
    begin("J");
    end("J", ["I"]);
    show("J");
    show("K");
    expect(made).toBe(0);
    expect(tileOf(store.get(), "J")?.preview).toBeNull();
  });

  it("stays under its picture until that is shown", () => {
    begin("J");
    show("J");
    end("J", ["I"]);
    expect(tileOf(store.get(), "J")?.preview).toBe("data:1");
    store.send({ type: "local.shown", job: "J" });
    expect(tileOf(store.get(), "J")?.preview).toBeNull();
  });

  it("of a job without a picture goes with its end", () => {
    begin("J");
    show("J");
    end("J", []);
    expect(tileOf(store.get(), "J")?.preview).toBeNull();
  });

  it("of pictures that nobody looks at is held for a bounded number", () => {
    for (let number = 0; number < HELD + 40; number += 1) {
      begin(`J${number}`);
      show(`J${number}`);
      end(`J${number}`, [`I${number}`]);
    }
    expect(allTiles(store.get()).filter(({ preview }) => preview !== null)).toHaveLength(HELD);
    expect(tileOf(store.get(), "J0")?.preview).toBeNull();
  });
});

it("what is sent together is told once, and an error in its midst is not the end of telling", () => {
  let told = 0;
  store.subscribe(() => (told += 1));
  store.together(() => {
    begin("J");
    store.together(() => begin("K"));
    expect([told, tileOf(store.get(), "K")?.status]).toEqual([0, "running"]);
  });
  expect(told).toBe(1);
  expect(() => store.together(() => {
    begin("L");
    throw new TypeError("no");
  })).toThrow(TypeError);
  expect(told).toBe(2);
  store.together(() => undefined);
  expect(told).toBe(2);
});
