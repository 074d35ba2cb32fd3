import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { fieldsOf } from "./schema";
import { typeOf, wordsOf } from "./names";
import type { Catalogue } from "../api/wire.gen";

function read(path: string): unknown {
  return JSON.parse(readFileSync(resolve(import.meta.dirname, "../../..", path), "utf8"));
}

const catalogue = read("core/graph/catalogue.json") as Catalogue;
const english = read("i18n/en.json") as Record<string, string>;
const shipped = new Set(
  Object.values(catalogue.nodes).flatMap(({ category, inputs, outputs, settings }) => [
    category, ...[...inputs, ...outputs].map(({ name }) => name), ...fieldsOf(settings).map(({ name }) => name),
  ]),
);

function keyOf(name: string): string {
  return wordsOf((key) => key, name);
}

describe("the names of settings, ports and categories", () => {
  it("have words, but for letters", () => {
    const silent = [...shipped].filter((name) => name.length > 1 && !(keyOf(name) in english));
    expect(silent).toEqual([]);
  });

  it("are all the words there are for them", () => {
    const known = new Set([...shipped].map(keyOf));
    expect(Object.keys(english).filter((key) => key.startsWith("ui.word.") && !known.has(key))).toEqual([]);
  });

  it("are said as they are where nobody translated them", () => {
    const say = (_: string, otherwise: string) => otherwise;
    expect(wordsOf(say, "film_size")).toBe("Film size");
    expect(wordsOf(say, "constructor")).toBe("Constructor");
    expect(typeOf((key) => key, "TextEncoder")).toBe(keyOf("text_encoder"));
  });
});
