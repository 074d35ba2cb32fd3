import type { ControlUse, Enqueue, Generate, ImagePromptUse, LoraUse, Model, Sweep } from "../api/wire.gen";
import { EMPTY_DRAFT, type Draft, type Hires } from "./draft";
import type { State } from "./model";

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
export function request(draft: Draft, model: Model | null, seed: number | null): Generate {
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
    ...beyond(draft),
  };
}

/** Give the fields that are asked for by few: none of them where nothing is set. */
function beyond(draft: Draft): Partial<Generate> {
  const { hires } = draft;
  return {
    ...(draft.loras.length > 0 && { loras: draft.loras }),
    ...(draft.control.length > 0 && { control: draft.control }),
    ...(draft.imagePrompts.length > 0 && { image_prompts: draft.imagePrompts }),
    ...(draft.clipSkip > 0 && { clip_skip: draft.clipSkip }),
    ...(draft.rescale > 0 && { guidance_rescale: draft.rescale }),
    ...(draft.seamless !== "off" && { seamless: draft.seamless }),
    ...(draft.vae !== null && { vae: draft.vae }),
    ...(draft.dynamic !== "off" && { dynamic_prompts: draft.dynamic }),
    ...(draft.styles.length > 0 && { styles: draft.styles }),
    ...(draft.exact && { exact: true }),
    ...(draft.variationStrength > 0 && {
      variation_strength: draft.variationStrength, variation_seed: draft.variationSeed,
    }),
    ...(hires && !draft.init && {
      hires_factor: hires.factor, hires_strength: hires.strength,
      ...(hires.steps !== null && { hires_steps: hires.steps }),
      ...(hires.upscaler !== null && { hires_upscaler: hires.upscaler }),
    }),
  };
}

/** Name the recipe that a draft means. */
export function recipeOf(draft: Pick<Draft, "init" | "hires">): "txt2img" | "img2img" | "hires" {
  if (draft.init) return "img2img";
  return draft.hires ? "hires" : "txt2img";
}

/** Make a request of the queue's own door, which takes grids of any size. */
export function enqueue(draft: Draft, model: Model | null, seed: number | null, sweep: Sweep | null): Enqueue {
  const { exact = false, ...fields } = request(draft, model, seed);
  return { recipe: { name: recipeOf(draft), ...fields }, sweep, exact };
}

/** Read the fields of a stored recipe back into a draft. */
export function fromRecipe(recipe: Record<string, unknown>, models: Model[] | null): Partial<Draft> {
  const named = text(recipe.model);
  const model = checkpoints(models).find(({ id, name }) => id === named || name === named);
  const init = text(recipe.init_image);
  return {
    ...beyondOf(recipe),
    prompt: text(recipe.prompt) ?? "",
    negative: text(recipe.negative_prompt) ?? "",
    negativeOpen: Boolean(recipe.negative_prompt),
    model: model?.id ?? null,
    width: number(recipe.width),
    height: number(recipe.height),
    steps: number(recipe.steps),
    guidance: number(recipe.guidance_scale),
    sampler: chosen(recipe.sampler),
    schedule: chosen(recipe.scheduler),
    seed: number(recipe.seed),
    seedLocked: true,
    count: 1,
    init: init ? { id: init, url: thumbnail(init) } : null,
    strength: number(recipe.strength) ?? EMPTY_DRAFT.strength,
    grid: EMPTY_DRAFT.grid,
  };
}

function beyondOf(recipe: Record<string, unknown>): Partial<Draft> {
  const seamless = (["x", "y", "both"] as const).find((name) => name === recipe.seamless);
  return {
    loras: list<LoraUse>(recipe.loras),
    control: list<ControlUse>(recipe.control),
    imagePrompts: list<ImagePromptUse>(recipe.image_prompts),
    hires: hiresOf(recipe),
    variationSeed: number(recipe.variation_strength) ? number(recipe.variation_seed) : null,
    variationStrength: number(recipe.variation_strength) ?? 0,
    clipSkip: number(recipe.clip_skip) ?? 0,
    rescale: number(recipe.guidance_rescale) ?? 0,
    seamless: seamless ?? "off",
    vae: text(recipe.vae),
    dynamic: "off", // what a picture was drawn by is chosen already
    styles: [], // and its styles are in its prompt
  };
}

function hiresOf(recipe: Record<string, unknown>): Hires | null {
  const factor = number(recipe.hires_factor);
  if (factor === null) return null;
  return {
    factor, strength: number(recipe.hires_strength) ?? 0.6, steps: number(recipe.hires_steps),
    upscaler: text(recipe.hires_upscaler),
  };
}

export function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

export function thumbnail(image: string): string {
  return `/api/v1/images/${image}/thumbnail`;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** Read the name of a sampler or a schedule; `default` is the model's own. */
function chosen(value: unknown): string | null {
  return value === "default" ? null : text(value);
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** Take over a list of the server's own structs. */
function list<T extends object>(value: unknown): T[] {
  return Array.isArray(value) ? value.filter((item): item is T => typeof item === "object" && item !== null) : [];
}
