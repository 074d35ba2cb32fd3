import { describe, expect, it } from "vitest";
import { forgetAll, recall, remember, stepTo } from "./history";
import { askedAt, complete, suggest, type Names } from "./completion";
import { weigh } from "./weights";

describe("a weight", () => {
  it("is put around the word at the caret, and grows with it", () => {
    const once = weigh({ text: "a red fox", start: 3, end: 3 }, 1);
    expect(once).toEqual({ text: "a (red:1.1) fox", start: 3, end: 6 });
    const twice = weigh(once, 1);
    expect(twice.text).toBe("a (red:1.2) fox");
    expect(weigh(weigh(twice, -1), -1)).toEqual({ text: "a red fox", start: 2, end: 5 });
  });

  it("is put around what is selected, without the space around it", () => {
    expect(weigh({ text: "a red fox, snow", start: 1, end: 9 }, -1).text).toBe("a (red fox:0.9), snow");
  });

  it("changes from within its bracket, and where all of it is selected", () => {
    expect(weigh({ text: "a (red fox:1.25)", start: 5, end: 5 }, 1).text).toBe("a (red fox:1.35)");
    expect(weigh({ text: "a (red fox:1.3)", start: 2, end: 15 }, -1).text).toBe("a (red fox:1.2)");
  });

  it("of a tag is the tag's", () => {
    expect(weigh({ text: "x <lora:ink:0.8>", start: 8, end: 8 }, 1).text).toBe("x <lora:ink:0.9>");
    expect(weigh({ text: "<lora:ink>", start: 3, end: 3 }, -1).text).toBe("<lora:ink:0.9>");
  });

  it("has an end, and is nothing around nothing", () => {
    expect(weigh({ text: "(red:3)", start: 2, end: 2 }, 1).text).toBe("(red:3)");
    expect(weigh({ text: "a , b", start: 2, end: 2 }, 1)).toEqual({ text: "a , b", start: 2, end: 2 });
    expect(weigh({ text: "", start: 0, end: 0 }, 1).text).toBe("");
  });
});

const NAMES: Names = {
  lora: ["ink", "drawing_ink", "oil"], wildcard: ["animals", "colours/warm"], embedding: ["easyneg"], style: ["Oil"],
};

describe("completion", () => {
  it("knows what is being written at the caret", () => {
    expect(askedAt("a <lo", 5)).toMatchObject({ kind: "lora", query: "", from: 2, to: 5 });
    expect(askedAt("a <lora:in", 10)).toMatchObject({ kind: "lora", query: "in", from: 2 });
    expect(askedAt("a __colours/w", 13)).toMatchObject({ kind: "wildcard", query: "colours/w", from: 2 });
    expect(askedAt("embedding:ea", 12)).toMatchObject({ kind: "embedding", query: "ea", from: 0 });
    expect(askedAt("fox @oi", 7)).toMatchObject({ kind: "style", query: "oi", from: 4 });
    expect(askedAt("a red fox", 9)).toBeNull();
    expect(askedAt("__animals__ ", 12)).toBeNull();
    expect(askedAt("me@home", 7)).toBeNull();
  });

  it("offers first what begins with the words", () => {
    const asked = { kind: "lora", query: "in", from: 0, to: 0 } as const;
    expect(suggest(asked, NAMES)).toEqual(["ink", "drawing_ink"]);
    expect(suggest({ ...asked, query: "zzz" }, NAMES)).toEqual([]);
  });

  it("writes the whole name, and what closes it", () => {
    const text = "a <lora:in, b";
    const asked = askedAt(text, 10);
    expect(asked && complete(text, asked, "ink")).toEqual({ text: "a <lora:ink:1>, b", caret: 14 });
    const wild = askedAt("a __an", 6);
    expect(wild && complete("a __an", wild, "animals").text).toBe("a __animals__");
    const style = askedAt("fox @o", 6);
    expect(style && complete("fox @o", style, "Oil").text).toBe("fox ");
  });
});

describe("the history", () => {
  function box(): Pick<Storage, "getItem" | "setItem"> {
    const held = new Map<string, string>();
    return { getItem: (key) => held.get(key) ?? null, setItem: (key, value) => void held.set(key, value) };
  }

  it("keeps fifty prompts, each once, the newest first", () => {
    const storage = box();
    for (let at = 0; at < 60; at += 1) remember(storage, { prompt: `fox ${at}`, negative: "" });
    remember(storage, { prompt: "fox 30", negative: "" });
    const all = recall(storage);
    expect(all).toHaveLength(50);
    expect(all[0]?.prompt).toBe("fox 30");
    expect(all.filter(({ prompt }) => prompt === "fox 30")).toHaveLength(1);
    forgetAll(storage);
    expect(recall(storage)).toEqual([]);
  });

  it("does no harm where it was spoiled, or nothing is kept", () => {
    const storage = box();
    storage.setItem("heliograph.prompts", '[{"prompt": 3}, {"prompt": "x", "negative": ""}, null]');
    expect(recall(storage)).toEqual([{ prompt: "x", negative: "" }]);
    storage.setItem("heliograph.prompts", "{");
    expect(recall(storage)).toEqual([]);
    expect(recall(null)).toEqual([]);
  });

  it("is stepped through to its ends", () => {
    expect([stepTo(-1, 1, 2), stepTo(1, 1, 2), stepTo(0, -1, 2), stepTo(-1, -1, 2), stepTo(-1, 1, 0)]).toEqual([0, 1, -1, -1, -1]);
  });
});
