import type { LineState } from "../api/socket";
import type {
  Capabilities,
  EngineState,
  Fact,
  Frame,
  Generated,
  Hello,
  Image,
  Job,
  Model,
  Problem,
  QueueState,
  SystemInfo,
} from "../api/wire.gen";
import type { Draft } from "./draft";
import type { SliceLocal, Slices } from "./slices";

export { EMPTY_DRAFT, type Draft } from "./draft";

export type Status = Job["status"];

/** One job as a tile shows it. */
export type Tile = {
  id: string;
  batch: string;
  status: Status;
  phase: string;
  step: number;
  steps: number;
  eta: number | null; // seconds, as of `etaAt`
  etaAt: number; // milliseconds
  images: string[];
  picture: TilePicture | null; // what is known of the first of them
  error: Problem | null;
  cut: boolean; // the prompt was longer than the model reads
  preview: string | null; // object URL
};

/** The shape of a tile's picture, and what stands for it where it is not seen. */
export type TilePicture = { id: string; width: number; height: number; words: string | null };

/** Jobs that were asked for together; the tiles have this shape from the first moment. */
export type Group = {
  id: string;
  jobs: string[];
  width: number;
  height: number;
  axes: string[]; // what a grid varies beside the seed
};

export type Toast = { id: number; tone: "plain" | "error"; text: string; undo: (() => void) | null };

export type Theme = "dark" | "light" | "auto";

export type Preferences = {
  language: string | null;
  theme: Theme;
  model: string | null;
  notify: boolean;
  guide: number; // the hint of the first visit that is shown; past the last one it is over
};

export type State = Core & Slices;

/** What an answer of the server is put into. */
export type Part = keyof Slices | "models";

/** What every page shares. */
export type Core = {
  seq: number | null;
  recent: readonly Fact[]; // the last ones, for answers that were under way
  line: LineState;
  signedOut: boolean;
  loaded: boolean;
  capabilities: Capabilities | null;
  system: SystemInfo | null;
  engine: Pick<EngineState, "state" | "device" | "reason"> | null;
  queue: QueueState;
  reasons: readonly string[]; // why the server does no work now
  tiles: Record<string, Record<string, Tile>>; // batch → job → tile: a change copies one batch
  groups: Group[]; // newest first
  others: string[]; // jobs that are trainings and tasks
  images: Record<string, Image>;
  models: Model[] | null;
  draft: Draft;
  preferences: Preferences;
  sending: boolean;
  problems: Record<string, string>; // field of the last refused request → words
  toasts: Toast[];
  memory: { used: number; total: number } | null;
};

/** What the page itself tells the reducer. */
export type Local =
  | { type: "local.line"; line: LineState }
  | { type: "local.hello"; hello: Hello; fresh: boolean }
  | { type: "local.again"; part: Part; since: number | null }
  | { type: "local.signed_out"; value: boolean }
  | { type: "local.language" } // another one is spoken: what the server described is asked for again
  | { type: "local.capabilities"; capabilities: Capabilities }
  | { type: "local.system"; system: SystemInfo }
  | { type: "local.queue"; queue: QueueState }
  | { type: "local.jobs"; jobs: Job[] }
  | { type: "local.pictures"; images: Image[] }
  | { type: "local.models"; models: Model[] }
  | { type: "local.accepted"; generated: Generated; width: number; height: number }
  | { type: "local.sending"; value: boolean }
  | { type: "local.problems"; problems: Record<string, string> }
  | { type: "local.preview"; job: string; step: number; steps: number; url: string }
  | { type: "local.shown"; job: string }
  | { type: "local.image"; image: Image }
  | { type: "local.draft"; change: Partial<Draft> }
  | { type: "local.preferences"; change: Partial<Preferences> }
  | { type: "local.toast"; toast: Toast }
  | { type: "local.untoast"; id: number };

export type Message = Fact | Frame | Local | SliceLocal;

export function ended(status: Status): boolean {
  return status !== "queued" && status !== "running";
}
