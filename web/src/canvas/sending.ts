import { ProblemError, idempotencyKey } from "../api/http";
import type { Generated, Image } from "../api/wire.gen";
import { choice, chosenModel, drawSeed, request } from "../state/choices";
import type { Tools } from "../state/tools";
import { compose, planOf, signature, steering, type Masking, type Sent } from "./compose";
import type { Layer } from "./document";
import type { Rect } from "./geometry";
import { coverage, cut, filled, flatten, isMask, isPicture, survey, toPng, whiteOn, withGaps } from "./render";
import type { Staging } from "./slice";
import type { Scene } from "./tiles";

const KNOWN = 64; // uploads that are remembered
const OVERLAP = 8; // pixels by which new room reaches into the picture

/** Send what the box asks for. Pictures that were sent before are not sent again. */
export function createSender({ http, get, send }: Tools) {
  const known = new Map<string, string>(); // what was uploaded → its id

  async function upload(name: string, canvas: () => OffscreenCanvas): Promise<string> {
    const held = known.get(name);
    if (held) return held;
    const body = await toPng(canvas());
    const { id } = await http<Image>("/uploads", { method: "POST", query: { kind: "mask", intermediate: true }, body });
    known.set(name, id);
    for (const oldest of known.keys()) {
      if (known.size <= KNOWN) break;
      known.delete(oldest);
    }
    return id;
  }

  async function uploads(scene: Scene, box: Rect, plan: ReturnType<typeof planOf>): Promise<Sent> {
    const { document, surfaces } = scene;
    const pictures = document.layers.filter(isPicture);
    const masks = document.layers.filter(isMask);
    const named = (role: string, layers: readonly Layer[]) => signature(role, box, layers, surfaces);
    const only = ({ id }: Layer) => (layer: Layer) => layer.id === id;
    const { crop } = plan;
    const init = crop && upload(named(`init ${crop.x} ${crop.y} ${crop.width} ${crop.height}`, pictures), () => {
      const whole = flatten(scene, box, isPicture);
      return plan.infill ? filled(whole) : cut(whole, crop);
    });
    const mask = plan.mask && upload(named(plan.infill ? "gaps" : "mask", plan.infill ? document.layers.filter((layer) => isMask(layer) || isPicture(layer)) : masks), () => {
      const cover = coverage(scene, box, isMask);
      return whiteOn(plan.infill ? withGaps(cover, flatten(scene, box, isPicture), OVERLAP) : cover);
    });
    const control = steering(document, "control").map(async (layer) => ({
      layer, image: await upload(named("control", [{ ...layer, opacity: 1 }]), () => onBlack(flatten(scene, box, only(layer)))),
    }));
    const regions = steering(document, "region").map(async (layer) => ({
      layer, mask: await upload(named("region", [layer]), () => whiteOn(coverage(scene, box, only(layer)))),
    }));
    return {
      init: (await init) || null, mask: (await mask) || null,
      control: await Promise.all(control), regions: await Promise.all(regions),
    };
  }

  /** Ask for pictures; gives where they belong. */
  async function ask(scene: Scene, masking: Masking): Promise<Staging> {
    const state = get();
    const { draft } = state;
    const { box } = scene.document;
    const model = chosenModel(state);
    const seed = draft.seedLocked && draft.seed !== null ? draft.seed : drawSeed();
    const plan = planOf(survey(scene, box), box);
    const sent = await uploads(scene, box, plan);
    const natural = choice({ ...draft, width: null, height: null }, model);
    const own = { count: draft.count, strength: draft.strength, natural };
    const json = compose(request(draft, model, seed), plan, box, sent, masking, own);
    const headers = { "Idempotency-Key": idempotencyKey() };
    const generated = await http<Generated>("/generate", { method: "POST", json, headers });
    send({ type: "local.draft", change: { seed } });
    send({ type: "local.accepted", generated, width: box.width, height: box.height });
    return {
      batches: [generated.batch], jobs: generated.jobs.map(({ id }) => id), box, mask: sent.mask,
      margin: Math.ceil(masking.blur * 3) + Math.max(0, masking.grow) + 1, shown: 0,
    };
  }

  return async function sendAll(scene: Scene, masking: Masking): Promise<Staging> {
    try {
      return await ask(scene, masking);
    } catch (error) {
      if (!forgotten(error)) throw error;
      known.clear(); // what was sent before is gone from the server
      return ask(scene, masking);
    }
  };
}

function forgotten(error: unknown): boolean {
  return error instanceof ProblemError && error.problem.errors.some(({ code }) => code === "unknown_image");
}

function onBlack(canvas: OffscreenCanvas): OffscreenCanvas {
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}
