import type { Checkpoint, Dataset, DatasetImage, LossPoint, Sample, Training } from "../api/wire.gen";
import type { Loaded } from "../state/slice";
import { restoredDraft, type RecipeDraft } from "./draft";
import type { Pages } from "./pages";

/** A file on its way into a dataset; what became of it stays until somebody has read it. */
export type Upload = {
  id: number;
  dataset: string;
  file: string;
  state: "waiting" | "sending" | "kept" | "aside" | "failed";
  sent: number; // 0 … 1
  words: string; // why it was set aside, or could not be sent
};

/** A dataset as its page shows it: its pictures are held by pages. */
export type Whole = {
  state: Loaded;
  dataset: Omit<Dataset, "kept" | "next"> | null;
  pictures: Pages<DatasetImage>;
  taughtAs: string; // what the buckets are for
};

/** What is shown of one run beyond its own record. */
export type Opened = {
  state: Loaded;
  points: LossPoint[];
  samples: Sample[]; // newest first
  samplesNext: string | null; // cursor of older ones
  kept: Checkpoint[];
  keptState: Loaded;
};

export type Progress = { phase: string; step: number; steps: number; eta: number | null };

export type Held = {
  runs: Training[]; // newest first
  runsState: Loaded;
  runsNext: string | null;
  staleRuns: string[]; // read anew one by one
  sets: Dataset[]; // newest first, without their pictures
  setsState: Loaded;
  setsNext: string | null;
  whole: Record<string, Whole>;
  opened: Record<string, Opened>;
  progress: Record<string, Progress>; // by job
  overJobs: string[]; // that ended lately: somebody may wait for one
  uploads: Upload[];
  draft: RecipeDraft;
};

export const SAMPLES = 10_000; // of one run, the newest; older ones are in the gallery
const OPENED = 8; // runs whose curves are held, and datasets
const PROGRESS = 32; // jobs

export const BLANK: Opened = { state: "idle", points: [], samples: [], samplesNext: null, kept: [], keptState: "idle" };

export const FIRST: Held = {
  runs: [], runsState: "idle", runsNext: null, staleRuns: [],
  sets: [], setsState: "idle", setsNext: null, whole: {},
  opened: {}, progress: {}, overJobs: [], uploads: [], draft: restoredDraft(),
};

/** Say whether nothing more happens to a file. */
export function over({ state }: Upload): boolean {
  return state === "kept" || state === "aside" || state === "failed";
}

export function staled(state: Loaded): Loaded {
  return state === "idle" ? "idle" : "stale";
}

export function stale(held: Held): Held {
  const whole = Object.entries(held.whole).map(([id, one]) => [id, { ...one, state: staled(one.state) }]);
  const opened = Object.entries(held.opened).map(([id, one]) => [id, { ...one, state: staled(one.state) }]);
  return {
    ...held, runsState: staled(held.runsState), setsState: staled(held.setsState), progress: {},
    whole: Object.fromEntries(whole) as Held["whole"],
    opened: Object.fromEntries(opened) as Held["opened"],
  };
}

export function change(held: Held, id: string, fields: Partial<Training>): Held {
  if (!held.runs.some((run) => run.id === id)) return reread(held, id);
  return { ...held, runs: held.runs.map((run) => (run.id === id ? { ...run, ...fields } : run)) };
}

/** Ask for a run's record anew; of a list that was never loaded nothing is asked. */
export function reread(held: Held, id: string): Held {
  if (held.runsState === "idle" || held.staleRuns.includes(id)) return held;
  return { ...held, staleRuns: [...held.staleRuns, id] };
}

export function open(held: Held, id: string, make: (opened: Opened) => Partial<Opened>): Held {
  const opened = held.opened[id];
  return opened ? { ...held, opened: { ...held.opened, [id]: { ...opened, ...make(opened) } } } : held;
}

export function without(held: Held, id: string): Held {
  return {
    ...held, runs: held.runs.filter((run) => run.id !== id),
    staleRuns: held.staleRuns.filter((one) => one !== id), opened: omit(held.opened, id),
  };
}

export function withoutSet(held: Held, id: string): Held {
  return { ...held, sets: held.sets.filter((one) => one.id !== id), whole: omit(held.whole, id) };
}

export function opened(held: Held, id: string, one: Opened): Held {
  return { ...held, opened: lastOf({ ...held.opened, [id]: one }, OPENED) };
}

export function whole(held: Held, id: string, one: Whole): Held {
  return { ...held, whole: lastOf({ ...held.whole, [id]: one }, OPENED) };
}

/** Change the pictures of a set that is open. */
export function inSet(held: Held, id: string, make: (pictures: Pages<DatasetImage>) => Pages<DatasetImage>): Held {
  const one = held.whole[id];
  return one ? { ...held, whole: { ...held.whole, [id]: { ...one, pictures: make(one.pictures) } } } : held;
}

export function going(held: Held, job: string, progress: Progress): Held {
  return { ...held, progress: lastOf({ ...held.progress, [job]: progress }, PROGRESS) };
}

function omit<T>(table: Record<string, T>, key: string): Record<string, T> {
  return Object.fromEntries(Object.entries(table).filter(([name]) => name !== key));
}

function lastOf<T>(table: Record<string, T>, most: number): Record<string, T> {
  const entries = Object.entries(table);
  return entries.length <= most ? table : Object.fromEntries(entries.slice(-most));
}
