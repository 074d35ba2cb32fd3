import { describe, expect, it } from "vitest";
import type { JobEnded, Workflow } from "../api/wire.gen";
import { EMPTY_STATE } from "../state/first";
import type { Message, State } from "../state/model";
import { reduce } from "../state/reducer";
import { EMPTY_DOC, toSave, type Doc } from "./doc";
import { isCached, isDirty, passOf } from "./slice";

const ORIGIN = { id: "w", version: 3 };

function doc(name: string): Doc {
  const node = (id: string, inputs: Record<string, [string, string]> = {}) =>
    ({ id, type: "x", version: 1, settings: {}, inputs });
  return { ...EMPTY_DOC, name, nodes: [node("a"), node("b", { i: ["a", "o"] }), node("c", { i: ["b", "o"] })] };
}

function workflow(name: string, version: number): Workflow {
  return { ...toSave(doc(name)), id: "w", version, created: "", changed: "", owner: "" };
}

function after(state: State, ...told: Message[]): State {
  return told.reduce(reduce, state);
}

function edit(name: string, key: string | null = null): Message {
  return { type: "slice.workflow.edit", doc: doc(name), key, at: 0 };
}

const opened = after(EMPTY_STATE, { type: "slice.workflow.opened", doc: doc("mine"), origin: ORIGIN });
const changed: Message = { type: "workflow.changed", seq: 1, at: "", owner: null, workflow: "w", deleted: false };
const hello = { type: "hello" as const, seq: 9, boot: "", version: "", resumed: false, reasons: [] };

describe("a document", () => {
  it("is unsaved after a change, and saved again when that is taken back", () => {
    const state = after(opened, edit("other"));
    expect(isDirty(state.workflow)).toBe(true);
    const back = after(state, { type: "slice.workflow.undo" });
    expect(isDirty(back.workflow)).toBe(false);
    expect(after(back, { type: "slice.workflow.redo" }).workflow.doc.name).toBe("other");
  });

  it("that was left here begins once, and is looked for on the server", () => {
    const left: Message = { type: "slice.workflow.begun", doc: doc("left"), origin: ORIGIN, clean: false };
    const state = after(EMPTY_STATE, left);
    expect(state.workflow).toMatchObject({ begun: true, behind: true, saved: null });
    expect(after(state, { ...left, doc: doc("later") }).workflow.doc.name).toBe("left");
  });
});

describe("what somebody else saved", () => {
  it("is shown at once where nothing is changed here, and can be taken back", () => {
    const behind = after(opened, changed);
    expect(behind.workflow.behind).toBe(true);
    const state = after(behind, { type: "slice.workflow.theirs", workflow: workflow("theirs", 4) });
    expect(state.workflow).toMatchObject({ behind: false, theirs: null, origin: { id: "w", version: 4 } });
    expect(state.workflow.doc.name).toBe("theirs");
    expect(after(state, { type: "slice.workflow.undo" }).workflow.doc.name).toBe("mine");
  });

  it("waits beside changes, and nothing is lost whichever is kept", () => {
    const theirs: Message = { type: "slice.workflow.theirs", workflow: workflow("theirs", 4) };
    const state = after(opened, edit("changed"), changed, theirs);
    expect(state.workflow.doc.name).toBe("changed");
    const keep = (what: "mine" | "theirs" | "copy") => after(state, { type: "slice.workflow.settled", keep: what }).workflow;
    expect(keep("mine")).toMatchObject({ origin: { version: 4 }, theirs: null });
    expect(keep("copy")).toMatchObject({ origin: null, theirs: null });
    expect(keep("copy").doc.name).toBe("changed");
    expect(keep("theirs").doc.name).toBe("theirs");
    expect(keep("theirs").history.past.at(-1)?.name).toBe("changed");
  });

  it("is no news where it is what was saved here", () => {
    const theirs: Message = { type: "slice.workflow.theirs", workflow: workflow("mine", 3) };
    expect(after(opened, edit("changed"), changed, theirs).workflow).toMatchObject({ theirs: null, behind: false });
  });

  it("that is deleted leaves the document here, unsaved", () => {
    const state = after(opened, { ...changed, deleted: true });
    expect(state.workflow).toMatchObject({ origin: null, saved: null });
    expect(state.workflow.doc.name).toBe("mine");
  });

  it("is asked for again after facts were lost", () => {
    const loaded = after(opened, { type: "slice.workflow.library", state: "ready", heads: [] });
    const state = after(loaded, { type: "local.hello", hello, fresh: true });
    expect(state.workflow).toMatchObject({ behind: true, libraryState: "stale", catalogueState: "idle" });
    expect(after(loaded, { type: "local.hello", hello, fresh: false }).workflow).toBe(loaded.workflow);
  });

  it("keeps its nodes until they are described in another language", () => {
    const catalogue = { nodes: {}, samplers: [], schedules: [], problems: [], lacking: [] };
    const ready = after(opened, { type: "slice.workflow.catalogue", state: "ready", catalogue });
    expect(after(ready, { type: "local.language" }).workflow).toMatchObject({ catalogue, catalogueState: "stale" });
    expect(after(opened, { type: "local.language" }).workflow.catalogueState).toBe("idle");
  });
});

