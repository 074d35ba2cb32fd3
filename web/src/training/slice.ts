import type {
  Checkpoint, Dataset, DatasetChanged, DatasetImage, LossPoint, Sample, Training, TrainingChanged,
  TrainingCheckpoint, TrainingEnded, TrainingLoss, TrainingPaused, TrainingSample, TrainingStarted,
  TrainingWarned,
} from "../api/wire.gen";
import type { Message, State } from "../state/model";
import type { Loaded, Slice } from "../state/slice";
import { restoredDraft, type RecipeDraft } from "./draft";
import { grown } from "./curve";

/** A file on its way into a dataset; what became of it stays until somebody has read it. */
export type Upload = {
  id: number;
  dataset: string;
  file: string;
  state: "waiting" | "sending" | "kept" | "aside" | "failed";
  sent: number; // 0 … 1
  words: string; // why it was set aside, or could not be sent
};

/** What is shown of one run beyond its own record. */
export type Opened = { state: Loaded; points: LossPoint[]; samples: Sample[]; kept: Checkpoint[]; keptState: Loaded };

export type Progress = { phase: string; step: number; steps: number; eta: number | null };

export type Held = {
  runs: Training[]; // newest first
  runsState: Loaded;
  runsNext: string | null;
  staleRuns: string[]; // read anew one by one
  sets: Dataset[]; // newest first, without their pictures
  setsState: Loaded;
  setsNext: string | null;
  whole: Record<string, { state: Loaded; dataset: Dataset | null }>;
  opened: Record<string, Opened>;
  progress: Record<string, Progress>; // by job
  overJobs: string[]; // that ended lately: somebody may wait for one
  uploads: Upload[];
  draft: RecipeDraft;
};

export type TrainingLocal =
  | { type: "slice.training.runs"; state: Loaded; items?: Training[]; next?: string | null; more?: boolean }
  | { type: "slice.training.run"; run: Training }
  | { type: "slice.training.refreshing" }
  | { type: "slice.training.gone"; id: string }
  | { type: "slice.training.sets"; state: Loaded; items?: Dataset[]; next?: string | null; more?: boolean }
  | { type: "slice.training.set"; id: string; state: Loaded; dataset?: Dataset }
  | { type: "slice.training.pictures"; id: string; items: DatasetImage[]; next: string | null }
  | { type: "slice.training.picture"; id: string; image: DatasetImage }
  | { type: "slice.training.set_gone"; id: string }
  | { type: "slice.training.opened"; id: string; state: Loaded; points?: LossPoint[]; samples?: Sample[]; kept?: Checkpoint[] }
  | { type: "slice.training.kept"; id: string; state: Loaded; kept?: Checkpoint[] }
  | { type: "slice.training.uploads"; uploads: Upload[] }
  | { type: "slice.training.upload"; id: number; change: Partial<Upload> }
  | { type: "slice.training.uploads_gone"; ids: ReadonlySet<number> }
  | { type: "slice.training.uploads_read"; dataset: string }
  | { type: "slice.training.draft"; change: Partial<RecipeDraft> };

type Told =
  | TrainingStarted | TrainingLoss | TrainingSample | TrainingCheckpoint | TrainingPaused
  | TrainingWarned | TrainingEnded | TrainingChanged | DatasetChanged;

const OPENED = 8; // runs whose curves are held
const SAMPLES = 2000; // of one run
const UPLOADS = 500; // that are listed
const PROGRESS = 32; // jobs
const OVER = 64; // jobs

const BLANK: Opened = { state: "idle", points: [], samples: [], kept: [], keptState: "idle" };

const FIRST: Held = {
  runs: [], runsState: "idle", runsNext: null, staleRuns: [],
  sets: [], setsState: "idle", setsNext: null, whole: {},
  opened: {}, progress: {}, overJobs: [], uploads: [], draft: restoredDraft(),
};

export const training: Slice<Held> = { first: FIRST, reduce };

