import { ProblemError } from "../api/http";
import type { Image } from "../api/wire.gen";
import { mostOfPicture } from "../state/limits";
import type { Tools } from "../state/tools";
import type { Upload } from "./uploads";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const MOST = 200; // files of one drop
const ABREAST = 2; // that are sent at once

/** Take files in, a few at a time; what is wrong with one is said beside its name. */
export function uploadActions(tools: Tools) {
  const { http, send, get, t } = tools;
  const files = new Map<number, { file: File; board: string }>();
  const flying = new Map<number, AbortController>();
  let last = 0;
  let sending = 0;

  function refusal(file: File): string {
    const cap = mostOfPicture(get());
    if (!TYPES.includes(file.type)) return t("ui.upload.type");
    if (file.size > cap) return t("ui.upload.large", { limit: Math.floor(cap / (1 << 20)) });
    return file.size === 0 ? t("ui.upload.empty") : "";
  }

  function add(list: Iterable<File>, board = ""): void {
    const all = [...list];
    const made = all.slice(0, MOST).map((file): Upload => {
      const id = (last += 1);
      const words = refusal(file);
      if (!words) files.set(id, { file, board });
      return { id, name: file.name, bytes: file.size, sent: 0, state: words ? "failed" : "waiting", words };
    });
    send({ type: "slice.uploads.added", uploads: made });
    if (all.length > MOST) tools.toast(t("ui.upload.many", { count: MOST }), null, "error");
    for (let turn = 0; turn < ABREAST; turn += 1) void next();
  }

  async function next(): Promise<void> {
    const [id] = files.keys();
    if (id === undefined || sending >= ABREAST) return;
    const held = files.get(id);
    files.delete(id);
    if (!held) return;
    sending += 1;
    const mine = new AbortController();
    flying.set(id, mine);
    const change = (change: Partial<Upload>) => send({ type: "slice.uploads.changed", id, change });
    change({ state: "sending" });
    try {
      const image = await http<Image>("/uploads", {
        method: "POST", body: held.file, signal: mine.signal, onSent: (sent) => change({ sent }),
      });
      const moved = { method: "PATCH", json: { board: held.board } } as const;
      const shown = held.board ? await http<Image>(`/images/${image.id}`, moved) : image;
      send({ type: "local.image", image: shown });
      change({ state: "done", sent: 1 });
    } catch (error) {
      const words = error instanceof ProblemError ? error.message : t("ui.unreachable");
      if (!mine.signal.aborted) change({ state: "failed", words });
    } finally {
      flying.delete(id);
      sending -= 1;
      void next();
    }
  }

  /** Send no more of some files; what already arrived stays. */
  function cancel(ids: readonly number[]): void {
    for (const id of ids) {
      files.delete(id);
      flying.get(id)?.abort();
    }
    send({ type: "slice.uploads.gone", ids: new Set(ids) });
  }

  return { add, cancel, clear: () => send({ type: "slice.uploads.cleared" }) };
}
