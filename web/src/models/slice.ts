import type { Fact, Frame, Install, Model, ModelRoot, Problem, Recommended } from "../api/wire.gen";
import type { Message } from "../state/model";
import type { Loaded, Slice } from "../state/slice";

/** Work on a model that is a job of its own, as its page shows it. */
export type Task = {
  job: string;
  model: string;
  what: "convert" | "verify";
  status: "queued" | "running" | "succeeded" | "failed" | "quarantined" | "canceled";
  phase: string;
  step: number;
  steps: number;
  result: Record<string, unknown> | null;
  error: Problem | null;
};

export type Models = {
  installs: Install[]; // newest first
  installsLoaded: Loaded;
  gone: Model[]; // whose file is gone
  recommended: Recommended[] | null;
  roots: ModelRoot[] | null;
  tasks: Task[]; // newest first
};

export type ModelsLocal =
  | { type: "slice.models.installs"; items: Install[] }
  | { type: "slice.models.loading" }
  | { type: "slice.models.failed" }
  | { type: "slice.models.install"; install: Install }
  | { type: "slice.models.gone"; items: Model[] }
  | { type: "slice.models.recommended"; items: Recommended[] }
  | { type: "slice.models.roots"; items: ModelRoot[] }
  | { type: "slice.models.task"; job: string; model: string; what: Task["what"] };

const TASKS = 20; // kept on the page

const FIRST: Models = {
  installs: [],
  installsLoaded: "idle",
  gone: [],
  recommended: null,
  roots: null,
  tasks: [],
};

export const modelsPage: Slice<Models> = { first: FIRST, reduce };

function reduce(held: Models, told: Message): Models {
  switch (told.type) {
    case "local.hello":
      return told.fresh && held.installsLoaded !== "idle" ? { ...held, installsLoaded: "stale" } : held;
    case "slice.models.installs":
      return { ...held, installs: told.items, installsLoaded: "ready" };
    case "slice.models.loading":
      return { ...held, installsLoaded: "loading" };
    case "slice.models.failed":
      return { ...held, installsLoaded: "failed" };
    case "slice.models.install":
      return { ...held, installs: put(held.installs, told.install) };
    case "slice.models.gone":
      return { ...held, gone: told.items };
    case "slice.models.recommended":
      return { ...held, recommended: told.items };
    case "slice.models.roots":
      return { ...held, roots: told.items };
    case "slice.models.task":
      return { ...held, tasks: [begun(told), ...held.tasks].slice(0, TASKS) };
    case "model.install":
      return held.installsLoaded === "idle" ? held : { ...held, installsLoaded: "stale" };
    case "model.progress":
      return { ...held, installs: progressed(held.installs, told) };
    case "model.deleted":
      return { ...held, gone: held.gone.filter(({ id }) => id !== told.model) };
    case "model.changed":
      return told.model.missing ? held : { ...held, gone: held.gone.filter(({ id }) => id !== told.model.id) };
    case "job.started":
    case "job.retried":
    case "job.ended":
    case "job.progress":
      return worked(held, told);
    default:
      return held;
  }
}

function put(installs: Install[], install: Install): Install[] {
  return installs.some(({ id }) => id === install.id)
    ? installs.map((held) => (held.id === install.id ? install : held))
    : [install, ...installs];
}

function progressed(installs: Install[], told: Extract<Frame, { type: "model.progress" }>): Install[] {
  return installs.map((held) =>
    held.id !== told.install || settled(held) || held.status === "paused"
      ? held
      : {
          ...held,
          status: told.total !== null && told.bytes >= told.total ? held.status : "downloading",
          bytes: told.bytes, total: told.total, per_second: told.per_second,
          eta_seconds: told.eta_seconds,
        },
  );
}

function begun({ job, model, what }: Extract<ModelsLocal, { type: "slice.models.task" }>): Task {
  return { job, model, what, status: "queued", phase: "", step: 0, steps: 0, result: null, error: null };
}

type Work = Extract<Fact | Frame, { type: "job.started" | "job.retried" | "job.ended" | "job.progress" }>;

function worked(held: Models, told: Work): Models {
  const task = held.tasks.find(({ job }) => job === told.job);
  if (!task || (task.status !== "queued" && task.status !== "running")) return held;
  const tasks = held.tasks.map((one) => (one === task ? after(one, told) : one));
  return { ...held, tasks };
}

function after(task: Task, told: Work): Task {
  switch (told.type) {
    case "job.started":
      return { ...task, status: "running" };
    case "job.retried":
      return { ...task, status: "queued", step: 0 };
    case "job.progress":
      return { ...task, status: "running", phase: told.phase, step: told.step, steps: told.steps };
    case "job.ended":
      return { ...task, status: told.status, result: told.result, error: told.error };
  }
}

/** Say whether an install has come to its end. */
export function settled({ status }: Install): boolean {
  return status === "done" || status === "canceled";
}
