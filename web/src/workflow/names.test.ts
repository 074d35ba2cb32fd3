import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { fieldsOf, settingTypes } from "./schema";
import { typeOf, typesOf, wordsOf } from "./names";
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

const types = Object.values(catalogue.nodes).flatMap(({ inputs, outputs, settings }) => [
  ...[...inputs, ...outputs].flatMap((port) => port.types), ...fieldsOf(settings).flatMap(({ name }) => settingTypes(settings, name)),
]);

function keyOf(name: string): string {
  return wordsOf((key) => key, name);
}

describe("the names of settings, ports, types and categories", () => {
  it("have words, but for letters", () => {
    const silent = [...shipped, ...types].filter((name) => name.length > 1 && !(typeOf((key) => key, name) in english));
    expect(silent).toEqual([]);
  });

  it("are all the words there are for them", () => {
    const known = new Set([...shipped, ...types].map((name) => typeOf((key) => key, name)));
    expect(Object.keys(english).filter((key) => key.startsWith("ui.word.") && !known.has(key))).toEqual([]);
  });

  it("are said as they are where nobody translated them", () => {
    const say = (_: string, otherwise: string) => otherwise;
    expect(wordsOf(say, "film_size")).toBe("Film size");
    expect(wordsOf(say, "constructor")).toBe("Constructor");
    expect(typeOf((key) => key, "TextEncoder")).toBe(keyOf("text_encoder"));
    expect(typesOf(say, ["Image", "float"])).toBe("Image, Float");
  });
});
