import { ProblemError, readProblem } from "../api/http";
import type { BatchCells, Enqueue, Enqueued, Image, Inspected, Job, MadeBy, Page, Model } from "../api/wire.gen";
import { go } from "../app/route";
import { fromRecipe } from "../state/choices";
import { refusalOf } from "../state/reason";
import type { Tools } from "../state/tools";

const LONG = 600_000; // milliseconds that an archive may take
const VARIATIONS = 4;
const SIDEWAYS = 0.25; // how far a variation goes
const TURNS = 60; // answers of 200 cells: all that a batch may have

/** What is done with one picture, or with a batch. */
export function pictureActions(tools: Tools) {
  const { http, send, run, get, t, toast } = tools;

  async function enqueue(json: Enqueue): Promise<void> {
    await http<Enqueued>("/jobs", { method: "POST", json });
    toast(t("ui.gallery.queued"));
  }

  async function vary(image: Image): Promise<void> {
    const { recipe } = await http<MadeBy>(`/images/${image.id}/recipe`);
    if (!recipe) {
      toast(t("ui.gallery.no_recipe"), null, "error");
      return;
    }
    const axes = [{ setting: "variation_seed", node: null, values: { random: VARIATIONS }, replace: null, zip: [] }];
    const strength = Number(recipe.variation_strength) || SIDEWAYS;
    const sweep = { mode: "product", axes } as unknown as NonNullable<Enqueue["sweep"]>;
    await enqueue({ recipe: { ...recipe, variation_strength: strength }, sweep });
    go("generate");
  }

  async function upscale(image: Image, factor: number): Promise<void> {
    const models = get().models ?? (await http<Page<Model>>("/models", { query: { limit: 200 } })).items;
    const upscaler = models.find(({ kind }) => kind === "upscaler")?.name ?? null;
    await enqueue({ recipe: { name: "upscale", init_image: image.id, factor, upscaler }, board: image.board });
    go("generate");
  }

  async function change(id: string, json: Partial<Pick<Image, "note" | "board" | "starred">>): Promise<void> {
    send({ type: "local.image", image: await http<Image>(`/images/${id}`, { method: "PATCH", json }) });
  }

  async function refused(answer: Response): Promise<ProblemError> {
    const problem = readProblem(answer, await answer.text());
    return new ProblemError(problem, refusalOf(t, problem));
  }

  async function zip(ids: string[]): Promise<void> {
    const answer = await fetch("/api/v1/images/zip", {
      method: "POST", credentials: "same-origin", signal: AbortSignal.timeout(LONG),
      headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ids }),
    });
    if (!answer.ok) throw await refused(answer);
    const url = URL.createObjectURL(await answer.blob());
    const link = document.createElement("a");
    link.href = url;
    link.download = "heliograph.zip";
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(url), LONG);
  }

  async function copy(image: Image): Promise<void> {
    try {
      const picture = fetch(image.url, { credentials: "same-origin", signal: AbortSignal.timeout(LONG) });
      const blob = picture.then((answer) => answer.blob());
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
      toast(t("ui.gallery.copied"));
    } catch {
      toast(t("ui.gallery.copy_refused"), null, "error");
    }
  }

  /** Read a batch with all of its cells. */
  async function openTable(id: string): Promise<void> {
    send({ type: "slice.table.open", id });
    try {
      const cells: Job[] = [];
      let cursor: string | null = null;
      let batch: BatchCells | null = null;
      for (let turn = 0; turn < TURNS; turn += 1) {
        batch = await http<BatchCells>(`/batches/${id}`, { query: { limit: 200, cursor } });
        cells.push(...batch.cells);
        cursor = batch.next;
        if (cursor === null) break;
      }
      if (batch) send({ type: "slice.table.loaded", id, batch, cells });
    } catch (error) {
      send({ type: "slice.table.failed" });
      throw error;
    }
  }

  const inspect = (file: Blob) => http<Inspected>("/images/inspect", { method: "POST", body: file });

  function takeMade({ made }: Inspected): void {
    if (!made) return;
    send({ type: "local.draft", change: fromRecipe({ ...made }, get().models) });
    toast(t("ui.settings_taken"));
    go("generate");
  }

  return {
    vary: (image: Image) => run(() => vary(image)),
    upscale: (image: Image, factor: number) => run(() => upscale(image, factor)),
    note: (image: Image, note: string) => run(() => change(image.id, { note })),
    board: (image: Image, board: string) => run(() => change(image.id, { board })),
    restore: (image: Image) =>
      run(async () => send({ type: "local.image", image: await http<Image>(`/images/${image.id}/restore`, { method: "POST" }) })),
    takePrompt: (image: Image) => {
      const negative = image.negative_prompt ?? "";
      send({ type: "local.draft", change: { prompt: image.prompt ?? "", negative, negativeOpen: negative !== "" } });
      toast(t("ui.gallery.prompt_taken"));
    },
    takeSize: (image: Image) => {
      send({ type: "local.draft", change: { width: image.width, height: image.height } });
      toast(t("ui.gallery.size_taken"));
    },
    takeMade,
    /** Take what an imported picture's own file says. */
    takeImported: (image: Image) =>
      run(async () => {
        const answer = await fetch(image.url, { credentials: "same-origin", signal: AbortSignal.timeout(LONG) });
        if (!answer.ok) throw await refused(answer);
        takeMade(await inspect(await answer.blob()));
      }),
    zip: (ids: string[]) => run(() => zip(ids)),
    copy: (image: Image) => run(() => copy(image)),
    openTable: (id: string) => run(() => openTable(id)),
    retryBatch: (id: string) => run(() => http(`/batches/${id}/retry`, { method: "POST" })),
    cancelBatch: (id: string) => run(() => http(`/batches/${id}/cancel`, { method: "POST" })),
    sheet: (id: string, x: string | null, y: string | null) =>
      run(async () => {
        const image = await http<Image>(`/batches/${id}/sheet`, { method: "POST", json: { x, y } });
        send({ type: "local.image", image });
        go("gallery", image.id);
      }),
    inspect,
  };
}
