import type { Frame, Import } from "../api/wire.gen";
import type { Message } from "../state/model";
import type { Loaded, Slice } from "../state/slice";

export type Imports = { items: Import[]; state: Loaded };

export type ImportsLocal =
  | { type: "slice.imports.loaded"; items: Import[] }
  | { type: "slice.imports.failed" }
  | { type: "slice.imports.one"; told: Import };

/** Say whether an import has still to end. */
export function open({ status }: Import): boolean {
  return status === "queued" || status === "running";
}

export const imports: Slice<Imports> = { first: { items: [], state: "idle" }, reduce };

function reduce(held: Imports, told: Message): Imports {
  switch (told.type) {
    case "slice.imports.loaded":
      return { items: told.items, state: "ready" };
    case "slice.imports.failed":
      return { ...held, state: "failed" };
    case "slice.imports.one":
      return { ...held, items: [told.told, ...held.items.filter(({ id }) => id !== told.told.id)] };
    case "local.hello":
      return told.fresh ? stale(held) : held;
    case "import.changed":
      return stale(held);
    case "import.progress":
      return { ...held, items: held.items.map((item) => progressed(item, told)) };
    default:
      return held;
  }
}

function stale(held: Imports): Imports {
  return held.state === "idle" ? held : { ...held, state: "stale" };
}

function progressed(item: Import, told: Extract<Frame, { type: "import.progress" }>): Import {
  if (item.id !== told.import_id || !open(item)) return item;
  const { found, added, known, refused } = told;
  return { ...item, status: "running", found, added, known, refused };
}
