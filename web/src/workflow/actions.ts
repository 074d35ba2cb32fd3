import { idempotencyKey, ProblemError } from "../api/http";
import type {
  Catalogue, Checked, Enqueue, Enqueued, Job, MadeBy, NewWorkflow, Page, Problem, SaveWorkflow, Workflow,
} from "../api/wire.gen";
import { drawSeed } from "../state/choices";
import type { Tools } from "../state/tools";
import { arranged } from "./arrange";
import { EMPTY_DOC, fromWorkflow, toSave, type Doc } from "./doc";
import { leave, leftHere } from "./draft";
import { drawFresh } from "./edits";
import { own } from "./own";
import { isDirty, RESULTS, type Wanted, type WorkflowLocal } from "./slice";

const CHECK_AFTER = 250; // milliseconds without a change
const LEAVE_AFTER = 400;

export type WorkflowActions = ReturnType<typeof workflowActions>;

/** What the editor does to its own document: edit, check, open, save, run. */
export function workflowActions(tools: Tools) {
  const { http, run, toast, t, store, fail } = tools;
  const held = () => store.get().workflow;
  const send = (message: WorkflowLocal) => store.send(message);
  let checking: AbortController | null = null;
  let loading: Promise<void> | null = null;

  function edit(change: (doc: Doc) => Doc, key: string | null = null): void {
    send({ type: "slice.workflow.edit", doc: change(held().doc), key, at: Date.now() });
  }

  async function check(): Promise<void> {
    checking?.abort();
    const mine = (checking = new AbortController());
    const { doc } = held();
    if (doc.nodes.length === 0) { send({ type: "slice.workflow.checked", problems: [] }); return; }
    const json = { graph: { nodes: doc.nodes, format: 1 } };
    try {
      const { problems } = await http<Checked>("/graphs/check", { method: "POST", json, signal: mine.signal });
      if (held().doc.nodes === doc.nodes) send({ type: "slice.workflow.checked", problems });
    } catch (error) {
      if (mine.signal.aborted || !(error instanceof ProblemError) || error.problem.status !== 422) return;
      send({ type: "slice.workflow.checked", problems: placed(error, doc) });
    }
  }

  /** Check and keep the document whenever it changes; read it again when somebody saved it. */
  function watch(): () => void {
    if (!held().begun) {
      const { batch, ...left } = leftHere();
      send({ type: "slice.workflow.begun", ...left });
      if (batch !== null) run(() => findRun(batch));
    }
    let last = held();
    let checkTimer: number | undefined;
    let leaveTimer: number | undefined;
    function flush(): void { // what did not change here may have changed in another tab
      if (leaveTimer !== undefined) leave(held());
      window.clearTimeout(leaveTimer);
      leaveTimer = undefined;
    }
    function look(): void {
      const now = held();
      const before = last;
      last = now;
      if (now === before) return;
      if (now.doc.nodes !== before.doc.nodes) {
        window.clearTimeout(checkTimer);
        checkTimer = window.setTimeout(() => run(check), CHECK_AFTER);
      }
      if (now.doc !== before.doc || now.saved !== before.saved || now.origin !== before.origin || now.run?.batch !== before.run?.batch) {
        window.clearTimeout(leaveTimer);
        leaveTimer = window.setTimeout(flush, LEAVE_AFTER);
      }
      if (now.behind && !now.saving && (!before.behind || before.saving)) run(catchUp);
      if (now.catalogueState === "stale") run(loadCatalogue);
    }
    const stop = store.subscribe(look);
    window.addEventListener("pagehide", flush);
    if (held().catalogueState !== "ready") run(loadCatalogue);
    if (held().behind) run(catchUp);
    run(check);
    return () => {
      stop();
      flush();
      window.removeEventListener("pagehide", flush);
      window.clearTimeout(checkTimer);
      checking?.abort();
    };
  }

  /** Find the run again that was left here, as far as the server still knows it. */
  async function findRun(batch: string): Promise<void> {
    const { doc } = held();
    const { items: jobs } = await http<Page<Job>>("/jobs", { query: { batch, limit: RESULTS } });
    if (jobs.length === 0 || held().run !== null || held().doc !== doc) return; // it is of what was left
    store.send({ type: "local.jobs", jobs });
    const cached = jobs.flatMap((job) => [...job.cached, ...job.progress.cached]);
    send({ type: "slice.workflow.ran", batch, jobs: jobs.map(({ id }) => id).reverse(), cached });
  }

  async function fetchCatalogue(): Promise<void> {
    send({ type: "slice.workflow.catalogue", state: "loading" });
    try {
      const catalogue = await http<Catalogue>("/nodes");
      send({ type: "slice.workflow.catalogue", state: "ready", catalogue });
    } catch (error) {
      send({ type: "slice.workflow.catalogue", state: "failed" });
      throw error;
    }
  }

  function loadCatalogue(): Promise<void> {
    return (loading ??= fetchCatalogue().finally(() => (loading = null)));
  }

  async function catchUp(): Promise<void> {
    const { origin } = held();
    if (!origin) return;
    try {
      const workflow = await http<Workflow>(`/workflows/${origin.id}`);
      if (!held().saving) send({ type: "slice.workflow.theirs", workflow });
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.status !== 404) throw error;
      send({ type: "slice.workflow.lost", id: origin.id });
    }
  }

  /** Open something; what was changed here is asked about first. */
  function want(wanted: Wanted): void {
    if (isDirty(held()) && held().doc.nodes.length > 0) send({ type: "slice.workflow.wanted", wanted });
    else run(() => open(wanted));
  }

  async function open(wanted: Wanted): Promise<void> {
    send({ type: "slice.workflow.wanted", wanted: null });
    if (!held().catalogue) await loadCatalogue().catch(fail); // what is laid out needs its sizes
    switch (wanted.kind) {
      case "new":
        { send({ type: "slice.workflow.opened", doc: EMPTY_DOC, origin: null }); return; }
      case "saved": {
        const saved = await http<Workflow>(`/workflows/${wanted.id}`);
        const origin = { id: saved.id, version: saved.version };
        const leftOut = wanted.leftOut ?? [];
        send({ type: "slice.workflow.opened", doc: placedDoc(fromWorkflow(saved), held().catalogue), origin, leftOut }); return;
      }
      case "image": {
        const { graph } = await http<MadeBy>(`/images/${wanted.id}/recipe`);
        const doc = placedDoc({ ...EMPTY_DOC, nodes: graph.nodes }, held().catalogue);
        send({ type: "slice.workflow.opened", doc, origin: null }); return;
      }
      case "doc":
        { send({ type: "slice.workflow.opened", doc: placedDoc(wanted.doc, held().catalogue), origin: null }); return; }
    }
  }

  /** Save under a name; give whether it worked. */
  async function save(name: string): Promise<boolean> {
    const { origin, saving } = held();
    if (saving) return false;
    if (name !== held().doc.name) edit((doc) => ({ ...doc, name }));
    const { doc } = held();
    send({ type: "slice.workflow.saving", value: true });
    try {
      const fields: NewWorkflow = toSave(doc);
      const json: Omit<SaveWorkflow, "workflow"> | NewWorkflow = origin ? { ...fields, version: origin.version } : fields;
      const saved = origin
        ? await http<Workflow>(`/workflows/${origin.id}`, { method: "PUT", json })
        : await http<Workflow>("/workflows", { method: "POST", json });
      send({ type: "slice.workflow.saved", doc, origin: { id: saved.id, version: saved.version } });
      toast(t("ui.workflow.saved"));
      return true;
    } catch (error) {
      if (error instanceof ProblemError && error.problem.status === 409 && origin) run(catchUp);
      fail(error);
      return false;
    } finally {
      send({ type: "slice.workflow.saving", value: false });
    }
  }

  /** Run the graph as it is here, saved or not. */
  async function start(): Promise<void> {
    if (held().sending || held().doc.nodes.length === 0) return;
    edit((doc) => drawFresh(doc, held().catalogue, drawSeed), "fresh");
    const { doc } = held();
    const json: Enqueue = { graph: { nodes: doc.nodes, format: 1 } };
    send({ type: "slice.workflow.sending", value: true });
    try {
      const headers = { "Idempotency-Key": idempotencyKey() };
      const { batch, jobs } = await http<Enqueued>("/jobs", { method: "POST", json, headers });
      send({ type: "slice.workflow.ran", batch, jobs });
    } catch (error) {
      if (error instanceof ProblemError && error.problem.status === 422) {
        send({ type: "slice.workflow.checked", problems: placed(error, doc) });
      }
      throw error;
    } finally {
      send({ type: "slice.workflow.sending", value: false });
    }
  }

  return {
    edit, watch, want, save,
    check: () => run(check),
    loadCatalogue: () => run(loadCatalogue),
    open: (wanted: Wanted) => run(() => open(wanted)),
    understood: () => send({ type: "slice.workflow.read" }),
    unwanted: () => send({ type: "slice.workflow.wanted", wanted: null }),
    undo: () => send({ type: "slice.workflow.undo" }),
    redo: () => send({ type: "slice.workflow.redo" }),
    settle: (keep: "mine" | "theirs" | "copy") => send({ type: "slice.workflow.settled", keep }),
    start: () => run(start),
    stop: () => {
      const batch = held().run?.batch;
      if (batch !== undefined) run(() => http(`/batches/${batch}/cancel`, { method: "POST" }));
    },
  };
}

/** Lay a document out that says nothing of where its nodes stand. */
function placedDoc(doc: Doc, catalogue: Catalogue | null): Doc {
  return doc.nodes.every(({ id }) => own(doc.layout.at, id)) ? doc : arranged(doc, catalogue);
}

/** Read the problems of a refusal as those of the nodes that they point at. */
function placed({ problem }: ProblemError, doc: Doc): Problem[] {
  return problem.errors.map((error) => {
    const place = /^\/graph\/nodes\/(\d+)/.exec(error.pointer)?.[1];
    const node = place === undefined ? null : (doc.nodes[Number(place)]?.id ?? null);
    return { code: error.code, pointer: error.pointer, message: error.message, node };
  });
}