function reduce(held: Held, told: Message, state: State): Held {
  if (told.type === "local.hello") return told.fresh ? stale(held) : held;
  if (told.type.startsWith("slice.training.")) return local(held, told as TrainingLocal);
  if (told.type === "job.progress") {
    if (!held.runs.some(({ job }) => job === told.job)) return held;
    const { phase, step, steps } = told;
    const progress = { ...held.progress, [told.job]: { phase, step, steps, eta: told.eta_seconds } };
    return { ...held, progress: lastOf(progress, PROGRESS) };
  }
  if (told.type === "job.ended") return { ...held, overJobs: [...held.overJobs, told.job].slice(-OVER) };
  const ours = told.type.startsWith("training.") || told.type === "dataset.changed";
  return ours ? fact(held, told as Told, state) : held;
}

function fact(held: Held, told: Told, state: State): Held {
  switch (told.type) {
    case "training.started":
      return change(held, told.training, { status: "running", step: told.step, steps: told.steps, job: told.job, ended: null });
    case "training.loss": {
      const last = told.points.at(-1);
      if (!last) return held;
      const known = held.runs.find(({ id }) => id === told.training);
      const status = known?.status === "queued" ? { status: "running" as const } : {};
      return open(
        change(held, told.training, { step: last.step, loss: last.loss, ...status }),
        told.training, ({ points }) => ({ points: grown(points, told.points) }),
      );
    }
    case "training.sample": {
      const { training, step, image, prompt, role } = told;
      const seed = state.images[image]?.seed ?? 0;
      return open(held, training, ({ samples }) =>
        samples.some((one) => one.image === image)
          ? {}
          : { samples: [{ training, step, image, prompt, role, seed }, ...samples].slice(0, SAMPLES) },
      );
    }
    case "training.checkpoint": // its size is not told: the list is read anew
      return open(held, told.training, (opened) => ({ keptState: staled(opened.keptState) }));
    case "training.paused":
      return change(held, told.training, { status: told.paused ? "paused" : "running", step: told.step });
    case "training.warned": {
      const run = held.runs.find(({ id }) => id === told.training);
      if (!run) return held;
      if (run.warnings.some((one) => JSON.stringify(one) === JSON.stringify(told.warning))) return held;
      return change(held, run.id, { warnings: [...run.warnings, told.warning].slice(-100) });
    }
    case "training.ended":
      return reread(change(held, told.training, { status: told.status, step: told.step, model: told.model }), told.training);
    case "training.changed":
      return told.deleted ? without(held, told.training) : reread(held, told.training);
    case "dataset.changed": {
      if (told.deleted) return withoutSet(held, told.dataset);
      const setsState = staled(held.setsState);
      const whole = held.whole[told.dataset];
      if (!whole) return setsState === held.setsState ? held : { ...held, setsState };
      return { ...held, setsState, whole: { ...held.whole, [told.dataset]: { ...whole, state: staled(whole.state) } } };
    }
    default:
      told satisfies never;
      return held;
  }
}

