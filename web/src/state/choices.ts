import type { Generate, Model } from "../api/wire.gen";
import type { Draft, State } from "./model";

/** What a draft means once the model's defaults fill what was left open. */
export type Choice = { width: number; height: number; steps: number; guidance: number };

const FALLBACK: Choice = { width: 512, height: 512, steps: 20, guidance: 7.5 };
export const MAX_SEED = 2 ** 32;

export function checkpoints(models: Model[] | null): Model[] {
  return (models ?? []).filter((model) => model.kind === "checkpoint");
}

/** Choose the model: the draft's, the preferred one, the starter, the newest. */
export function chosenModel(state: Pick<State, "models" | "draft" | "preferences">): Model | null {
  const all = checkpoints(state.models);
  const wanted = [state.draft.model, state.preferences.model, "starter"];
  for (const name of wanted) {
    const found = all.find((model) => model.id === name || model.name === name);
    if (found) return found;
  }
  return all[0] ?? null;
}

export function choice(draft: Draft, model: Model | null): Choice {
  return {
    width: draft.width ?? model?.defaults.width ?? FALLBACK.width,
    height: draft.height ?? model?.defaults.height ?? FALLBACK.height,
    steps: draft.steps ?? model?.defaults.steps ?? FALLBACK.steps,
    guidance: draft.guidance ?? model?.defaults.guidance_scale ?? FALLBACK.guidance,
  };
}

/** Make the request of a draft; what is null there is left to the server. */
export function request(draft: Draft, model: Model | null, seed: number): Generate {
  return {
    prompt: draft.prompt,
    negative_prompt: draft.negative,
    model: model?.name ?? null,
    width: draft.width,
    height: draft.height,
    steps: draft.steps,
    guidance_scale: draft.guidance,
    sampler: draft.sampler,
    scheduler: draft.schedule,
    seed,
    count: draft.count,
    ...(draft.init ? { init_image: draft.init.id, strength: draft.strength } : {}),
  };
}

/** Read the fields of a stored recipe back into a draft. */
export function fromRecipe(recipe: Record<string, unknown>, models: Model[] | null): Partial<Draft> {
  const named = text(recipe.model);
  const model = checkpoints(models).find(({ id, name }) => id === named || name === named);
  const init = text(recipe.init_image);
  return {
    prompt: text(recipe.prompt) ?? "",
    negative: text(recipe.negative_prompt) ?? "",
    negativeOpen: Boolean(recipe.negative_prompt),
    model: model?.id ?? null,
    width: number(recipe.width),
    height: number(recipe.height),
    steps: number(recipe.steps),
    guidance: number(recipe.guidance_scale),
    sampler: text(recipe.sampler),
    schedule: text(recipe.scheduler),
    seed: number(recipe.seed),
    seedLocked: true,
    count: 1,
    init: init ? { id: init, url: `/api/v1/images/${init}/thumbnail` } : null,
    strength: number(recipe.strength) ?? 0.75,
  };
}

export function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
