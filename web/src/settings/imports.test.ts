import { describe, expect, it } from "vitest";
import type { Import } from "../api/wire.gen";
import { EMPTY_STATE } from "../state/first";
import type { Message } from "../state/model";
import { imports, type Imports } from "./imports";

const ONE: Import = {
  id: "A", folder: "/old", mode: "copy", recursive: true, board: null, by_folder: false, invokeai_database: null,
  status: "running", found: 0, added: 0, known: 0, refused: 0, reasons: {}, refusals: [], error: null, owner: "local",
  created: "", started: null, ended: null,
};

function tell(held: Imports, ...told: unknown[]): Imports {
  return told.reduce<Imports>((now, each) => imports.reduce(now, each as Message, EMPTY_STATE), held);
}

const progress = (added: number) =>
  ({ type: "import.progress", import_id: "A", looking: false, found: 9, added, known: 1, refused: 2 });

describe("imports", () => {
  it("move with what is told, and stand once they have ended", () => {
    const held = tell(imports.first, { type: "slice.imports.loaded", items: [ONE] }, progress(3));
    expect(held.items[0]).toMatchObject({ found: 9, added: 3, known: 1, refused: 2 });
    const ended = tell(held, { type: "slice.imports.loaded", items: [{ ...ONE, status: "succeeded", added: 6 }] }, progress(4));
    expect(ended.items[0]?.added).toBe(6);
  });

  it("are read again once one began or ended, if anybody looks", () => {
    const told = { type: "import.changed", import_id: "A", status: "succeeded", added: 6, refused: 0, error: null };
    expect(tell(imports.first, told).state).toBe("idle");
    expect(tell(imports.first, { type: "slice.imports.loaded", items: [ONE] }, told).state).toBe("stale");
  });

  it("that are asked for stand first, once", () => {
    const held = tell(imports.first, { type: "slice.imports.loaded", items: [{ ...ONE, id: "B" }, ONE] });
    expect(tell(held, { type: "slice.imports.one", told: ONE }).items.map(({ id }) => id)).toEqual(["A", "B"]);
  });
});
