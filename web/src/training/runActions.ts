import { idempotencyKey, ProblemError } from "../api/http";
import type {
  Asked, AskedTraining, Checkpoint, Generated, Image, Job, Losses, Page, Plan, Sample, Train, Training,
} from "../api/wire.gen";
import { drawSeed } from "../state/choices";
import { ended as over } from "../state/model";
import type { Tools } from "../state/tools";
import { EMPTY, keepDraft, type RecipeDraft } from "./draft";

const PAGE = 50;
const POINTS = 3000; // of a curve
const SAMPLES = 200; // of a page
const WAIT = 600_000; // milliseconds for a job that a button waits for

export type Tried = { base: Image | null; taught: Image | null };

/** What people do with trainings. */
export function runActions(tools: Tools) {
  const { http, send, get, run, fill, toast, t, store } = tools;
  const older = new Set<string>(); // runs whose older samples are on their way

  async function load(more = false): Promise<void> {
    const { runsState, runsNext } = get().training;
    if (runsState === "loading" || (more && runsNext === null)) return;
    send({ type: "slice.training.runs", state: "loading" });
    try {
      await fill(
        "training",
        () => http<Page<Training>>("/trainings", { query: { limit: PAGE, cursor: more ? runsNext : null } }),
        ({ items, next }) => send({ type: "slice.training.runs", state: "ready", items, next, more }),
      );
    } catch (error) {
      send({ type: "slice.training.runs", state: "failed" });
      throw error;
    }
  }

  /** Read anew what facts said has changed. */
  async function refresh(): Promise<void> {
    const ids = get().training.staleRuns;
    send({ type: "slice.training.refreshing" });
    await Promise.all(ids.map((id) => one(id)));
  }

  async function one(id: string): Promise<void> {
    try {
      send({ type: "slice.training.run", run: await http<Training>(`/trainings/${id}`) });
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.status !== 404) throw error;
      send({ type: "slice.training.gone", id });
    }
  }

  async function open(id: string): Promise<void> {
    if (get().training.opened[id]?.state === "loading") return;
    send({ type: "slice.training.opened", id, state: "loading" });
    try {
      const ask = () => Promise.all([
        http<Losses>(`/trainings/${id}/losses`, { query: { max: POINTS } }),
        http<Page<Sample>>(`/trainings/${id}/samples`, { query: { limit: SAMPLES } }),
        http<Page<Checkpoint>>(`/trainings/${id}/checkpoints`, { query: { limit: 200 } }),
        get().training.runs.some((held) => held.id === id) ? null : one(id),
      ]);
      await fill("training", ask, ([losses, samples, kept]) =>
        send({ type: "slice.training.opened", id, state: "ready", points: losses.items, samples, kept: kept.items }));
    } catch (error) {
      send({ type: "slice.training.opened", id, state: "failed" });
      throw error;
    }
  }

  /** Read the samples before those that are held. */
  async function olderSamples(id: string): Promise<void> {
    const from = get().training.opened[id]?.samplesNext ?? null;
    if (from === null || older.has(id)) return;
    older.add(id);
    try {
      const { items, next } = await http<Page<Sample>>(`/trainings/${id}/samples`, { query: { limit: SAMPLES, cursor: from } });
      send({ type: "slice.training.samples", id, from, items, next });
    } finally {
      older.delete(id);
    }
  }

  async function loadKept(id: string): Promise<void> {
    send({ type: "slice.training.kept", id, state: "loading" });
    try {
      await fill(
        "training",
        () => http<Page<Checkpoint>>(`/trainings/${id}/checkpoints`, { query: { limit: 200 } }),
        (page) => send({ type: "slice.training.kept", id, state: "ready", kept: page.items }),
      );
    } catch (error) {
      send({ type: "slice.training.kept", id, state: "failed" });
      throw error;
    }
  }

  function draft(change: Partial<RecipeDraft>): void {
    send({ type: "slice.training.draft", change });
    keepDraft(get().training.draft);
  }

  async function train(body: Train): Promise<AskedTraining> {
    const headers = { "Idempotency-Key": idempotencyKey() };
    const asked = await http<AskedTraining>("/trainings", { method: "POST", json: body, headers });
    draft({ branch: null, name: "" });
    await load();
    return asked;
  }

  async function steer(id: string, verb: "pause" | "resume" | "stop" | "checkpoint" | "sample", json: unknown = {}): Promise<void> {
    send({ type: "slice.training.run", run: await http<Training>(`/trainings/${id}/${verb}`, { method: "POST", json }) });
    if (verb === "checkpoint") toast(t("ui.training.checkpoint_asked"));
    if (verb === "sample") toast(t("ui.training.sample_asked"));
    if (verb === "resume") send({ type: "slice.training.opened", id, state: "stale" });
  }

  async function rename(id: string, name: string): Promise<void> {
    send({ type: "slice.training.run", run: await http<Training>(`/trainings/${id}`, { method: "PATCH", json: { name } }) });
  }

  async function remove(id: string): Promise<void> {
    await http(`/trainings/${id}`, { method: "DELETE" });
    send({ type: "slice.training.gone", id });
  }

  /** Make a model of a snapshot, and wait until it is one. */
  async function publish(id: string, from: string | number | null, name: string | null): Promise<string> {
    const headers = { "Idempotency-Key": idempotencyKey() };
    const asked = await http<Asked>(`/trainings/${id}/publish`, { method: "POST", json: { from, name }, headers });
    const job = await ended(asked.job);
    const model = job.result?.model;
    if (job.status !== "succeeded" || typeof model !== "string") throw new ProblemError(failure(job));
    return model;
  }

  /** Wait for a job's end: the fact tells, then its record is read. */
  async function ended(id: string): Promise<Job> {
    const deadline = AbortSignal.timeout(WAIT);
    await new Promise<void>((resolve, reject) => {
      function look(): void {
        if (get().training.overJobs.includes(id) || deadline.aborted) finish();
      }
      function finish(): void {
        unsubscribe();
        if (deadline.aborted) reject(new Error(t("ui.training.waited")));
        else resolve();
      }
      const unsubscribe = store.subscribe(look);
      deadline.addEventListener("abort", look, { once: true });
      http<Job>(`/jobs/${id}`).then((job) => { if (over(job.status)) finish(); }, reject);
      look();
    });
    return http<Job>(`/jobs/${id}`);
  }

  function failure(job: Job) {
    const title = job.error?.message ?? t("ui.status.failed");
    return { type: "", code: job.error?.code ?? "", errors: [], request_id: "", status: 500, title, detail: title };
  }

  /** Download a run's model, once it is made in the form that is wanted. */
  async function download(id: string, format: "diffusers" | "kohya" | "single"): Promise<void> {
    const path = `/api/v1/trainings/${id}/export?format=${format}`;
    const stop = new AbortController();
    const answer = await fetch(path, { credentials: "same-origin", signal: AbortSignal.any([stop.signal, AbortSignal.timeout(30_000)]) });
    if (answer.status === 202) {
      toast(t("ui.training.export_making"));
      const job = await ended(((await answer.json()) as Asked).job);
      if (job.status !== "succeeded") throw new ProblemError(failure(job));
    } else if (!answer.ok) {
      await http(`/trainings/${id}/export`, { query: { format } }); // says why, in words
    }
    stop.abort();
    const link = document.createElement("a");
    link.href = path;
    link.download = "";
    link.click();
  }

  /** Draw one prompt with the same seed by the base and by what was taught at a step. */
  async function trial(held: Training, step: number, prompt: string, onPicture: (side: keyof Tried, image: Image) => void): Promise<void> {
    const seed = drawSeed();
    const said = prompt.replaceAll("{subject}", `${held.token} ${held.class_word}`);
    const taught = `training:${held.id}@${step}`;
    const picture = async (side: keyof Tried, fields: Record<string, unknown>) => {
      const asked = await http<Generated>("/generate", { method: "POST", json: { prompt: said, seed, ...fields } });
      const job = asked.jobs[0];
      if (!job) return;
      const last = await ended(job.id);
      const [image] = last.images;
      if (!image) throw new ProblemError(failure(last));
      onPicture(side, await http<Image>(`/images/${image}`));
    };
    await Promise.all([
      picture("base", { model: held.base_model }),
      picture("taught", { model: taught }),
    ]);
  }

  /** Begin the form with another run's choices; `from` also goes on from its state. */
  function again(held: Training, from: Checkpoint | null): void {
    const { recipe } = held;
    const fields: Record<string, unknown> = Object.fromEntries(Object.entries(recipe).filter(([name, value]) => name !== "method" && value !== null));
    if (from && held.steps <= from.step) fields.max_steps = from.step + Math.ceil(held.steps / 2); // some are to be left
    draft({
      ...EMPTY, dataset: held.dataset, token: held.token, class_word: held.class_word,
      base_model: held.base_model, method: recipe.method, fields, sweep: [],
      branch: from ? { training: held.id, checkpoint: from.id, name: held.name, step: from.step } : null,
    });
  }

  return {
    load: (more = false) => run(() => load(more)),
    refresh: () => run(refresh),
    open: (id: string) => run(() => open(id)),
    olderSamples: (id: string) => run(() => olderSamples(id)),
    loadKept: (id: string) => run(() => loadKept(id)),
    plan: (body: Train, signal: AbortSignal) => http<Plan>("/trainings/plan", { method: "POST", json: body, signal }),
    schema: (signal: AbortSignal) => http<unknown>("/trainings/schema", { signal }),
    steer: (...all: Parameters<typeof steer>) => run(() => steer(...all)),
    rename: (id: string, name: string) => run(() => rename(id, name)),
    remove: (id: string) => run(() => remove(id)),
    download: (id: string, format: "diffusers" | "kohya" | "single") => run(() => download(id, format)),
    train, publish, trial, draft, again, run, toast,
  };
}