function local(held: Held, told: TrainingLocal): Held {
  switch (told.type) {
    case "slice.training.runs":
      return {
        ...held, runsState: told.state, runsNext: told.next === undefined ? held.runsNext : told.next,
        runs: told.items ? (told.more ? [...held.runs, ...told.items] : told.items) : held.runs,
      };
    case "slice.training.run": {
      const known = held.runs.some(({ id }) => id === told.run.id);
      const runs = known
        ? held.runs.map((run) => (run.id === told.run.id ? told.run : run))
        : [...held.runs, told.run].sort((one, two) => (one.id < two.id ? 1 : -1)); // ULIDs sort by time
      return { ...held, runs };
    }
    case "slice.training.refreshing":
      return held.staleRuns.length > 0 ? { ...held, staleRuns: [] } : held;
    case "slice.training.gone":
      return without(held, told.id);
    case "slice.training.sets":
      return {
        ...held, setsState: told.state, setsNext: told.next === undefined ? held.setsNext : told.next,
        sets: told.items ? (told.more ? [...held.sets, ...told.items] : told.items) : held.sets,
      };
    case "slice.training.set": {
      const dataset = told.dataset ?? held.whole[told.id]?.dataset ?? null;
      return { ...held, whole: lastOf({ ...held.whole, [told.id]: { state: told.state, dataset } }, OPENED) };
    }
    case "slice.training.pictures":
      return inSet(held, told.id, (dataset) => ({
        ...dataset, next: told.next, kept: [...dataset.kept, ...told.items],
      }));
    case "slice.training.picture":
      return inSet(held, told.id, (dataset) => ({
        ...dataset, kept: dataset.kept.map((one) => (one.id === told.image.id ? told.image : one)),
      }));
    case "slice.training.set_gone":
      return withoutSet(held, told.id);
    case "slice.training.opened": {
      const { id, state, points, samples, kept } = told;
      const before = held.opened[id] ?? BLANK;
      const opened: Opened = {
        ...before, state,
        ...(points ? { points: grown(points, before.points.filter(({ step }) => step > (points.at(-1)?.step ?? 0))) } : {}),
        ...(samples ? { samples } : {}),
        ...(kept ? { kept, keptState: "ready" as const } : {}),
      };
      return { ...held, opened: lastOf({ ...held.opened, [id]: opened }, OPENED) };
    }
    case "slice.training.kept":
      return open(held, told.id, () => ({ keptState: told.state, ...(told.kept ? { kept: told.kept } : {}) }));
    case "slice.training.uploads":
      return { ...held, uploads: [...held.uploads, ...told.uploads].slice(-UPLOADS) };
    case "slice.training.upload":
      return { ...held, uploads: held.uploads.map((one) => (one.id === told.id ? { ...one, ...told.change } : one)) };
    case "slice.training.uploads_gone":
      return { ...held, uploads: held.uploads.filter(({ id }) => !told.ids.has(id)) };
    case "slice.training.uploads_read":
      return { ...held, uploads: held.uploads.filter((one) => one.dataset !== told.dataset || !over(one)) };
    case "slice.training.draft":
      return { ...held, draft: { ...held.draft, ...told.change } };
    default:
      told satisfies never;
      return held;
  }
}

/** Say whether nothing more happens to a file. */
export function over({ state }: Upload): boolean {
  return state === "kept" || state === "aside" || state === "failed";
}

function staled(state: Loaded): Loaded {
  return state === "idle" ? "idle" : "stale";
}

function stale(held: Held): Held {
  const whole = Object.entries(held.whole).map(([id, one]) => [id, { ...one, state: staled(one.state) }]);
  const opened = Object.entries(held.opened).map(([id, one]) => [id, { ...one, state: staled(one.state) }]);
  return {
    ...held, runsState: staled(held.runsState), setsState: staled(held.setsState), progress: {},
    whole: Object.fromEntries(whole) as Held["whole"],
    opened: Object.fromEntries(opened) as Held["opened"],
  };
}

function change(held: Held, id: string, fields: Partial<Training>): Held {
  if (!held.runs.some((run) => run.id === id)) return reread(held, id);
  return { ...held, runs: held.runs.map((run) => (run.id === id ? { ...run, ...fields } : run)) };
}

/** Ask for a run's record anew; of a list that was never loaded nothing is asked. */
function reread(held: Held, id: string): Held {
  if (held.runsState === "idle" || held.staleRuns.includes(id)) return held;
  return { ...held, staleRuns: [...held.staleRuns, id] };
}

function open(held: Held, id: string, make: (opened: Opened) => Partial<Opened>): Held {
  const opened = held.opened[id];
  return opened ? { ...held, opened: { ...held.opened, [id]: { ...opened, ...make(opened) } } } : held;
}

function without(held: Held, id: string): Held {
  return {
    ...held, runs: held.runs.filter((run) => run.id !== id),
    staleRuns: held.staleRuns.filter((one) => one !== id), opened: omit(held.opened, id),
  };
}

function withoutSet(held: Held, id: string): Held {
  return { ...held, sets: held.sets.filter((one) => one.id !== id), whole: omit(held.whole, id) };
}

function inSet(held: Held, id: string, make: (dataset: Dataset) => Dataset): Held {
  const whole = held.whole[id];
  if (!whole?.dataset) return held;
  return { ...held, whole: { ...held.whole, [id]: { ...whole, dataset: make(whole.dataset) } } };
}

function omit<T>(table: Record<string, T>, key: string): Record<string, T> {
  return Object.fromEntries(Object.entries(table).filter(([name]) => name !== key));
}

function lastOf<T>(table: Record<string, T>, most: number): Record<string, T> {
  const entries = Object.entries(table);
  return entries.length <= most ? table : Object.fromEntries(entries.slice(-most));
}
