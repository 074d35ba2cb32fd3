import { idempotencyKey } from "../api/http";
import type { Asked, Image, Install, InstallModel, Model, ModelRoot, Page, RecommendedModels, Roots, Target } from "../api/wire.gen";
import { go } from "../app/route";
import type { Tools } from "../state/tools";

/** What people may change of a model; null leaves it, an empty text clears it. */
export type ModelChange = Partial<
  Pick<Model, "name" | "trigger" | "description" | "defaults" | "kind" | "family" | "cover">
>;

/** What the Models page does. */
export function modelsActions(tools: Tools) {
  const { http, send, toast, run, fill, t } = tools;

  async function loadInstalls(): Promise<void> {
    send({ type: "slice.models.loading" });
    try {
      await fill(
        "modelsPage",
        () => http<Page<Install>>("/models/installs", { query: { limit: 50 } }),
        ({ items }) => send({ type: "slice.models.installs", items }),
      );
    } catch (error) {
      send({ type: "slice.models.failed" });
      throw error;
    }
  }

  async function loadGone(): Promise<void> {
    const page = await http<Page<Model>>("/models", { query: { missing: true, limit: 200 } });
    send({ type: "slice.models.gone", items: page.items });
  }

  async function loadRoots(): Promise<void> {
    send({ type: "slice.models.roots", items: (await http<Roots>("/models/roots")).items });
  }

  async function install(json: InstallModel): Promise<void> {
    const made = await http<Install>("/models/install", { method: "POST", json });
    send({ type: "slice.models.install", install: made });
  }

  async function begin(model: Model, what: "convert" | "verify", json: object): Promise<void> {
    const headers = { "Idempotency-Key": idempotencyKey() };
    const { job } = await http<Asked>(`/models/${model.id}/${what}`, { method: "POST", json, headers });
    send({ type: "slice.models.task", job, model: model.id, what });
  }

  return {
    loadInstalls: () => run(loadInstalls),
    loadGone: () => run(loadGone),
    loadRoots: () => run(loadRoots),
    loadRecommended: () =>
      run(async () => {
        const { items } = await http<RecommendedModels>("/models/recommended");
        send({ type: "slice.models.recommended", items });
      }),
    /** Throws what the server refused, for the form that asked. */
    install,
    steer: (id: string, verb: "pause" | "resume" | "cancel") =>
      run(async () => {
        const changed = await http<Install>(`/models/installs/${id}/${verb}`, { method: "POST" });
        send({ type: "slice.models.install", install: changed });
      }),
    change: (id: string, json: ModelChange) => http<Model>(`/models/${id}`, { method: "PATCH", json }),
    convert: (model: Model, to: Partial<Target>) => begin(model, "convert", { to }),
    verify: (model: Model) => run(() => begin(model, "verify", {})),
    stop: (job: string) => run(() => http(`/jobs/${job}/cancel`, { method: "POST" })),
    unload: (model: string | null) =>
      run(() => http("/models/unload", { method: "POST", json: { model } })),
    remove: async (model: Model, files: boolean) => {
      await http(`/models/${model.id}`, { method: "DELETE", query: { files } });
      toast(t("ui.models.deleted", { name: model.name }));
      go("models");
    },
    adopt: async (path: string) => {
      await http<ModelRoot>("/models/roots", { method: "POST", json: { path } });
      await loadRoots();
      toast(t("ui.scanning"));
    },
    abandon: (root: ModelRoot) =>
      run(async () => {
        await http(`/models/roots/${root.id}`, { method: "DELETE" });
        await loadRoots();
        toast(t("ui.models.folder_left"), () => run(async () => {
          await http<ModelRoot>("/models/roots", { method: "POST", json: { path: root.path } });
          await loadRoots();
        }));
      }),
    /** Say whether a model has pictures of its own, from which a cover is chosen. */
    drew: async (model: string, signal: AbortSignal): Promise<boolean> =>
      (await http<Page<Image>>("/images", { query: { model, limit: 1 }, signal })).items.length > 0,
  };
}
