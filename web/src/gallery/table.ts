import type { BatchCells, Job } from "../api/wire.gen";
import type { Message } from "../state/model";
import type { Loaded, Slice } from "../state/slice";

/** The batch that is shown as a table, with all of its cells that were read. */
export type XyBatch = { id: string; state: Loaded; batch: Omit<BatchCells, "cells" | "next"> | null; cells: Job[] };

export type TableLocal =
  | { type: "slice.table.open"; id: string }
  | { type: "slice.table.failed" }
  | { type: "slice.table.loaded"; id: string; batch: BatchCells; cells: Job[] };

export const table: Slice<XyBatch> = { first: { id: "", state: "idle", batch: null, cells: [] }, reduce };

function reduce(held: XyBatch, told: Message): XyBatch {
  switch (told.type) {
    case "slice.table.open":
      return told.id === held.id ? { ...held, state: "loading" } : { id: told.id, state: "loading", batch: null, cells: [] };
    case "slice.table.failed":
      return { ...held, state: "failed" };
    case "slice.table.loaded":
      return told.id === held.id ? { ...held, state: "ready", batch: told.batch, cells: told.cells } : held;
    case "local.hello":
      return told.fresh ? stale(held) : held;
    case "batch.retried":
      return told.batch === held.id ? stale(held) : held;
    case "job.started":
      return change(held, told.job, (job) => ({ ...job, status: "running" }));
    case "job.ended":
      return change(held, told.job, (job) => ({ ...job, status: told.status, images: told.images, error: told.error }));
    case "image.deleted":
      return held.cells.some(({ images }) => images.includes(told.image))
        ? { ...held, cells: held.cells.map((job) => ({ ...job, images: job.images.filter((id) => id !== told.image) })) }
        : held;
    default:
      return held;
  }
}

function stale(held: XyBatch): XyBatch {
  return held.state === "idle" ? held : { ...held, state: "stale" };
}

function change(held: XyBatch, id: string, make: (job: Job) => Job): XyBatch {
  if (!held.cells.some((job) => job.id === id)) return held;
  return { ...held, cells: held.cells.map((job) => (job.id === id ? make(job) : job)) };
}
