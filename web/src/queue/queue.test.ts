import { describe, expect, it } from "vitest";
import type { Fact, Job } from "../api/wire.gen";
import { EMPTY_STATE } from "../state/first";
import type { State } from "../state/model";
import { reduce } from "../state/reducer";
import { placeAt } from "./dragging";
import { moved } from "./slice";

function job(id: string, change: Partial<Job> = {}): Job {
  return {
    id, batch: "B", kind: "graph", owner: "local", status: "queued", priority: 0, position: 0, attempt: 0,
    created: "2026-01-01T00:00:00Z", started: null, ended: null, seconds: null,
    progress: { step: 0, steps: 0, phase: "", cached: [] }, eta_seconds: null, overrides: {}, images: [], error: null,
    successor: null, result: null, degraded: [], cached: [], ...change,
  };
}

let seq = 0;
const at = "2026-01-01T00:00:00Z";

function hear(state: State, fact: Record<string, unknown>): State {
  return reduce(state, { seq: (seq += 1), at, owner: "local", ...fact } as unknown as Fact);
}

function listed(waiting: Job[], running: Job[] = []): State {
  return reduce(EMPTY_STATE, { type: "slice.queue.lists", running, waiting, failed: [] });
}

const ids = (jobs: Job[]) => jobs.map(({ id }) => id);

describe("the line", () => {
  it("hears nothing before it was looked at", () => {
    const state = hear(EMPTY_STATE, { type: "job.queued", job: "a", batch: "B", kind: "graph", priority: 0 });
    expect(state.queueList.state).toBe("idle");
  });

  it("follows a job from waiting to running, and out of it", () => {
    let state = listed([job("a"), job("b")]);
    state = hear(state, { type: "job.started", job: "a", batch: "B", attempt: 1 });
    expect([ids(state.queueList.running), ids(state.queueList.waiting)]).toEqual([["a"], ["b"]]);
    state = reduce(state, {
      type: "job.progress", job: "a", node: null, phase: "step", step: 3, steps: 8, eta_seconds: 2, cached: [],
    });
    expect(state.queueList.running[0]).toMatchObject({ eta_seconds: 2, progress: { step: 3, steps: 8 } });
    state = hear(state, {
      type: "job.ended", job: "a", batch: "B", status: "succeeded", seconds: 1, images: [], error: null,
      degraded: [], result: null, cached: [],
    });
    expect(ids(state.queueList.running)).toEqual([]);
    expect(state.queueList.failed).toEqual([]);
    expect(state.queueList.state).toBe("ready");
  });

  it("keeps what failed in sight, with the reason, until somebody looked", () => {
    let state = listed([], [job("a", { status: "running" })]);
    const error = { code: "out_of_memory", message: "no room" };
    state = hear(state, {
      type: "job.ended", job: "a", batch: "B", status: "failed", seconds: 1, images: [], error, degraded: [],
      result: null, cached: [],
    });
    expect(state.queueList.failed[0]).toMatchObject({ id: "a", status: "failed", error });
    state = reduce(state, { type: "slice.queue.dismissed", job: "a" });
    expect(state.queueList.failed).toEqual([]);
  });

  it("is loaded again when it changed in a way that no fact spells out", () => {
    for (const fact of [
      { type: "batch.queued", batch: "C", count: 9, priority: 0 },
      { type: "queue.changed", paused: false, reason: "reordered" },
      { type: "job.started", job: "unknown", batch: "D", attempt: 1 },
    ]) {
      expect(hear(listed([job("a")]), fact).queueList.state).toBe("stale");
    }
    const hello = { type: "hello" as const, seq: 1, boot: "x", version: "1", resumed: false, reasons: [] };
    expect(reduce(listed([]), { type: "local.hello", hello, fresh: true }).queueList.state).toBe("stale");
  });

  it("shows a move at once", () => {
    const waiting = [job("a"), job("b"), job("c")];
    expect(ids(moved(waiting, "c", 0))).toEqual(["c", "a", "b"]);
    expect(ids(moved(waiting, "a", 2))).toEqual(["b", "c", "a"]);
    expect(moved(waiting, "x", 0)).toBe(waiting);
    expect([placeAt(10, 56, 1, 3), placeAt(130, 56, 1, 3), placeAt(999, 56, 1, 3)]).toEqual([0, 1, 2]);
  });
});

describe("trainings and tasks", () => {
  it("are jobs of the line and no pictures of the page", () => {
    let state = hear(listed([]), { type: "job.queued", job: "T", batch: "X", kind: "training", priority: 0 });
    state = hear(state, { type: "job.started", job: "T", batch: "X", attempt: 1 });
    expect(state.tiles).toEqual({});
    expect(state.queue.counts).toMatchObject({ running: 1, queued: 0 });
    const loaded = reduce(EMPTY_STATE, { type: "local.jobs", jobs: [job("T", { kind: "task" }), job("P")] });
    expect(Object.keys(loaded.tiles.B ?? {})).toEqual(["P"]);
    expect(loaded.others).toEqual(["T"]);
  });
});

describe("a grid", () => {
  it("is told by what its jobs vary beside the seed, and keeps no more tiles than fit", () => {
    const cells = Array.from({ length: 500 }, (_, place) =>
      job(`J${String(place).padStart(4, "0")}`, { status: "succeeded", overrides: { seed: place, steps: place } }),
    );
    const state = reduce(EMPTY_STATE, { type: "local.jobs", jobs: cells });
    expect(state.groups[0]?.axes).toEqual(["steps"]);
    expect(state.groups[0]?.jobs).toHaveLength(380); // a lot of 120 went at once, the oldest
    expect(state.groups[0]?.jobs[0]).toBe("J0120");
    expect(Object.keys(state.tiles.B ?? {})).toHaveLength(380);
  });
});
