import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";

const SOURCE = resolve(import.meta.dirname, "..");
const SHARED = "ui"; // and the first page's, which are loaded with every other's
const FIRST = new Set([SHARED, "generate", "queue"]);

/** List the classes with which a selector begins, by the folder of the style sheet. */
function heads(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const sheets = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".css"));
  for (const sheet of sheets) {
    const folder = sheet.split(/[\\/]/)[0] ?? "";
    const rules = readFileSync(join(SOURCE, sheet), "utf8").replace(/\/\*[\s\S]*?\*\//g, "").replace(/@import[^;]*;/g, "");
    for (const [, selectors] of rules.matchAll(/([^{}]+)\{/g)) {
      for (const selector of (selectors ?? "").split(",")) {
        const head = /\.([a-zA-Z][\w-]*)/.exec(selector)?.[1];
        if (!head || /^(mantine|react-flow)/.test(head)) continue;
        found.set(head, (found.get(head) ?? new Set()).add(FIRST.has(folder) ? SHARED : folder));
      }
    }
  }
  return found;
}

it("no two pages style the same class: what was opened first must not change what is opened next", () => {
  const twice = [...heads()].filter(([, folders]) => folders.size > 1 && !folders.has(SHARED));
  expect(twice.map(([head, folders]) => `${head}: ${[...folders].join(", ")}`)).toEqual([]);
});
