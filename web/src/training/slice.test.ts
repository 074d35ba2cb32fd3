import { describe, expect, it } from "vitest";
import type { LossPoint, Training } from "../api/wire.gen";
import { EMPTY_STATE } from "../state/first";
import type { Message, State } from "../state/model";
import { reduce } from "../state/reducer";
import type { Held, Upload } from "./held";

const RUN = {
  id: "T1", name: "toy", job: "J1", status: "queued", step: 0, steps: 40, loss: null, warnings: [],
  model: null, ended: null, error: null,
} as unknown as Training;

function told(messages: unknown[], from: State = EMPTY_STATE): State {
  return messages.reduce<State>((state, message) => reduce(state, message as Message), from);
}

function held(...messages: unknown[]): Held {
  return told(messages).training;
}

const LISTED = { type: "slice.training.runs", state: "ready", items: [RUN], next: null };
const OPENED = { type: "slice.training.opened", id: "T1", state: "ready", points: [], samples: { items: [], next: null }, kept: [] };

function point(step: number): LossPoint {
  return {
    step, loss: 1 / step, loss_instance: 1 / step, loss_prior: null, lr: 1e-4, grad_norm: null, seconds: 1,
    validation: null, rates: {}, norms: {}, memory_bytes: 0,
  };
}

describe("a run that is watched", () => {
  it("runs, pauses, goes on and ends by facts alone, and is read anew at its end", () => {
    const started = { type: "training.started", training: "T1", job: "J1", step: 0, steps: 40 };
    const losses = { type: "training.loss", training: "T1", points: [point(1), point(2)] };
    const paused = { type: "training.paused", training: "T1", step: 2, paused: true };
    expect(held(LISTED, started).runs[0]).toMatchObject({ status: "running", steps: 40 });
    const after = held(LISTED, OPENED, started, losses, paused);
    expect(after.runs[0]).toMatchObject({ status: "paused", step: 2, loss: 0.5 });
    expect(after.opened.T1?.points.map(({ step }) => step)).toEqual([1, 2]);
    const ended = { type: "training.ended", training: "T1", step: 40, status: "succeeded", model: "M" };
    const over = held(LISTED, OPENED, started, losses, paused, { ...paused, paused: false }, ended);
    expect(over.runs[0]).toMatchObject({ status: "succeeded", model: "M", step: 40 });
    expect(over.staleRuns).toEqual(["T1"]);
  });

  it("keeps its curve whole when history comes after the first facts", () => {
    const live = { type: "training.loss", training: "T1", points: [point(3), point(4)] };
    const loading = { type: "slice.training.opened", id: "T1", state: "loading" };
    const history = { ...OPENED, points: [point(1), point(2), point(3)] };
    expect(held(LISTED, loading, live, history).opened.T1?.points.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  });

  it("goes back where it began again from an earlier step", () => {
    const one = { type: "training.loss", training: "T1", points: [point(1), point(2), point(3)] };
    const again = { type: "training.loss", training: "T1", points: [point(2)] };
    expect(held(LISTED, OPENED, one, again).opened.T1?.points.map(({ step }) => step)).toEqual([1, 2]);
  });

  it("shows a sample once, with the seed of its picture", () => {
    const sample = { type: "training.sample", training: "T1", step: 20, image: "I1", prompt: "a toy", role: "drift" };
    expect(held(LISTED, OPENED, sample, sample).opened.T1?.samples).toHaveLength(1);
  });

  it("gets older samples page by page, and keeps them when the newest are read anew", () => {
    const sample = (step: number) => ({ training: "T1", step, image: `I${step}`, prompt: "a toy", role: "drift", seed: 1 });
    const steps = (...messages: unknown[]) => held(LISTED, ...messages).opened.T1?.samples.map(({ step }) => step);
    const first = { ...OPENED, samples: { items: [sample(4), sample(3)], next: "3" } };
    const older = { type: "slice.training.samples", id: "T1", from: "3", items: [sample(2), sample(1)], next: null };
    expect(steps(first, older)).toEqual([4, 3, 2, 1]);
    expect(steps(first, { ...older, from: "9" })).toEqual([4, 3]);
    const again = { ...OPENED, samples: { items: [sample(5), sample(4)], next: "4" } };
    const after = held(LISTED, first, older, again).opened.T1;
    expect([after?.samples.map(({ step }) => step), after?.samplesNext]).toEqual([[5, 4, 3, 2, 1], null]);
    const far = { ...OPENED, samples: { items: [sample(9), sample(8)], next: "8" } };
    expect(held(LISTED, first, older, far).opened.T1).toMatchObject({ samples: [{ step: 9 }, { step: 8 }], samplesNext: "8" });
  });

  it("is asked for when a fact names one that is not listed, and only once a list was wanted", () => {
    const asked = { type: "training.changed", training: "T2", deleted: false };
    expect(held(asked).staleRuns).toEqual([]);
    expect(held(LISTED, asked, asked).staleRuns).toEqual(["T2"]);
    expect(held(LISTED, { ...asked, training: "T1", deleted: true }).runs).toEqual([]);
  });
});

it("everything loaded is stale after facts were lost, and nothing else", () => {
  const hello = { type: "local.hello", hello: { seq: 9 }, fresh: true };
  const fresh = held(LISTED, OPENED, hello);
  expect([fresh.runsState, fresh.setsState, fresh.opened.T1?.state]).toEqual(["stale", "idle", "stale"]);
  expect(held(LISTED, { ...hello, fresh: false }).runsState).toBe("ready");
});

it("a dataset that changed is read anew where it is open, and one that is gone is gone", () => {
  const set = { id: "D1", name: "toys", kept: [], next: null };
  const listed = { type: "slice.training.sets", state: "ready", items: [set], next: null };
  const open = { type: "slice.training.set", id: "D1", state: "ready", dataset: set };
  const changed = held(listed, open, { type: "dataset.changed", dataset: "D1", deleted: false });
  expect([changed.setsState, changed.whole.D1?.state]).toEqual(["stale", "stale"]);
  const gone = held(listed, open, { type: "dataset.changed", dataset: "D1", deleted: true });
  expect([gone.sets, gone.whole]).toEqual([[], {}]);
});

it("files that are over leave the list when it is closed, the others stay", () => {
  const row = (id: number, state: Upload["state"]) => ({ id, dataset: "D1", file: `${id}.png`, state, sent: 0, words: "" });
  const uploads = [row(1, "kept"), row(2, "sending"), row(3, "aside"), { ...row(4, "failed"), dataset: "D2" }];
  const after = held({ type: "slice.training.uploads", uploads }, { type: "slice.training.uploads_read", dataset: "D1" });
  expect(after.uploads.map(({ id }) => id)).toEqual([2, 4]);
});
