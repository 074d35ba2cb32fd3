import type { Fact, Frame, Model } from "../api/wire.gen";
import { ended, type Local, type Message, type Part, type State } from "./model";
import { hold } from "./pictures";
import { inSlice, inSlices } from "./slices";
import { accept, change, forget, giveBack, isCut, placeJobs, setAside, tileOf, touch } from "./tiles";

const RECENT = 256; // facts that an answer may have missed

/** The one place where what the server said becomes what the page shows. */
export function reduce(state: State, message: Message): State {
  if ("seq" in message) {
    if (state.seq !== null && message.seq <= state.seq) return state; // replayed
    const recent = [...state.recent.slice(1 - RECENT), message];
    return inSlices(fact({ ...state, seq: message.seq, recent }, message), message);
  }
  if (message.type === "local.again") return again(state, message.part, message.since);
  return inSlices(shared(state, message), message);
}

/** Tell one part the facts that came while its answer was under way: the answer may lack them. */
function again(state: State, part: Part, since: number | null): State {
  const missed = state.recent.filter(({ seq }) => since !== null && seq > since);
  if (part !== "models") return missed.reduce((held, told) => inSlice(held, part, told), state);
  return missed.filter(({ type }) => type.startsWith("model.")).reduce(fact, state);
}

function shared(state: State, message: Exclude<Message, Fact>): State {
  if (message.type.startsWith("slice.")) return state;
  return message.type.startsWith("local.")
    ? local(state, message as Local)
    : frame(state, message as Frame);
}

function fact(state: State, told: Fact): State {
  switch (told.type) {
    case "job.queued":
      return told.kind === "graph"
        ? change(count(state, "queued", 1), told.job, told.batch, (tile) => tile)
        : setAside(count(state, "queued", 1), told.job);
    case "batch.queued":
    case "batch.retried":
      return count(state, "queued", told.count);
    case "job.started":
      return change(move(state, "queued", "running"), told.job, told.batch, (tile) =>
        ended(tile.status) ? tile : { ...tile, status: "running" },
      );
    case "job.retried":
      return change(move(state, "running", "queued"), told.job, told.batch, (tile) => ({
        ...tile, status: "queued", step: 0, phase: "", eta: null, error: null, preview: null,
      }));
    case "job.ended": {
      const running = tileOf(state, told.job, told.batch)?.status === "running" || state.others.includes(told.job);
      const from = running ? "running" : "queued";
      return change(move(state, from, told.status), told.job, told.batch, (tile) => ({
        ...tile, status: told.status, images: told.images, error: told.error, eta: null,
        cut: isCut(told), preview: told.images.length > 0 ? tile.preview : null,
      }));
    }
    case "queue.changed":
      return {
        ...state,
        queue: { ...state.queue, paused: told.paused, reason: told.paused ? told.reason : null },
      };
    case "image.added":
    case "image.changed":
      return giveBack(hold(state, told.image), told.image);
    case "image.deleted":
      return forget(state, told.image);
    case "model.added":
    case "model.changed":
      return { ...state, models: upsert(state.models, told.model) };
    case "model.deleted":
      return { ...state, models: state.models?.filter(({ id }) => id !== told.model) ?? null };
    case "engine.state":
      return { ...state, engine: { state: told.state, device: told.device, reason: told.reason } };
    case "batch.ended":
    case "board.changed":
    case "import.changed":
    case "model.install":
    case "training.started":
    case "training.loss":
    case "training.sample":
    case "training.checkpoint":
    case "training.paused":
    case "training.warned":
    case "training.changed":
    case "training.ended":
    case "dataset.changed":
    case "workflow.changed":
    case "preset.changed":
    case "config.changed":
      return state; // what only one page shows is in its slice
    default:
      told satisfies never;
      return state; // a newer server's word
  }
}

function frame(state: State, shown: Frame): State {
  switch (shown.type) {
    case "job.progress":
      return touch(state, shown.job, (tile) =>
        ended(tile.status)
          ? tile
          : {
              ...tile, status: "running", phase: shown.phase, step: shown.step,
              steps: shown.steps, eta: shown.eta_seconds, etaAt: Date.now(),
            },
      );
    case "memory":
      return { ...state, memory: { used: shown.used, total: shown.total } };
    case "readiness":
      return { ...state, reasons: shown.reasons };
    case "job.preview": // comes as a binary message, and from there as `local.preview`
    case "model.progress":
    case "import.progress":
      return state;
    default:
      shown satisfies never;
      return state;
  }
}

function local(state: State, told: Local): State {
  switch (told.type) {
    case "local.line":
      return { ...state, line: told.line };
    case "local.hello":
      return { ...state, line: "open", seq: told.fresh ? told.hello.seq : state.seq, reasons: told.hello.reasons };
    case "local.signed_out":
      return { ...state, signedOut: told.value, line: told.value ? "refused" : state.line };
    case "local.capabilities":
      return { ...state, capabilities: told.capabilities };
    case "local.system": {
      const { engine } = told.system;
      const known = { state: engine.state, device: engine.device_name ?? engine.device, reason: null };
      return { ...state, system: told.system, engine: known as State["engine"] };
    }
    case "local.queue":
      return { ...state, queue: told.queue };
    case "local.jobs":
      return { ...placeJobs(state, told.jobs.filter(({ status }) => status !== "canceled")), loaded: true };
    case "local.models":
      return { ...state, models: told.models };
    case "local.accepted":
      return accept(state, told.generated, told.width, told.height);
    case "local.sending":
      return { ...state, sending: told.value };
    case "local.problems":
      return { ...state, problems: told.problems };
    case "local.preview":
      return touch(state, told.job, (tile) =>
        ended(tile.status) ? tile : { ...tile, preview: told.url },
      );
    case "local.shown":
      return touch(state, told.job, (tile) => (tile.preview === null ? tile : { ...tile, preview: null }));
    case "local.pictures":
      return hold(state, ...told.images);
    case "local.image":
      return hold(state, told.image);
    case "local.draft":
      return { ...state, draft: { ...state.draft, ...told.change } };
    case "local.preferences":
      return { ...state, preferences: { ...state.preferences, ...told.change } };
    case "local.toast":
      return { ...state, toasts: [...state.toasts.slice(-2), told.toast] };
    case "local.language":
      return state; // what was described is in the slices
    case "local.untoast":
      return { ...state, toasts: state.toasts.filter(({ id }) => id !== told.id) };
    case "local.again":
      return state; // is told to one part alone
    default:
      told satisfies never;
      return state;
  }
}

function count(state: State, status: string, by: number): State {
  const counts = { ...state.queue.counts };
  counts[status] = Math.max(0, (counts[status] ?? 0) + by);
  return { ...state, queue: { ...state.queue, counts } };
}

function move(state: State, from: string, to: string): State {
  return count(count(state, from, -1), to, 1);
}

function upsert(models: Model[] | null, model: Model): Model[] {
  const held = models ?? [];
  return held.some(({ id }) => id === model.id)
    ? held.map((item) => (item.id === model.id ? model : item))
    : [model, ...held];
}
