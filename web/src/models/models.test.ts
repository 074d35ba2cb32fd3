import { describe, expect, it } from "vitest";
import type { Install, Model } from "../api/wire.gen";
import { EMPTY_STATE } from "../state/first";
import { changeOf, editOf } from "./edit";
import { arrange, joined, type Wanted } from "./listing";
import { modelsPage } from "./slice";

const ANY: Wanted = { q: "", kind: "", family: "" };

function model(id: string, change: Partial<Model> = {}): Model {
  return {
    id, name: id, kind: "checkpoint", family: "sd1", format: "single", file: `${id}.safetensors`, bytes: 1,
    sha256: "abcdef0123456789", token: null, class_word: null, trigger: null, description: null,
    defaults: { width: 512, height: 512, steps: 20, guidance_scale: 7, sampler: null }, loaded: false,
    source: null, created: "", variant: null, edition: null, trigger_words: [], metadata: {}, licence: null,
    link: null, cover: null, missing: false, duplicate_of: null, ...change,
  };
}

function install(id: string, change: Partial<Install> = {}): Install {
  return {
    id, source: "hf:a/b", status: "downloading", reason: null, name: null, in_place: false, revision: null,
    files: [], bytes: 0, total: 100, per_second: 0, eta_seconds: null, error: null, model: null, owner: "",
    created: "", started: null, ended: null, ...change,
  };
}

describe("the list of models", () => {
  const all = [model("b"), model("a"), model("glow", { kind: "lora", trigger_words: ["sunset"] })];

  it("goes by kind, then by name, with a head that counts", () => {
    const rows = arrange(all, ANY).map((row) => (row.type === "head" ? `${row.kind} ${row.count}` : row.model.id));
    expect(rows).toEqual(["checkpoint 2", "a", "b", "lora 1", "glow"]);
  });

  it("finds names, trained words and the beginning of a hash", () => {
    expect(arrange(all, { ...ANY, q: "sunset" })).toHaveLength(2);
    expect(arrange(all, { ...ANY, q: "ABCDEF012" })).toHaveLength(5);
    expect(arrange(all, { ...ANY, q: "sunset", kind: "checkpoint" })).toEqual([]);
  });

  it("shows what is gone until it is back", () => {
    const gone = model("a", { missing: true });
    expect(joined([model("b")], [gone]).map(({ id }) => id)).toEqual(["b", "a"]);
    expect(joined([model("a")], [gone])).toEqual([model("a")]);
  });
});

describe("what is changed of a model", () => {
  it("is what differs and nothing else", () => {
    const held = model("a", { trigger: "fox" });
    expect(changeOf(held, editOf(held))).toEqual({});
    expect(changeOf(held, { ...editOf(held), trigger: "" })).toEqual({ trigger: "" });
    expect(changeOf(held, { ...editOf(held), steps: 30 })).toEqual({ defaults: { ...held.defaults, steps: 30 } });
  });
});

describe("installs", () => {
  const { first } = modelsPage;
  const ready = modelsPage.reduce(first, { type: "slice.models.installs", items: [install("1")] }, EMPTY_STATE);

  it("move with the frames, and are asked for again with a fact", () => {
    const told = { type: "model.progress", install: "1", bytes: 40, total: 100, per_second: 5, eta_seconds: 12 } as const;
    expect(modelsPage.reduce(ready, told, EMPTY_STATE).installs[0]).toMatchObject({ bytes: 40, eta_seconds: 12 });
    const fact = {
      type: "model.install", seq: 1, at: "", owner: null, install: "2", status: "queued", source: "x", model: null, error: null,
    } as const;
    expect(modelsPage.reduce(ready, fact, EMPTY_STATE).installsLoaded).toBe("stale");
    expect(modelsPage.reduce(first, fact, EMPTY_STATE)).toBe(first); // nobody looks
  });

  it("stay where they ended", () => {
    const done = modelsPage.reduce(first, { type: "slice.models.installs", items: [install("1", { status: "done", bytes: 100 })] }, EMPTY_STATE);
    const late = { type: "model.progress", install: "1", bytes: 90, total: 100, per_second: 5, eta_seconds: 1 } as const;
    expect(modelsPage.reduce(done, late, EMPTY_STATE).installs[0]).toMatchObject({ status: "done", bytes: 100 });
  });
});

it("a task goes from asked to its result", () => {
  const { first } = modelsPage;
  const asked = modelsPage.reduce(first, { type: "slice.models.task", job: "j", model: "a", what: "convert" }, EMPTY_STATE);
  const ended = modelsPage.reduce(asked, {
    type: "job.ended", seq: 3, at: "", owner: null, job: "j", batch: "b", status: "succeeded", seconds: 1,
    images: [], error: null, degraded: [], result: { model: "new" }, cached: [],
  }, EMPTY_STATE);
  expect(ended.tasks[0]).toMatchObject({ status: "succeeded", result: { model: "new" } });
});
