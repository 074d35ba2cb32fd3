import type { BatchCells, Job, JobEnded } from "../api/wire.gen";
import type { Message } from "../state/model";
import type { Loaded, Slice } from "../state/slice";

/** What a batch is called by in the panel. */
export type Head = { prompt: string | null; count: number };

/** The line as the panel shows it: what runs, what comes next, what failed. */
export type QueueHeld = {
  open: boolean;
  running: Job[];
  waiting: Job[]; // the head of the line, the next one first
  failed: Job[]; // newest first
  heads: Record<string, Head>;
  state: Loaded;
};

export type QueueLocal =
  | { type: "slice.queue.open"; open: boolean }
  | { type: "slice.queue.loading" }
  | { type: "slice.queue.failed" }
  | { type: "slice.queue.lists"; running: Job[]; waiting: Job[]; failed: Job[] }
  | { type: "slice.queue.heads"; heads: Record<string, Head> }
  | { type: "slice.queue.moved"; job: string; to: number }
  | { type: "slice.queue.dismissed"; job: string };

const FAILED = 50; // kept in sight
const HEADS = 300;

export const queueSlice: Slice<QueueHeld> = {
  first: { open: false, running: [], waiting: [], failed: [], heads: {}, state: "idle" },
  reduce: (held, told) => {
    switch (told.type) {
      case "slice.queue.open":
        return { ...held, open: told.open, state: told.open && held.state !== "ready" ? "stale" : held.state };
      case "slice.queue.loading":
        return { ...held, state: "loading" };
      case "slice.queue.failed":
        return { ...held, state: "failed" };
      case "slice.queue.lists":
        return {
          ...held, running: told.running, waiting: told.waiting, failed: told.failed,
          state: held.state === "stale" ? "stale" : "ready",
        };
      case "slice.queue.heads":
        return { ...held, heads: bounded({ ...held.heads, ...told.heads }) };
      case "slice.queue.moved":
        return { ...held, waiting: moved(held.waiting, told.job, told.to) };
      case "slice.queue.dismissed":
        return { ...held, failed: held.failed.filter(({ id }) => id !== told.job) };
      default:
        return held.state === "idle" ? held : heard(held, told);
    }
  },
};

/** Apply what facts and frames say of jobs; what they do not say is loaded again. */
function heard(held: QueueHeld, told: Message): QueueHeld {
  switch (told.type) {
    case "job.queued":
    case "batch.queued":
    case "batch.retried":
    case "job.retried":
    case "queue.changed":
      return { ...held, state: "stale" };
    case "job.started": {
      const taken = held.waiting.find(({ id }) => id === told.job);
      if (held.running.some(({ id }) => id === told.job)) return held;
      if (!taken) return { ...held, state: "stale" };
      const running = [...held.running, { ...taken, status: "running" as const, started: told.at }];
      return { ...held, running, waiting: held.waiting.filter(({ id }) => id !== told.job) };
    }
    case "job.progress":
      return {
        ...held,
        running: held.running.map((job) =>
          job.id === told.job
            ? {
                ...job, eta_seconds: told.eta_seconds,
                progress: { step: told.step, steps: told.steps, phase: told.phase, cached: told.cached },
              }
            : job,
        ),
      };
    case "job.ended":
      return ended(held, told);
    case "local.hello":
      return told.fresh ? { ...held, state: "stale" } : held;
    default:
      return held;
  }
}

function ended(held: QueueHeld, told: JobEnded): QueueHeld {
  const job = [...held.running, ...held.waiting].find(({ id }) => id === told.job);
  if (!job) return held;
  const rest = {
    ...held,
    running: held.running.filter((one) => one !== job),
    waiting: held.waiting.filter((one) => one !== job),
  };
  // The head of a long line runs out as it is taken: load the next part of it.
  const short = rest.waiting.length === 0 && held.waiting.length > 0;
  const state = short ? ("stale" as const) : held.state;
  if (told.status !== "failed" && told.status !== "quarantined") return { ...rest, state };
  const failed = { ...job, status: told.status, error: told.error, ended: told.at };
  return { ...rest, state, failed: [failed, ...held.failed].slice(0, FAILED) };
}

/** Put a job of the line at another place of it. */
export function moved(waiting: Job[], job: string, to: number): Job[] {
  const found = waiting.find(({ id }) => id === job);
  if (!found) return waiting;
  const rest = waiting.filter((one) => one !== found);
  return [...rest.slice(0, to), found, ...rest.slice(to)];
}

export function headOf(batch: BatchCells): Head {
  const prompt = batch.recipe?.prompt;
  return { prompt: typeof prompt === "string" ? prompt : null, count: batch.count };
}

function bounded(heads: Record<string, Head>): Record<string, Head> {
  const all = Object.entries(heads);
  return all.length <= HEADS ? heads : Object.fromEntries(all.slice(-HEADS));
}
