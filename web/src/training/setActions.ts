import type { Dataset, DatasetImage, Ingested, Page, Quarantined } from "../api/wire.gen";
import { ProblemError, type Call } from "../api/http";
import { mostOfPicture } from "../state/limits";
import type { Tools } from "../state/tools";
import { taughtAs } from "./base";
import { keepDraft } from "./draft";
import { POSES, drawn } from "./example";
import type { Upload } from "./held";
import { SIZE, wanted } from "./pages";
import { paired, type Wanted } from "./pairing";

const TOGETHER = 3; // files on their way at once
const TEXT = 64 << 10; // bytes of a caption that are read
const CAPTION = 2000; // characters of it that go with a file
const PAGE = 50;

let files = 0;

/** What people do with datasets. */
export function setActions(tools: Tools) {
  const { http, send, get, run, fill, toast, t } = tools;
  const flying = new Map<number, AbortController>();
  const views = new Map<string, [number, number]>(); // of sets: the first and the last place in sight
  const looking = new Set<string>(); // sets whose pictures are being read
  const slots = { free: TOGETHER, waiting: [] as (() => void)[] };

  async function load(more = false): Promise<void> {
    const { setsState, setsNext } = get().training;
    if (setsState === "loading" || (more && setsNext === null)) return;
    send({ type: "slice.training.sets", state: "loading" });
    try {
      await fill(
        "training",
        () => http<Page<Dataset>>("/datasets", { query: { limit: PAGE, cursor: more ? setsNext : null } }),
        ({ items, next }) => send({ type: "slice.training.sets", state: "ready", items, next, more }),
      );
    } catch (error) {
      send({ type: "slice.training.sets", state: "failed" });
      throw error;
    }
  }

  async function open(id: string): Promise<void> {
    if (get().training.whole[id]?.state === "loading") return;
    send({ type: "slice.training.set", id, state: "loading" });
    try {
      const query = taughtAs(get());
      await fill("training", () => http<Dataset>(`/datasets/${id}?${query}`), (dataset) =>
        send({ type: "slice.training.set", id, state: "ready", dataset, taughtAs: query }));
    } catch (error) {
      send({ type: "slice.training.set", id, state: "failed" });
      throw error;
    }
  }

  /** Read what is in sight of a set's pictures, page by page; where people scroll on meanwhile, only what is in sight then. */
  async function look(id: string, first: number, last: number): Promise<void> {
    views.set(id, [first, last]);
    if (looking.has(id)) return;
    looking.add(id);
    try {
      for (;;) {
        const pictures = get().training.whole[id]?.pictures;
        const next = pictures && wanted(pictures, ...(views.get(id) ?? [0, 0]));
        if (!next) return;
        const page = await http<Page<DatasetImage>>(`/datasets/${id}/images`, { query: { cursor: next.begin, limit: SIZE } });
        send({ type: "slice.training.pictures", id, ...next, items: page.items, next: page.next });
      }
    } finally {
      looking.delete(id);
      views.delete(id);
    }
  }

  async function create(name: string): Promise<string> {
    const made = await http<Dataset>("/datasets", { method: "POST", json: { name } });
    choose(made.id);
    await load();
    return made.id;
  }

  function choose(dataset: string | null): void {
    send({ type: "slice.training.draft", change: { dataset } });
    keepDraft(get().training.draft);
  }

  async function rename(id: string, name: string): Promise<void> {
    await http<Dataset>(`/datasets/${id}`, { method: "PATCH", json: { name } });
    await Promise.all([open(id), load()]);
  }

  async function remove(id: string): Promise<void> {
    await http(`/datasets/${id}`, { method: "DELETE" });
    if (get().training.draft.dataset === id) choose(null);
    send({ type: "slice.training.set_gone", id });
  }

  function add(dataset: string, dropped: readonly File[]): void {
    const limit = mostOfPicture(get());
    const wanted = paired(dropped);
    const rows = wanted.map(({ name, file }): Upload => {
      const tooBig = file.size > limit;
      return {
        id: (files += 1), dataset, file: name, sent: 0, state: tooBig ? "failed" : "waiting",
        words: tooBig ? t("ui.dataset.too_big", { size: megabytes(file.size), limit: megabytes(limit) }) : "",
      };
    });
    send({ type: "slice.training.uploads", uploads: rows });
    rows.forEach((row, place) => {
      const one = wanted[place];
      if (row.state !== "waiting" || !one) return;
      const mine = new AbortController();
      flying.set(row.id, mine);
      void sendOne(row, one, mine.signal);
    });
  }

  /** Send one file as a raw body; one that is no picture too, for the server says why it is not trained on. */
  function post(dataset: string, file: Blob, name: string, caption: string | null, more: Pick<Call, "signal" | "onSent"> = {}) {
    return http<DatasetImage | Quarantined>(`/datasets/${dataset}/images`, {
      method: "POST",
      body: file.type.startsWith("image/") ? file : new Blob([file], { type: "application/octet-stream" }),
      headers: {
        "X-Filename": encodeURIComponent(name),
        ...(caption ? { "X-Caption": encodeURIComponent(caption.slice(0, CAPTION)) } : {}),
      },
      ...more,
    });
  }

  async function sendOne(row: Upload, wanted: Wanted<File>, signal: AbortSignal): Promise<void> {
    await slot();
    try {
      signal.throwIfAborted();
      send({ type: "slice.training.upload", id: row.id, change: { state: "sending" } });
      const caption = wanted.caption ? (await wanted.caption.slice(0, TEXT).text()).trim() : null;
      const onSent = (sent: number) => send({ type: "slice.training.upload", id: row.id, change: { sent } });
      const made = await post(row.dataset, wanted.file, row.file, caption, { signal, onSent });
      const change: Partial<Upload> = made.kind === "kept"
        ? { state: "kept", sent: 1 }
        : { state: "aside", sent: 1, words: t(`errors.${made.code}`, made.params) };
      send({ type: "slice.training.upload", id: row.id, change });
    } catch (error) {
      const words = error instanceof ProblemError ? error.message : t("ui.unreachable");
      if (!signal.aborted) send({ type: "slice.training.upload", id: row.id, change: { state: "failed", words } });
    } finally {
      flying.delete(row.id);
      slots.free += 1;
      slots.waiting.shift()?.();
    }
  }

  /** Send no more of some files; what already arrived stays. */
  function cancel(ids: readonly number[]): void {
    for (const id of ids) flying.get(id)?.abort();
    send({ type: "slice.training.uploads_gone", ids: new Set(ids) });
  }

  async function slot(): Promise<void> {
    while (slots.free === 0) await new Promise<void>((resolve) => slots.waiting.push(resolve));
    slots.free -= 1;
  }

  async function take(dataset: string, images: string[], prompts: boolean): Promise<void> {
    const found = await http<Ingested>(`/datasets/${dataset}/images/from`, { method: "POST", json: { images, prompts } });
    toast(t("ui.dataset.taken", { count: found.kept.length }));
    await open(dataset);
  }

  async function change(dataset: string, image: string, json: { caption?: string; held_out?: boolean }): Promise<void> {
    const changed = await http<DatasetImage>(`/datasets/${dataset}/images/${image}`, { method: "PATCH", json });
    send({ type: "slice.training.picture", id: dataset, image: changed });
  }

  /** Take a picture off; its file is held until the undo is over, for the server keeps no trash of it. */
  async function removePicture(dataset: string, image: DatasetImage): Promise<void> {
    const answer = await fetch(image.url, { credentials: "same-origin", signal: AbortSignal.timeout(30_000) });
    const held = answer.ok ? await answer.blob() : null;
    await http(`/datasets/${dataset}/images/${image.id}`, { method: "DELETE" });
    await open(dataset);
    const back = held && (() => run(async () => {
      const made = await post(dataset, held, image.file, image.caption);
      if (image.held_out && made.kind === "kept") await change(dataset, made.id, { held_out: true });
      await open(dataset);
    }));
    toast(t("ui.dataset.removed", { name: image.file }), back);
  }

  async function removeRefused(dataset: string, id: string): Promise<void> {
    await http(`/datasets/${dataset}/images/${id}`, { method: "DELETE" });
    await open(dataset);
  }

  /** Make the five-picture set that shows how it goes. */
  async function example(): Promise<string> {
    const id = await create(t("ui.dataset.example_name"));
    send({ type: "slice.training.draft", change: { token: "zxv", class_word: "creature", method: "lora", base_model: null } });
    keepDraft(get().training.draft);
    add(id, await Promise.all(POSES.map((pose, place) => drawn(pose, place))));
    return id;
  }

  return {
    load: (more = false) => run(() => load(more)),
    open: (id: string) => run(() => open(id)),
    look: (id: string, first: number, last: number) => run(() => look(id, first, last)),
    rename: (id: string, name: string) => run(() => rename(id, name)),
    remove: (id: string) => run(() => remove(id)),
    take: (dataset: string, images: string[], prompts: boolean) => run(() => take(dataset, images, prompts)),
    caption: (dataset: string, image: string, caption: string) => run(() => change(dataset, image, { caption })),
    holdOut: (dataset: string, image: string, held_out: boolean) => run(() => change(dataset, image, { held_out })),
    removePicture: (dataset: string, image: DatasetImage) => run(() => removePicture(dataset, image)),
    removeRefused: (dataset: string, id: string) => run(() => removeRefused(dataset, id)),
    create, example, choose, add, cancel, run,
    read: (dataset: string) => send({ type: "slice.training.uploads_read", dataset }),
  };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
