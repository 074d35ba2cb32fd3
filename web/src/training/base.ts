import type { Model } from "../api/wire.gen";
import { checkpoints } from "../state/choices";
import type { State } from "../state/model";

const STARTER = "starter";
const USUAL = 512; // pixels, of a model that says nothing of itself
const STEP = 64; // pixels

type Known = Pick<State, "models" | "training">;

/** Give the model that a draft would be taught on, chosen as the server does: the starter where none is named. */
export function baseOf({ models, training: { draft } }: Known): Model | null {
  const all = checkpoints(models);
  const wanted = draft.base_model ?? STARTER;
  const named = all.find(({ id, name }) => id === wanted || name === wanted);
  if (named || wanted !== STARTER) return named ?? null;
  return all.find(({ source }) => source === STARTER) ?? all[0] ?? null;
}

/** Give the side of a square of as many pixels as a draft's pictures are brought to. */
export function sideOf(state: Known): number {
  const { resolution } = state.training.draft.fields;
  return typeof resolution === "number" ? resolution : (baseOf(state)?.defaults.width ?? USUAL);
}

/** Say, as a query, what a draft makes of its pictures: their buckets are read for it. */
export function taughtAs(state: Known): string {
  const { bucket_step: step, buckets } = state.training.draft.fields;
  return new URLSearchParams({
    resolution: String(sideOf(state)), step: String(typeof step === "number" ? step : STEP),
    buckets: String(buckets !== false),
  }).toString();
}
