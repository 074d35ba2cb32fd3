import type { Catalogue, JobEnded, JobProgress, LeftOut, Problem, Workflow, WorkflowHead } from "../api/wire.gen";
import type { Message, State } from "../state/model";
import type { Loaded, Slice } from "../state/slice";
import { tileOf } from "../state/tiles";
import { above } from "./connect";
import { EMPTY_DOC, fromWorkflow, same, type Doc } from "./doc";
import { noHistory, noted, redone, undone, type History } from "./history";
import { faultsOf, kept, type Faults } from "./problems";

/** Where a document came from: what it is saved as, and the version that was read. */
export type Origin = { id: string; version: number };

/** Jobs of one press of the button, and where the newest of them is in the graph. */
export type Run = {
  batch: string;
  jobs: string[];
  node: string | null;
  drawing: string | null;
  seen: string[];
  cached: string[]; // nodes that did not run, since their outputs were known
};

/** What to open once nothing is lost by it. */
export type Wanted =
  | { kind: "new" }
  | { kind: "saved"; id: string; leftOut?: LeftOut[] } // another program's, as far as it came over
  | { kind: "image"; id: string }
  | { kind: "doc"; doc: Doc };

export type WorkflowHeld = {
  begun: boolean; // what was left in this browser has been looked for
  catalogue: Catalogue | null;
  catalogueState: Loaded;
  library: WorkflowHead[];
  libraryState: Loaded;
  doc: Doc;
  saved: Doc | null; // as it is kept; null for one that is not
  origin: Origin | null;
  history: History<Doc>;
  faults: Record<string, Faults>;
  wanted: Wanted | null; // asks what is to become of changes
  saving: boolean;
  sending: boolean;
  behind: boolean; // somebody saved it since
  theirs: Workflow | null; // what they saved, while there are changes here
  leftOut: LeftOut[]; // of the file that was opened
  run: Run | null;
  results: string[]; // jobs, newest first
};

export type WorkflowLocal =
  | { type: "slice.workflow.begun"; doc: Doc; origin: Origin | null; clean: boolean }
  | { type: "slice.workflow.catalogue"; state: Loaded; catalogue?: Catalogue }
  | { type: "slice.workflow.library"; state: Loaded; heads?: WorkflowHead[] }
  | { type: "slice.workflow.edit"; doc: Doc; key: string | null; at: number }
  | { type: "slice.workflow.undo" }
  | { type: "slice.workflow.redo" }
  | { type: "slice.workflow.checked"; problems: Problem[] }
  | { type: "slice.workflow.wanted"; wanted: Wanted | null }
  | { type: "slice.workflow.opened"; doc: Doc; origin: Origin | null; leftOut?: LeftOut[] }
  | { type: "slice.workflow.read" }
  | { type: "slice.workflow.saving"; value: boolean }
  | { type: "slice.workflow.sending"; value: boolean }
  | { type: "slice.workflow.saved"; doc: Doc; origin: Origin }
  | { type: "slice.workflow.theirs"; workflow: Workflow | null }
  | { type: "slice.workflow.lost"; id: string }
  | { type: "slice.workflow.settled"; keep: "mine" | "theirs" | "copy" }
  | { type: "slice.workflow.ran"; batch: string; jobs: string[]; cached?: string[] };

export const RESULTS = 24; // jobs whose pictures the page shows

type Ran = Extract<WorkflowLocal, { type: "slice.workflow.ran" }>;

const FIRST: WorkflowHeld = {
  begun: false, catalogue: null, catalogueState: "idle", library: [], libraryState: "idle",
  doc: EMPTY_DOC, saved: EMPTY_DOC, origin: null, history: noHistory(), faults: {}, wanted: null,
  saving: false, sending: false, behind: false, theirs: null, leftOut: [], run: null, results: [],
};

export function isDirty(held: Pick<WorkflowHeld, "doc" | "saved">): boolean {
  return held.doc !== held.saved;
}

export const workflow: Slice<WorkflowHeld> = {
  first: FIRST,
  reduce: (held, told, state) => {
    if (told.type === "local.hello") return told.fresh ? stale(held) : held;
    if (told.type === "local.language") return { ...held, catalogueState: aged(held.catalogueState) };
    if (told.type === "workflow.changed") return changed(held, told.workflow, told.deleted);
    if (told.type === "job.progress") return progressed(held, told);
    if (told.type === "local.preview") return drawn(held, told.job);
    if (told.type === "job.ended") return ended(held, told);
    return isOwn(told) ? own(held, told, state) : held;
  },
};

function isOwn(told: Message): told is WorkflowLocal {
  return told.type.startsWith("slice.workflow.");
}

function own(held: WorkflowHeld, told: WorkflowLocal, state: State): WorkflowHeld {
  switch (told.type) {
    case "slice.workflow.begun":
      return held.begun ? held : {
        ...held, begun: true, doc: told.doc, origin: told.origin,
        saved: told.clean ? told.doc : null, behind: told.origin !== null,
      };
    case "slice.workflow.catalogue":
      return { ...held, catalogueState: told.state, catalogue: told.catalogue ?? held.catalogue };
    case "slice.workflow.library":
      return { ...held, libraryState: told.state, library: told.heads ?? held.library };
    case "slice.workflow.edit":
      return edited(held, told.doc, told.key, told.at);
    case "slice.workflow.undo":
      return stepped(held, undone(held.history, held.doc));
    case "slice.workflow.redo":
      return stepped(held, redone(held.history, held.doc));
    case "slice.workflow.checked":
      return { ...held, faults: kept(held.faults, faultsOf(told.problems)) };
    case "slice.workflow.wanted":
      return { ...held, wanted: told.wanted };
    case "slice.workflow.opened":
      return {
        ...held, doc: told.doc, origin: told.origin, saved: told.origin ? told.doc : null,
        ...(told.doc === EMPTY_DOC ? { saved: told.doc } : {}),
        history: noHistory(), faults: {}, wanted: null, behind: false, theirs: null, run: null,
        leftOut: told.leftOut ?? [],
      };
    case "slice.workflow.read":
      return { ...held, leftOut: [] };
    case "slice.workflow.saving":
      return { ...held, saving: told.value };
    case "slice.workflow.sending":
      return { ...held, sending: told.value };
    case "slice.workflow.saved":
      return { ...held, saved: told.doc, origin: told.origin, theirs: null };
    case "slice.workflow.theirs":
      return met(held, told.workflow);
    case "slice.workflow.lost":
      return changed(held, told.id, true);
    case "slice.workflow.settled":
      return settled(held, told.keep);
    case "slice.workflow.ran":
      return ran(held, told, state);
  }
}

