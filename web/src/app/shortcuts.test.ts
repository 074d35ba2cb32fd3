import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { TOOL_KEYS } from "../canvas/toolKeys";
import { pressesOf, SHORTCUTS } from "./shortcuts";

const SOURCE = resolve(import.meta.dirname, "..");
const OF: Record<string, readonly string[]> = { everywhere: ["app", "gallery"], generate: ["generate", "queue"] };
// What the browser, the board's library or a field does by itself.
const GIVEN = new Set(["tab", "ctrl+c", "ctrl+v"]);
// Second ways.
const UNSAID = new Set(["backspace", "="]);

function files(folder: string): string[] {
  return readdirSync(join(SOURCE, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes(".test.") && name !== "shortcuts.ts")
    .map((name) => readFileSync(join(SOURCE, folder, name), "utf8"));
}

/** The names in the tables that are handed to `useKeys`. */
function tables(text: string): string[] {
  if (!text.includes("useKeys")) return [];
  const entry = /(?<=[{,\n]\s*)(?:"([^"\n]+)"|([a-z0-9]+)):(?= *(?:\([\w:, ]*\) =>|alone|unlessTyping|generate\b|discard\b|fit\b|remove\b))/g;
  return [...text.matchAll(entry)].map((match) => match[1] ?? match[2] ?? "").filter((name) => name.length === 1 || /^(ctrl\+|alt\+|arrow|escape$|enter$|tab$|delete$|backspace$)/.test(name));
}

/** Every key that a page's sources name, whichever way. */
function named(text: string): string[] {
  return [...text.matchAll(/"([^"\n]{1,16})"|\b(Delete|Backspace|Arrow\w+|Page\w+|Home|End|[a-z0-9])(?=: )/g)].map((match) => (match[1] ?? match[2] ?? "").toLowerCase());
}

it.each(SHORTCUTS.map(({ place, keys }) => [place, keys] as const))("what is said of %s is what is handled there", (place, keys) => {
  const texts = (OF[place] ?? [place]).flatMap(files);
  const inTables = new Set([...texts.flatMap(tables), ...(place === "canvas" ? Object.values(TOOL_KEYS) : [])]);
  const anywhere = new Set(texts.flatMap(named));
  const said = keys.flatMap(pressesOf);
  const bare = (press: string) => press.replace(/^(ctrl|shift|alt)\+/, "");
  expect(said.filter((press) => !GIVEN.has(press) && !inTables.has(press) && !anywhere.has(bare(press)))).toEqual([]);
  const known = new Set([...said, ...(place === "everywhere" ? [] : SHORTCUTS[0]?.keys.flatMap(pressesOf) ?? [])]);
  const own = place === "everywhere" ? files("app").flatMap(tables) : [...inTables];
  expect(own.filter((press) => !known.has(press) && !UNSAID.has(press))).toEqual([]);
});
