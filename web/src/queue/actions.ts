import type { BatchCells, Enqueued, Job, Page } from "../api/wire.gen";
import type { Tools } from "../state/tools";
import { headOf, moved, type Head } from "./slice";

const HEAD = 200; // of the line: what is further back is counted and not listed
const BATCHES = 24; // asked for their words at once

/** What can be done with the line and the jobs in it. */
export function queueActions({ http, get, send, run, toast, t }: Tools) {
  async function load(): Promise<void> {
    send({ type: "slice.queue.loading" });
    try {
      const lists = [{ status: "running", limit: 50 }, { order: "line", limit: HEAD }, { status: "failed", limit: 20 }];
      const [running, waiting, failed] = await Promise.all(
        lists.map((query) => http<Page<Job>>("/jobs", { query })),
      );
      const since = Date.now() - RECENT;
      const lost = (failed?.items ?? []).filter(
        (job) => job.successor === null && Date.parse(job.ended ?? job.created) > since,
      );
      send({
        type: "slice.queue.lists", running: running?.items ?? [], waiting: waiting?.items ?? [], failed: lost,
      });
    } catch (error) {
      send({ type: "slice.queue.failed" });
      throw error;
    }
    await loadHeads();
  }

  /** Ask what the batches of the listed jobs were asked for. */
  async function loadHeads(): Promise<void> {
    const { running, waiting, failed, heads } = get().queueList;
    const wanted = new Set([...running, ...waiting, ...failed].filter(({ kind }) => kind === "graph").map(({ batch }) => batch));
    const unknown = [...wanted].filter((batch) => !heads[batch]).slice(0, BATCHES);
    if (unknown.length === 0) return;
    const found = await Promise.all(unknown.map(headOrNone));
    send({ type: "slice.queue.heads", heads: Object.fromEntries(found) });
  }

  async function headOrNone(batch: string): Promise<[string, Head]> {
    try {
      return [batch, headOf(await http<BatchCells>(`/batches/${batch}`, { query: { limit: 1 } }))];
    } catch {
      return [batch, { prompt: null, count: 0 }];
    }
  }

  async function move(job: string, to: number): Promise<void> {
    const { waiting } = get().queueList;
    const place = Math.max(0, Math.min(to, waiting.length - 1));
    if (waiting[place]?.id === job) return;
    const position = moved(waiting, job, place).findIndex(({ id }) => id === job);
    send({ type: "slice.queue.moved", job, to: place });
    try {
      await http(`/jobs/${job}`, { method: "PATCH", json: { position } });
    } catch (error) {
      run(load); // as it was
      throw error;
    }
  }

  async function retry(job: string): Promise<void> {
    await http<Enqueued>(`/jobs/${job}/retry`, { method: "POST" });
    send({ type: "slice.queue.dismissed", job });
  }

  async function clear(): Promise<void> {
    const { canceled } = await http<{ canceled: number }>("/queue/clear", { method: "POST" });
    toast(t("ui.queue.cleared", { count: canceled }));
  }

  return {
    load: () => run(load),
    open: (open: boolean) => send({ type: "slice.queue.open", open }),
    move: (job: string, to: number) => run(() => move(job, to)),
    cancel: (job: string) => run(() => http(`/jobs/${job}/cancel`, { method: "POST" })),
    retry: (job: string) => run(() => retry(job)),
    dismiss: (job: string) => send({ type: "slice.queue.dismissed", job }),
    clear: () => run(clear),
  };
}

const RECENT = 24 * 3600 * 1000; // milliseconds: older failures are no news