function aged(loaded: Loaded): Loaded {
  return loaded === "idle" ? loaded : "stale";
}

function stale(held: WorkflowHeld): WorkflowHeld {
  return {
    ...held, catalogueState: aged(held.catalogueState), libraryState: aged(held.libraryState),
    behind: held.origin !== null,
  };
}

function changed(held: WorkflowHeld, id: string, deleted: boolean): WorkflowHeld {
  const libraryState = held.libraryState === "idle" ? "idle" : "stale";
  const library = deleted ? held.library.filter((head) => head.id !== id) : held.library;
  if (held.origin?.id !== id) return { ...held, libraryState, library };
  return deleted
    ? { ...held, libraryState, library, origin: null, saved: null, theirs: null, behind: false }
    : { ...held, libraryState, library, behind: true };
}

function edited(held: WorkflowHeld, doc: Doc, key: string | null, at: number): WorkflowHeld {
  return doc === held.doc ? held : { ...held, doc, history: noted(held.history, held.doc, key, at) };
}

function stepped(held: WorkflowHeld, step: [Doc, History<Doc>] | null): WorkflowHeld {
  return step ? { ...held, doc: step[0], history: step[1] } : held;
}

/** Meet what somebody else saved: it is shown at once, unless there are changes here. */
function met(held: WorkflowHeld, theirs: Workflow | null): WorkflowHeld {
  const { origin } = held;
  if (!theirs || origin?.id !== theirs.id || theirs.version <= origin.version) {
    return { ...held, behind: false, theirs: null };
  }
  const doc = fromWorkflow(theirs);
  if (!isDirty(held) || same(doc, held.doc)) return taken({ ...held, theirs });
  return { ...held, behind: false, theirs };
}

function taken(held: WorkflowHeld): WorkflowHeld {
  if (!held.theirs) return held;
  const { id, version } = held.theirs;
  const doc = fromWorkflow(held.theirs);
  const history = noted(held.history, held.doc, null, 0);
  return { ...held, doc, saved: doc, history, origin: { id, version }, behind: false, theirs: null };
}

function settled(held: WorkflowHeld, keep: "mine" | "theirs" | "copy"): WorkflowHeld {
  if (!held.theirs) return held;
  switch (keep) {
    case "theirs":
      return taken(held);
    case "mine":
      return { ...held, origin: { id: held.theirs.id, version: held.theirs.version }, theirs: null };
    case "copy":
      return { ...held, origin: null, saved: null, theirs: null };
  }
}

function ran(held: WorkflowHeld, { batch, jobs, cached }: Ran, state: State): WorkflowHeld {
  const open = jobs.filter((job) => tileOf(state, job, batch)?.status !== "succeeded");
  const over = state.recent.findLast((fact): fact is JobEnded => fact.type === "job.ended" && jobs.includes(fact.job));
  const seen = open.length > 0 ? [] : held.doc.nodes.map(({ id }) => id);
  const run = { batch, jobs, node: null, drawing: null, seen, cached: cached ?? over?.cached ?? [] };
  return { ...held, run, results: [...[...jobs].reverse(), ...held.results].slice(0, RESULTS) };
}

function progressed(held: WorkflowHeld, { job, node, cached }: JobProgress): WorkflowHeld {
  const { run } = held;
  if (!run?.jobs.includes(job) || node === null || run.node === node) return held;
  const seen = [...new Set([...run.seen, ...above(held.doc, node)])]; // frames may be skipped
  return { ...held, run: { ...run, node, seen, cached } };
}

/** Note who draws: the node that runs when a preview comes. */
function drawn(held: WorkflowHeld, job: string): WorkflowHeld {
  const { run } = held;
  if (!run?.jobs.includes(job) || run.node === null || run.drawing === run.node) return held;
  return { ...held, run: { ...run, drawing: run.node } };
}

function ended(held: WorkflowHeld, { job, status, cached }: JobEnded): WorkflowHeld {
  const { run } = held;
  if (!run?.jobs.includes(job)) return held;
  const seen = status === "succeeded" ? held.doc.nodes.map(({ id }) => id) : run.seen;
  return { ...held, run: { ...run, node: null, seen, cached: cached.length > 0 ? cached : run.cached } };
}

/** Say what the run has made of a node. */
export function passOf(state: State, id: string): "idle" | "active" | "done" {
  const { run } = state.workflow;
  if (run?.node === id) return "active";
  return run?.seen.includes(id) ? "done" : "idle";
}

/** Say whether the run needed a node no more than to remember what it gave before. */
export function isCached(state: State, id: string): boolean {
  return passOf(state, id) === "done" && state.workflow.run?.cached.includes(id) === true;
}
