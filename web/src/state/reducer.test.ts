import { describe, expect, it } from "vitest";
import type { Fact, Image, Job } from "../api/wire.gen";
import { EMPTY_STATE } from "./first";
import type { Message, State } from "./model";
import { reduce } from "./reducer";

const BASE = { at: "2026-01-01T00:00:00Z", owner: null };

function image(id: string, more: Partial<Image> = {}): Image {
  return {
    id, order: 1, kind: "output", width: 64, height: 64, bytes: 1, sha256: "", created: BASE.at, made: null, intermediate: false, job: null,
    batch: null, board: null, starred: false, note: null, prompt: "a fox", negative_prompt: null,
    model: "starter", seed: 1, steps: 2, sampler: null, guidance_scale: null, deleted: null,
    url: "", thumbnail_url: "", ...more,
  };
}

function job(id: string, status: Job["status"]): Job {
  return {
    id, batch: "B", kind: "graph", owner: "me", status, priority: 0, position: null, attempt: 0,
    created: BASE.at, started: null, ended: null, seconds: null, images: [], error: null,
    progress: { step: 0, steps: 0, phase: "", cached: [] }, eta_seconds: null, overrides: {}, degraded: [], result: null,
    successor: null, cached: [],
  };
}

function started(seq: number, id: string): Fact {
  return { ...BASE, type: "job.started", seq, job: id, batch: "B", attempt: 1 };
}

function finished(seq: number, id: string, images: string[]): Fact {
  return {
    ...BASE, type: "job.ended", seq, job: id, batch: "B", status: "succeeded", seconds: 1, images,
    error: null, degraded: [], result: null, cached: [],
  };
}

function all(messages: Message[], from: State = EMPTY_STATE): State {
  return messages.reduce(reduce, from);
}

const PROGRESS: Message = {
  type: "job.progress", job: "J", node: "s", phase: "step", step: 4, steps: 9, eta_seconds: 2, cached: [],
};

describe("facts about jobs", () => {
  it("walk a tile from the queue to its picture", () => {
    const queued = all([{ ...BASE, type: "job.queued", seq: 1, job: "J", batch: "B", kind: "graph", priority: 0 }]);
    expect(queued.tiles.B?.J?.status).toBe("queued");
    expect(queued.queue.counts.queued).toBe(1);
    const running = all([started(2, "J"), PROGRESS], queued);
    expect(running.tiles.B?.J).toMatchObject({ status: "running", step: 4, steps: 9, eta: 2 });
    expect(running.queue.counts).toMatchObject({ queued: 0, running: 1 });
    const done = all([finished(3, "J", ["I"])], running);
    expect(done.tiles.B?.J).toMatchObject({ status: "succeeded", images: ["I"] });
    expect(done.queue.counts).toMatchObject({ running: 0, succeeded: 1 });
  });

  it("tell that a prompt was cut, live and from a list of jobs", () => {
    const cut: Fact = { ...BASE, type: "job.ended", seq: 2, job: "J", batch: "B", status: "succeeded",
      seconds: 1, images: ["I"], error: null, degraded: ["tile_vae", "prompt_cut"], result: null, cached: [] };
    expect(all([started(1, "J"), cut]).tiles.B?.J?.cut).toBe(true);
    expect(all([started(1, "J"), finished(2, "J", ["I"])]).tiles.B?.J?.cut).toBe(false);
    const listed: Job = { ...job("J", "succeeded"), degraded: ["prompt_cut"] };
    expect(all([{ type: "local.jobs", jobs: [listed] }]).tiles.B?.J?.cut).toBe(true);
  });

  it("are taken once, however often they are replayed", () => {
    const once = all([started(5, "J")]);
    expect(reduce(once, started(5, "J"))).toBe(once);
    expect(reduce(once, started(4, "K"))).toBe(once);
  });

  it("that overtook the answer of the request are not undone by it", () => {
    const state = all([
      finished(3, "J", ["I"]),
      { type: "local.accepted", generated: { batch: "B", jobs: [job("J", "queued")] }, width: 64, height: 96 },
    ]);
    expect(state.tiles.B?.J?.status).toBe("succeeded");
    expect(state.groups).toEqual([{ id: "B", jobs: ["J"], width: 64, height: 96, axes: [] }]);
  });

  it("of a job that has ended leave no room for a late frame", () => {
    const done = all([finished(3, "J", ["I"])]);
    expect(all([PROGRESS], done).tiles.B?.J?.status).toBe("succeeded");
    const late: Message = { type: "local.preview", job: "J", step: 1, steps: 2, url: "blob:x" };
    expect(all([late], done).tiles.B?.J?.preview).toBeNull();
  });

  it("send a tile back to the queue when the engine was lost", () => {
    const state = all([started(1, "J"), PROGRESS, { ...BASE, type: "job.retried", seq: 2, job: "J", batch: "B", reason: "engine_lost" }]);
    expect(state.tiles.B?.J).toMatchObject({ status: "queued", step: 0 });
  });

  it("count a batch once, and never below nothing", () => {
    const state = all([{ ...BASE, type: "batch.queued", seq: 1, batch: "B", count: 1000, priority: 0 }]);
    expect(state.queue.counts.queued).toBe(1000);
    const again = all([{ ...BASE, type: "batch.retried", seq: 1, batch: "B", count: 3, jobs: [] }]);
    expect(again.queue.counts.queued).toBe(3);
    expect(all([started(1, "J")]).queue.counts.queued).toBe(0);
  });
});

