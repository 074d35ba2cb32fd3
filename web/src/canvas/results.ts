import type { Job, Page } from "../api/wire.gen";
import { ended } from "../state/model";
import { tileOf } from "../state/tiles";
import type { Tools } from "../state/tools";
import { unmasked } from "./areas";
import { layerOf } from "./document";
import type { Easel } from "./easel";
import type { Rect } from "./geometry";
import { nameOf } from "./packing";
import { loadPicture, masked } from "./pictures";
import { isPicture } from "./render";
import { createSender } from "./sending";
import type { Staging } from "./slice";
import { withDocument } from "./tiles";

/**
 * What is asked for from the box, and what becomes of it: looked through, taken over, or let go.
 *
 * @param soon keeps what is at work, once something of it changed.
 */
export function createResults(tools: Tools, easel: Easel, soon: () => void) {
  const { http, t, toast, get, send } = tools;
  const ask = createSender(tools);
  let taking = false;

  function stage(staging: Staging | null): void {
    send({ type: "slice.canvas.staged", staging });
    soon();
  }

  /** Wait again for what was asked for before a reload. */
  async function waitAgain(staging: Staging): Promise<void> {
    send({ type: "slice.canvas.staged", staging });
    for (const batch of staging.batches) {
      const { items } = await http<Page<Job>>("/jobs", { query: { batch, limit: 64 } });
      send({ type: "local.jobs", jobs: items });
    }
  }

  async function generate(): Promise<void> {
    const { canvas, draft } = get();
    if (canvas.busy || easel.drawing() || draft.prompt.trim() === "") return;
    send({ type: "slice.canvas.busy", value: true });
    try {
      const staging = await ask(easel.scene(), easel.get().masking);
      const before = get().canvas.staging;
      const more = before !== null && before.mask === staging.mask && same(before.box, staging.box);
      stage(more ? {
        ...staging, batches: [...before.batches, ...staging.batches],
        jobs: [...before.jobs, ...staging.jobs], shown: before.jobs.length,
      } : staging);
    } finally {
      send({ type: "slice.canvas.busy", value: false });
    }
  }

  /** Make the shown result a layer: where the mask was, if there was one, whose paint has done its work. */
  async function take(): Promise<void> {
    const { staging } = get().canvas;
    const job = staging?.jobs[staging.shown];
    const id = job === undefined ? undefined : tileOf(get(), job)?.images[0];
    if (!staging || id === undefined) return;
    const { box, margin } = staging;
    const result = await loadPicture(`/api/v1/images/${id}/file`);
    const mask = staging.mask ? await loadPicture(`/api/v1/images/${staging.mask}/file`) : null;
    const picture = mask ? masked(result, mask, box, margin) : result;
    const { active } = easel.scene().document;
    const layer = easel.create("image", nameOf(get().draft.prompt.slice(0, 60)));
    const fits = easel.place(layer, box, picture, {
      before: (document) => ({ ...document, active: null }),
      after: (scene) => {
        const held = layerOf(scene.document, active);
        const next = held && !isPicture(held) ? withDocument(scene, { ...scene.document, active }) : scene;
        return mask ? unmasked(next, box) : next;
      },
    });
    if (fits) await discard();
    else toast(t("ui.canvas.full"), null, "error");
  }

  async function discard(): Promise<void> {
    const state = get();
    const { staging } = state.canvas;
    stage(null);
    const open = staging?.jobs.some((job) => !ended(tileOf(state, job)?.status ?? "canceled"));
    if (!open) return;
    await Promise.all((staging?.batches ?? []).map((batch) => http(`/batches/${batch}/cancel`, { method: "POST" })));
  }

  function show(by: number): void {
    const { staging } = get().canvas;
    if (!staging) return;
    const count = staging.jobs.length;
    send({ type: "slice.canvas.shown", index: (staging.shown + by + count) % count });
  }

  /** Take it once, however often that is asked for meanwhile. */
  async function accept(): Promise<void> {
    if (taking) return;
    taking = true;
    await take().finally(() => (taking = false));
  }

  return { stage, waitAgain, generate, accept, discard, show };
}

function same(one: Rect, two: Rect): boolean {
  return one.x === two.x && one.y === two.y && one.width === two.width && one.height === two.height;
}
