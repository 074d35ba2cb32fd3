import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { changeLanguage, createWords } from ".";
import { createFormat } from "./format";

type Table = Record<string, string>;

const FOLDER = resolve(import.meta.dirname, "../../../i18n");
const SOURCE = resolve(import.meta.dirname, "..");
const LANGUAGES = readdirSync(FOLDER).map((name) => name.replace(".json", ""));
const PLURAL = /_(zero|one|two|few|many|other)$/;

function table(language: string): Table {
  return JSON.parse(readFileSync(join(FOLDER, `${language}.json`), "utf8")) as Table;
}

function stems(words: Table): string[] {
  return [...new Set(Object.keys(words).map((key) => key.replace(PLURAL, "")))].sort();
}

function placeholders(text: string): string[] {
  return [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ""))].sort();
}

function sources(): string[] {
  return readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes(".test."))
    .map((name) => readFileSync(join(SOURCE, name), "utf8"));
}

/** The keys that the sources name, each as a pattern: what a template fills in may be anything (the compiler knows what). */
function named(): RegExp[] {
  const found = sources().flatMap((text) => [...text.matchAll(/(["'`])(ui\.(?:[^"'`\s{}]|\$\{[^}]*\})+)\1/g)].map((match) => match[2] ?? ""));
  return [...new Set(found)].map((key) => new RegExp(`^${key.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(".", "\\.")).join("\\w+")}$`));
}

describe.each(LANGUAGES)("the language %s", (language) => {
  const words = table(language);

  it("says everything that English says", () => {
    expect(stems(words)).toEqual(stems(table("en")));
    expect(Object.values(words).every((text) => text.trim() !== "")).toBe(true);
  });

  it("stands in the order of its keys, so that what belongs together is together", () => {
    const keys = Object.keys(words);
    expect(keys).toEqual([...keys].sort());
  });

  it("fills the same placeholders", () => {
    const english = table("en");
    const wrong = Object.keys(english).filter((key) => {
      const text = words[key];
      return text !== undefined && !PLURAL.test(key) &&
        placeholders(text).join() !== placeholders(english[key] ?? "").join();
    });
    expect(wrong).toEqual([]);
  });

  it("has every plural form that it needs", () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    const counted = [...new Set(Object.keys(words).filter((key) => PLURAL.test(key) && key.startsWith("ui.")).map((key) => key.replace(PLURAL, "")))];
    const lacking = counted.flatMap((stem) => forms.map((form) => `${stem}_${form}`)).filter((key) => !(key in words));
    expect(lacking).toEqual([]);
  });
});

it("every key that a component names is there", () => {
  const keys = sources().flatMap((text) => [...text.matchAll(/"(ui\.[\w.]+)"/g)].map((match) => match[1] ?? ""));
  const known = new Set(stems(table("en")));
  expect(keys.length).toBeGreaterThan(80);
  expect(keys.filter((key) => !known.has(key))).toEqual([]);
});

it("every word of the page is said somewhere", () => {
  const patterns = named();
  const idle = stems(table("en")).filter((key) => key.startsWith("ui.") && !patterns.some((pattern) => pattern.test(key)));
  expect(idle).toEqual([]);
});

describe("the words of the page", () => {
  const load = (language: string) => Promise.resolve(LANGUAGES.includes(language) ? table(language) : {});

  it("switch without a reload, count, and fall back to English", async () => {
    const words = await createWords(load);
    await changeLanguage(words, "de", load);
    expect(words.t("ui.queued", { count: 2 })).toBe("2 warten");
    await changeLanguage(words, "ar", load);
    expect(words.t("ui.queued", { count: 2 })).toBe("مهمتان في الانتظار");
    await changeLanguage(words, "xx", load);
    expect(words.language).toBe("ar");
    expect(words.t("errors.too_large", { limit: 5 })).toContain("5");
  });

  it("write numbers as the language does, and group what is counted", async () => {
    const words = await createWords(() => Promise.resolve({ a: "{count} of {size} in {name}" }));
    expect(words.t("a", { count: 1234, size: 5678.25, name: "{count}" })).toBe("1,234 of 5678.25 in {count}");
    await changeLanguage(words, "de", () => Promise.resolve({ a: "{count} von {size} in {name}" }));
    expect(words.t("a", { count: 1234, size: 5678.25, name: 12 })).toBe("1.234 von 5678,25 in 12");
  });

  it("write sizes and times as the language does", () => {
    expect(createFormat("de").bytes(1_500_000)).toBe("1,5 MB");
    expect(createFormat("en").bytes(426)).toBe("426 bytes");
    expect([0, 0.04623, 0.0000001224, 1234.5].map(createFormat("de").figure)).toEqual(["0", "0,0462", "1,22E-7", "1.230"]);
    expect(createFormat("en").duration(3723)).toBe("1:02:03");
    expect(createFormat("en").duration(42)).toBe("00:42");
  });
});
