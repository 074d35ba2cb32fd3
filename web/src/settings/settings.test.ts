import { describe, expect, it } from "vitest";
import type { LogPage, SettingInfo } from "../api/wire.gen";
import { EMPTY_STATE } from "../state/first";
import { fieldOf, isDefault, worded, written } from "./setting";
import { systemPage } from "./slice";

function setting(change: Partial<SettingInfo>): SettingInfo {
  return { name: "x", value: "", default: "", source: "default", description: "", live: true, schema: { type: "string" }, ...change };
}

describe("the field of a setting", () => {
  it("fits its schema", () => {
    expect(fieldOf(setting({ schema: { enum: ["a", "b"] } }), [])).toEqual({ type: "choice", values: ["a", "b"] });
    expect(fieldOf(setting({ name: "language" }), ["en", "ar"])).toEqual({ type: "choice", values: ["en", "ar"] });
    expect(fieldOf(setting({ schema: { type: "integer", minimum: 0, maximum: 9 } }), [])).toEqual({ type: "number", min: 0, max: 9, step: 1 });
    expect(fieldOf(setting({ name: "hf_token" }), [])).toEqual({ type: "secret" });
    expect(fieldOf(setting({}), [])).toEqual({ type: "text" });
  });

  it("says a value by the words that came with its schema", () => {
    const speed = setting({ schema: { enum: ["plain", "int8"], "x-words": { plain: "bitgenau", int8: "int8" } } });
    expect(["plain", "int8"].map((value) => worded(String, speed, value))).toEqual(["bitgenau", null]);
    expect([worded(String, setting({}), true), worded(String, setting({}), "plain")]).toEqual(["ui.recipe.on", null]);
  });

  it("shows what it holds, and whether anybody changed it", () => {
    expect([written(""), written([]), written(["a", "b"]), written(0), written(false)]).toEqual([null, null, "a, b", "0", "false"]);
    expect(isDefault(setting({ value: ["a"], default: ["a"] }))).toBe(true);
    expect(isDefault(setting({ value: 8, default: 4 }))).toBe(false);
  });
});

it("settings are asked for again when another language is spoken", () => {
  const tell = (held: typeof systemPage.first, told: Parameters<typeof systemPage.reduce>[1]) =>
    systemPage.reduce(held, told, EMPTY_STATE);
  const ready = tell(systemPage.first, { type: "slice.system.config", settings: [setting({})] });
  expect(tell(ready, { type: "local.language" })).toMatchObject({ configLoaded: "stale", config: ready.config });
  expect(tell(systemPage.first, { type: "local.language" })).toBe(systemPage.first);
});

describe("the log", () => {
  const line = (seq: number) => ({ seq, at: "", level: "INFO", logger: "", message: `line ${seq}`, extra: {} });
  const page = (boot: string, ...seqs: number[]): LogPage => ({ items: seqs.map(line), next: seqs.at(-1) ?? 0, boot });
  const tell = (held: typeof systemPage.first, told: LogPage) =>
    systemPage.reduce(held, { type: "slice.system.log", page: told, level: "INFO" }, EMPTY_STATE);

  it("adds what follows once, and begins anew with a server that was started again", () => {
    const held = tell(tell(systemPage.first, page("a", 1, 2)), page("a", 2, 3));
    expect(held.log.items.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(held.log.next).toBe(3);
    expect(tell(held, page("b", 1)).log).toMatchObject({ items: [], next: 0, behind: true });
  });

  it("keeps 2,000 lines", () => {
    const many = page("a", ...Array.from({ length: 2500 }, (_, index) => index + 1));
    expect(tell(systemPage.first, many).log.items).toHaveLength(2000);
  });

  it("is behind after something happened, until it was asked for", () => {
    const asked = systemPage.reduce(systemPage.first, { type: "slice.system.asked_log" }, EMPTY_STATE);
    expect(asked.log.behind).toBe(false);
    const fact = { type: "queue.changed", seq: 1, at: "", owner: null, paused: true, reason: "asked" } as const;
    expect(systemPage.reduce(asked, fact, EMPTY_STATE).log.behind).toBe(true);
  });
});
