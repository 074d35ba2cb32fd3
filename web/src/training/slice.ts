import type { Checkpoint, Dataset, DatasetImage, LossPoint, Sample, Training } from "../api/wire.gen";
import type { Message, State } from "../state/model";
import type { Loaded, Slice } from "../state/slice";
import { grown } from "./curve";
import type { RecipeDraft } from "./draft";
import { fact, type Told } from "./facts";
import { BLANK, FIRST, going, inSet, open, opened, over, SAMPLES, stale, whole, without, withoutSet, type Held, type Upload } from "./held";
import { added, begun, mapped, NO_PAGES } from "./pages";
import { continued } from "./timeline";

const UPLOADS = 10_000; // that are listed: as many as a dataset takes
const OVER = 64; // jobs

export type TrainingLocal =
  | { type: "slice.training.runs"; state: Loaded; items?: Training[]; next?: string | null; more?: boolean }
  | { type: "slice.training.run"; run: Training }
  | { type: "slice.training.refreshing" }
  | { type: "slice.training.gone"; id: string }
  | { type: "slice.training.sets"; state: Loaded; items?: Dataset[]; next?: string | null; more?: boolean }
  | { type: "slice.training.set"; id: string; state: Loaded; dataset?: Dataset; taughtAs?: string }
  | {
      type: "slice.training.pictures"; id: string;
      page: number; begin: string | null; items: DatasetImage[]; next: string | null;
    }
  | { type: "slice.training.picture"; id: string; image: DatasetImage }
  | { type: "slice.training.set_gone"; id: string }
  | {
      type: "slice.training.opened"; id: string; state: Loaded;
      points?: LossPoint[]; samples?: { items: Sample[]; next: string | null }; kept?: Checkpoint[];
    }
  | { type: "slice.training.samples"; id: string; from: string; items: Sample[]; next: string | null }
  | { type: "slice.training.kept"; id: string; state: Loaded; kept?: Checkpoint[] }
  | { type: "slice.training.uploads"; uploads: Upload[] }
  | { type: "slice.training.upload"; id: number; change: Partial<Upload> }
  | { type: "slice.training.uploads_gone"; ids: ReadonlySet<number> }
  | { type: "slice.training.uploads_read"; dataset: string }
  | { type: "slice.training.draft"; change: Partial<RecipeDraft> };

export const training: Slice<Held> = { first: FIRST, reduce };

function reduce(held: Held, told: Message, state: State): Held {
  if (told.type === "local.hello") return told.fresh ? stale(held) : held;
  if (told.type.startsWith("slice.training.")) return local(held, told as TrainingLocal);
  if (told.type === "job.progress") {
    if (!held.runs.some(({ job }) => job === told.job)) return held;
    const { phase, step, steps } = told;
    return going(held, told.job, { phase, step, steps, eta: told.eta_seconds });
  }
  if (told.type === "job.ended") return { ...held, overJobs: [...held.overJobs, told.job].slice(-OVER) };
  const ours = told.type.startsWith("training.") || told.type === "dataset.changed";
  return ours ? fact(held, told as Told, state) : held;
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
      const before = held.whole[told.id] ?? { state: "idle", dataset: null, pictures: NO_PAGES, taughtAs: "" };
      if (!told.dataset) return whole(held, told.id, { ...before, state: told.state });
      const { kept, next, ...dataset } = told.dataset;
      return whole(held, told.id, {
        state: told.state, dataset, pictures: begun(kept, next, before.pictures), taughtAs: told.taughtAs ?? "",
      });
    }
    case "slice.training.pictures":
      return inSet(held, told.id, (pictures) => added(pictures, told.page, told.begin, told.items, told.next));
    case "slice.training.picture":
      return inSet(held, told.id, (pictures) =>
        mapped(pictures, (one) => (one.id === told.image.id ? told.image : one)));
    case "slice.training.set_gone":
      return withoutSet(held, told.id);
    case "slice.training.opened": {
      const { id, state, points, samples, kept } = told;
      const before = held.opened[id] ?? BLANK;
      return opened(held, id, {
        ...before, state,
        ...(points ? { points: grown(points, before.points.filter(({ step }) => step > (points.at(-1)?.step ?? 0))) } : {}),
        ...(samples ? continued(samples, before) : {}),
        ...(kept ? { kept, keptState: "ready" as const } : {}),
      });
    }
    case "slice.training.samples":
      return open(held, told.id, ({ samples, samplesNext }) => {
        if (samplesNext !== told.from) return {}; // read anew meanwhile
        const all = [...samples, ...told.items];
        return { samples: all.slice(0, SAMPLES), samplesNext: all.length < SAMPLES ? told.next : null };
      });
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