describe("another program's workflow", () => {
  it("tells what did not come over until that is read, or something else is opened", () => {
    const left = { title: "Canny", type: "canny_image_processor", code: "no_equal", field: "" } as const;
    const taken = after(opened, { type: "slice.workflow.opened", doc: doc("theirs"), origin: ORIGIN, leftOut: [left] });
    expect(taken.workflow.leftOut).toEqual([left]);
    expect(after(taken, edit("other")).workflow.leftOut).toEqual([left]);
    expect(after(taken, { type: "slice.workflow.read" }).workflow.leftOut).toEqual([]);
    expect(after(taken, { type: "slice.workflow.opened", doc: doc("mine"), origin: null }).workflow.leftOut).toEqual([]);
  });
});

describe("a run", () => {
  const running = after(opened, { type: "slice.workflow.ran", batch: "1", jobs: ["j"] });
  const at = (node: string, job = "j"): Message =>
    ({ type: "job.progress", job, node, phase: "node", step: 0, steps: 3, eta_seconds: null, cached: [] });
  const passes = (state: State) => ["a", "b", "c"].map((id) => passOf(state, id));

  it("lights the node that works, and marks those before it, told or not", () => {
    expect(passes(after(running, at("b")))).toEqual(["done", "active", "idle"]);
    expect(passes(after(running, at("b"), at("c", "other")))).toEqual(["done", "active", "idle"]);
  });

  it("is over when its job is", () => {
    const end = (status: "succeeded" | "failed"): Message => ({
      type: "job.ended", seq: 2, at: "", owner: null, job: "j", batch: "1", status, seconds: 1, images: [],
      error: null, degraded: [], result: null, cached: [],
    });
    expect(passes(after(running, at("b"), end("succeeded")))).toEqual(["done", "done", "done"]);
    expect(passes(after(running, at("b"), end("failed")))).toEqual(["done", "done", "idle"]);
  });

  it("tells of nodes that it took from the cache, while it goes on and once it is over", () => {
    const cached = (state: State) => ["a", "b", "c"].filter((id) => isCached(state, id));
    const told = (node: string, ...nodes: string[]): Message =>
      ({ type: "job.progress", job: "j", node, phase: "step", step: 1, steps: 3, eta_seconds: null, cached: nodes });
    const end = (status: "succeeded" | "canceled", nodes: string[]): JobEnded => ({
      type: "job.ended", seq: 2, at: "", owner: null, job: "j", batch: "1", status, seconds: 1, images: [],
      error: null, degraded: [], result: null, cached: nodes,
    });
    expect(cached(after(running, told("b", "a")))).toEqual(["a"]);
    expect(cached(after(running, told("b", "a", "b")))).toEqual(["a"]); // b is the one that works
    expect(cached(after(running, end("succeeded", ["a", "b"])))).toEqual(["a", "b"]);
    expect(cached(after(running, told("c", "a"), end("canceled", [])))).toEqual(["a"]);
    const again: Message = { type: "slice.workflow.ran", batch: "2", jobs: ["k"] };
    expect(cached(after(running, end("succeeded", ["a"]), again))).toEqual([]);
    const early = after({ ...opened, recent: [{ ...end("succeeded", ["a"]), job: "k" }] }, again, told("c"));
    expect(early.workflow.run?.cached).toEqual(["a"]);
    const found: Message = { type: "slice.workflow.ran", batch: "1", jobs: ["j"], cached: ["b"] }; // after a reload
    expect(cached(after(opened, found, at("c")))).toEqual([]);
    expect(cached(after(opened, found, end("succeeded", [])))).toEqual(["b"]);
  });

  it("keeps the last pictures and no more", () => {
    const many = Array.from({ length: 40 }, (_, place): Message =>
      ({ type: "slice.workflow.ran", batch: String(place), jobs: [`j${place}`] }));
    const { results } = after(opened, ...many).workflow;
    expect(results).toHaveLength(24);
    expect(results[0]).toBe("j39");
  });

  it("shows a preview in the node that draws it", () => {
    const preview: Message = { type: "local.preview", job: "j", step: 1, steps: 3, url: "blob:1" };
    expect(after(running, at("b"), preview, at("c")).workflow.run?.drawing).toBe("b");
  });
});
