import { idempotencyKey } from "../api/http";
import type {
  Capabilities,
  Enqueued,
  Generated,
  Image,
  Job,
  MadeBy,
  Model,
  Page,
  QueueState,
  Session,
  SystemInfo,
} from "../api/wire.gen";
import { sweepOf } from "../generate/axes";
import { remember } from "../generate/prompt/history";
import { choice, chosenModel, drawSeed, enqueue, fromRecipe, request } from "./choices";
import type { Draft, Preferences } from "./model";
import { formProblems } from "./problems";
import { storage } from "./saved";
import { liveTiles } from "./tiles";
import { problemsOf, type Tools } from "./tools";

export type Actions = ReturnType<typeof createActions>;

const PAGE = 60;
const MODELS = 10_000; // that a page holds

/** Everything that more than one page does: each asks the server, then tells the reducer. */
export function createActions(tools: Tools, onSignedIn: () => void) {
  const { store, http, t, toast, untoast, fail, run } = tools;

  async function loadQueue(): Promise<void> {
    store.send({ type: "local.queue", queue: await http<QueueState>("/queue") });
  }

  async function loadModels(): Promise<void> {
    await tools.fill("models", allModels, (models) => store.send({ type: "local.models", models }));
  }

  async function allModels(): Promise<Model[]> {
    const models: Model[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<Model> = await http<Page<Model>>("/models", { query: { limit: 200, cursor } });
      models.push(...page.items);
      cursor = page.next;
    } while (cursor !== null && models.length < MODELS);
    return models;
  }

  /** Load what the page shows; facts that come meanwhile are applied on top. */
  async function loadAll(): Promise<void> {
    const [capabilities, jobs, pictures, system] = await Promise.all([
      http<Capabilities>("/capabilities"),
      http<Page<Job>>("/jobs", { query: { limit: PAGE } }),
      http<Page<Image>>("/images", { query: { limit: PAGE } }),
      http<SystemInfo>("/system"),
      loadQueue(),
      loadModels(),
    ]);
    store.send({ type: "local.capabilities", capabilities });
    store.send({ type: "local.pictures", images: pictures.items });
    store.send({ type: "local.jobs", jobs: jobs.items });
    store.send({ type: "local.system", system });
  }

  async function generate(): Promise<void> {
    const state = store.get();
    const { draft } = state;
    if (state.sending || draft.prompt.trim() === "") return;
    const model = chosenModel(state);
    const { width, height } = choice(draft, model);
    const seed = draft.seedLocked && draft.seed !== null ? draft.seed : drawSeed();
    const headers = { "Idempotency-Key": idempotencyKey() };
    store.send({ type: "local.sending", value: true });
    store.send({ type: "local.problems", problems: {} });
    store.send({ type: "local.draft", change: { seed } });
    try {
      const generated = await ask(draft, model, seed, headers);
      store.send({ type: "local.accepted", generated, width, height });
      remember(storage(), { prompt: draft.prompt, negative: draft.negative });
    } catch (error) {
      store.send({ type: "local.problems", problems: formProblems(problemsOf(error) ?? {}) });
      throw error;
    } finally {
      store.send({ type: "local.sending", value: false });
    }
  }

  /** Ask for the pictures of a draft; a grid, and more than one request gives, by the queue's own door. */
  async function ask(
    draft: Draft, model: Model | null, seed: number, headers: Record<string, string>,
  ): Promise<Generated> {
    const sweep = sweepOf(draft.grid);
    if (sweep === null) {
      return http<Generated>("/generate", { method: "POST", json: request(draft, model, seed), headers });
    }
    const made = await http<Enqueued>("/jobs", {
      method: "POST", json: enqueue(draft, model, seed, sweep), headers,
    });
    const listed = await http<Page<Job>>("/jobs", { query: { batch: made.batch, limit: 200 } });
    return { batch: made.batch, jobs: listed.items };
  }

  async function takeSettings(image: Image): Promise<void> {
    const made = await http<MadeBy>(`/images/${image.id}/recipe`);
    const fields: Record<string, unknown> = made.recipe ?? { ...image };
    store.send({ type: "local.draft", change: fromRecipe(fields, store.get().models) });
    toast(t("ui.settings_taken"));
  }

  async function restore(id: string): Promise<void> {
    const image = await http<Image>(`/images/${id}/restore`, { method: "POST" });
    store.send({ type: "local.image", image });
  }

  async function trash(id: string): Promise<void> {
    await http(`/images/${id}`, { method: "DELETE" });
    toast(t("ui.trashed"), () => run(() => restore(id)));
  }

  async function star(image: Image): Promise<void> {
    const json = { starred: !image.starred };
    store.send({ type: "local.image", image: await http<Image>(`/images/${image.id}`, { method: "PATCH", json }) });
  }

  async function upload(file: Blob): Promise<void> {
    const image = await http<Image>("/uploads", { method: "POST", body: file });
    beginWith(image);
  }

  function beginWith(image: Image): void {
    store.send({ type: "local.draft", change: { init: { id: image.id, url: image.thumbnail_url } } });
  }

  async function signIn(token: string): Promise<void> {
    await http("/session", { method: "POST", json: { token } });
    store.send({ type: "local.signed_out", value: false });
    onSignedIn();
  }

  async function signOut(): Promise<void> {
    await http("/session", { method: "DELETE" });
    window.location.reload(); // nothing that was seen stays in memory; drafts are kept
  }

  /** Cancel what runs now with the rest of its batch. */
  function cancelRunning(): void {
    const live = liveTiles(store.get());
    const first = live.find((tile) => tile.status === "running") ?? live[0];
    if (first) run(() => http(`/batches/${first.batch}/cancel`, { method: "POST" }));
  }

  async function cancelAll(): Promise<void> {
    await http("/queue/clear", { method: "POST" });
    const { items } = await http<Page<Job>>("/jobs", { query: { status: "running", limit: 200 } });
    await Promise.all(items.map(({ id }) => http(`/jobs/${id}/cancel`, { method: "POST" })));
    await loadQueue();
  }

  function queueVerb(verb: "pause" | "resume"): void {
    run(async () => {
      await http(`/queue/${verb}`, { method: "POST" });
      await loadQueue();
    });
  }

  return {
    loadAll, loadQueue, signIn, fail, run, untoast, cancelRunning, queueVerb, beginWith,
    generate: () => run(generate),
    cancelAll: () => run(cancelAll),
    cancel: (job: string) => run(() => http(`/jobs/${job}/cancel`, { method: "POST" })),
    retry: (job: string) => run(() => http(`/jobs/${job}/retry`, { method: "POST" })),
    draft: (change: Partial<Draft>) => store.send({ type: "local.draft", change }),
    prefer: (change: Partial<Preferences>) => store.send({ type: "local.preferences", change }),
    shown: (job: string) => store.send({ type: "local.shown", job }),
    takeSettings: (image: Image) => run(() => takeSettings(image)),
    takeSeed: (image: Image) => {
      store.send({ type: "local.draft", change: { seed: image.seed, seedLocked: true } });
      toast(t("ui.seed_taken"));
    },
    trash: (id: string) => run(() => trash(id)),
    star: (image: Image) => run(() => star(image)),
    upload: (file: Blob) => run(() => upload(file)),
    loadImage: (id: string) =>
      run(async () => store.send({ type: "local.image", image: await http<Image>(`/images/${id}`) })),
    loadSession: () =>
      run(async () => store.send({ type: "slice.system.session", session: await http<Session>("/session") })),
    loadSystem: () =>
      run(async () => store.send({ type: "local.system", system: await http<SystemInfo>("/system") })),
    scan: () =>
      run(async () => {
        await http("/models/scan", { method: "POST" });
        toast(t("ui.scanning"));
      }),
    signOut: () => run(signOut),
  };
}
