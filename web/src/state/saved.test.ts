import { expect, it } from "vitest";
import { EMPTY_STATE } from "./first";
import { reduce } from "./reducer";
import { keep, restored } from "./saved";
import { createStore } from "./store";

function box(): Pick<Storage, "getItem" | "setItem"> & { held: Map<string, string> } {
  const held = new Map<string, string>();
  return { held, getItem: (key) => held.get(key) ?? null, setItem: (key, value) => void held.set(key, value) };
}

it("a half-typed prompt survives a reload", () => {
  const storage = box();
  const store = createStore(reduce, restored(storage));
  keep(store, storage);
  store.send({ type: "local.draft", change: { prompt: "a red f", steps: 7 } });
  expect(restored(storage).draft).toMatchObject({ prompt: "a red f", steps: 7, count: 4 });
});

it("what was left by another version, or by nobody, does no harm", () => {
  const storage = box();
  storage.held.set("heliograph.draft", '{"prompt": 3, "gone": true, "steps": 9}');
  expect(restored(storage).draft).toEqual({ ...EMPTY_STATE.draft, steps: 9 });
  storage.held.set("heliograph.draft", "{");
  expect(restored(storage).draft).toEqual(EMPTY_STATE.draft);
});

it("a browser that keeps nothing can still be used", () => {
  const closed = {
    getItem: () => { throw new Error("SecurityError"); },
    setItem: () => { throw new Error("QuotaExceededError"); },
  };
  const store = createStore(reduce, restored(closed));
  keep(store, closed);
  store.send({ type: "local.draft", change: { prompt: "x" } });
  expect(store.get().draft.prompt).toBe("x");
  expect(restored(null)).toEqual(EMPTY_STATE);
});