describe("facts about pictures", () => {
  it("take a deleted one off its tile, and an undo gives it back", () => {
    const made = all([finished(1, "J", ["C"])]);
    const gone = all([{ ...BASE, type: "image.deleted", seq: 2, image: "C", forever: false }], made);
    expect(gone.tiles.B?.J?.images).toEqual([]);
    const back = all([{ ...BASE, type: "image.changed", seq: 3, image: image("C", { job: "J" }) }], gone);
    expect(back.tiles.B?.J?.images).toEqual(["C"]);
  });

  it("keep what is known of a bounded number of pictures", () => {
    const many = Array.from({ length: 1000 }, (_, index) => image(`I${index}`));
    const held = Object.keys(all(many.map((one) => ({ type: "local.image", image: one }))).images);
    expect(held.length).toBeLessThanOrEqual(400);
    expect(held).toContain("I999");
  });
});

describe("a hello", () => {
  const hello = { type: "hello" as const, seq: 40, boot: "b", version: "1", resumed: true, reasons: ["disk_full"] };

  it("moves the place only where nothing is replayed", () => {
    const at = all([started(7, "J")]);
    expect(reduce(at, { type: "local.hello", hello, fresh: false }).seq).toBe(7);
    expect(reduce(at, { type: "local.hello", hello, fresh: true }).seq).toBe(40);
  });

  it("says why no work is done, until a frame says otherwise", () => {
    const full = reduce(EMPTY_STATE, { type: "local.hello", hello, fresh: false });
    expect(full.reasons).toEqual(["disk_full"]);
    expect(reduce(full, { type: "readiness", reasons: [] }).reasons).toEqual([]);
  });
});

it("a word of a newer server changes nothing but the place", () => {
  const unknown = { ...BASE, type: "moon.risen", seq: 9 } as unknown as Message;
  expect(reduce(EMPTY_STATE, unknown)).toEqual({ ...EMPTY_STATE, seq: 9, recent: [unknown] });
});

describe("facts that come while an answer is under way", () => {
  const known = (seq: number, id: string, order: number): Fact => ({ ...BASE, type: "image.added", seq, image: image(id, { order }) });
  const page: Message = { type: "slice.gallery.page", page: { items: [image("A")], next: null } };
  const listed = (state: State) => state.gallery.stretches.flatMap(({ images }) => images?.map(({ id }) => id) ?? []);

  it("are told again to what the answer was put into, and to nothing else", () => {
    const before = all([known(6, "B", 2), started(7, "J")], { ...EMPTY_STATE, seq: 5 });
    const answered = all([page], before); // as it was asked at 5: before B
    expect(listed(answered)).toEqual(["A"]);
    const told = all([{ type: "local.again", part: "gallery", since: 5 }], answered);
    expect(listed(told)).toEqual(["B", "A"]);
    expect({ ...told, gallery: answered.gallery }).toEqual(answered);
    expect(listed(all([{ type: "local.again", part: "gallery", since: 6 }], answered))).toEqual(["A"]);
  });

  it("are held in a bounded number", () => {
    const many = Array.from({ length: 1000 }, (_, place) => started(place + 1, "J"));
    expect(all(many).recent.map(({ seq }) => seq).slice(-2)).toEqual([999, 1000]);
    expect(all(many).recent.length).toBeLessThanOrEqual(256);
  });
});
