import { spaced } from "../i18n/values";

type Say = (key: string, otherwise: string) => string;

/** What has words elsewhere on the pages. */
const KNOWN = new Map(Object.entries({
  prompt: "ui.prompt", negative_prompt: "ui.negative", checkpoint: "ui.model", seed: "ui.seed",
  steps: "ui.steps", sampler: "ui.sampler", schedule: "ui.schedule", width: "ui.width",
  height: "ui.height", strength: "ui.strength", guidance_scale: "ui.guidance",
  guidance_rescale: "ui.rescale", variation_seed: "ui.field.variation_seed",
  variation_strength: "ui.field.variation_strength", clip_skip: "ui.clip_skip", seamless: "ui.seamless",
  model: "ui.model", loras: "ui.loras", vae: "ui.vae", weight: "ui.weight", upscaler: "ui.kind.upscaler",
  restorer: "ui.kind.restorer", controlnet: "ui.kind.controlnet", adapter: "ui.kind.ip_adapter",
  text_encoder: "ui.kind.text_encoder",
}));

/** Write the name of a setting, a port or a category for people; what nobody translated as it is: "film_size" is "Film size". */
export function wordsOf(t: Say, name: string): string {
  return t(KNOWN.get(name) ?? `ui.word.${name}`, spaced(name));
}

/** Write the name of a type of value: "TextEncoder" as the port that is called so. */
export function typeOf(t: Say, type: string): string {
  return wordsOf(t, type.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase());
}

/** Write the types that a port takes, or gives. */
export function typesOf(t: Say, types: readonly string[]): string {
  return types.map((type) => typeOf(t, type)).join(", ");
}
