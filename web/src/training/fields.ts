import { valueWords, type ValueWords } from "../i18n/values";

/** One field of a recipe, as its JSON Schema describes it. */
export type Field = {
  name: string;
  kind: "whole" | "number" | "switch" | "choice" | "text" | "list" | "many" | "pair";
  automatic: boolean; // null lets the plan choose
  fallback: unknown; // the default
  about: string;
  options: string[];
  words: ValueWords; // of the options
  least: number | null;
  most: number | null;
};

export const GROUPS = {
  length: ["max_steps", "batch", "accumulate", "repeats", "seed"],
  pictures: [
    "resolution", "buckets", "bucket_step", "crop", "crop_variants", "flip", "transparency",
    "mask_background", "held_out",
  ],
  words: ["captions", "caption_dropout", "templates", "token_vectors", "token_start"],
  class: [
    "prior", "prior_weight", "num_class_images", "class_per_instance", "prior_steps", "prior_guidance",
  ],
  size: [
    "rank", "alpha", "targets", "start_lora", "train_denoiser", "train_text_encoder", "te_stop_fraction",
  ],
  learning: [
    "lr_unet", "lr_te", "lr_emb", "optimizer", "schedule", "warmup", "weight_decay", "betas", "eps",
    "clip", "ema",
  ],
  loss: ["snr_gamma", "noise_offset", "ztsnr", "huber", "timesteps"],
  saving: [
    "checkpoint_every", "checkpoint_minutes", "keep_last", "snapshot_every", "sample_every",
    "sample_prompts", "validate_every", "trackers", "on_nan",
  ],
  device: [
    "precision", "grad_checkpoint", "quantize", "compile", "cache_latents", "cache_text",
    "deterministic", "parallel",
  ],
} as const;
export type Group = keyof typeof GROUPS | "other";

type Schema = {
  type?: string;
  enum?: unknown[];
  anyOf?: Schema[];
  items?: Schema | boolean;
  prefixItems?: Schema[];
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
};

/** Read the fields of a recipe out of its schema. */
export function fieldsOf(schema: unknown): Field[] {
  const root = schema as { $defs?: Record<string, { properties?: Record<string, Schema> }> } | null;
  const properties = root?.$defs?.Recipe?.properties ?? {};
  return Object.entries(properties)
    .filter(([name]) => name !== "method") // stands among the first
    .map(([name, one]) => fieldOf(name, one));
}

/** Put fields into their groups; what this page does not know comes last. */
export function grouped(fields: readonly Field[]): [Group, Field[]][] {
  const known = new Set<string>(Object.values(GROUPS).flat());
  const rows = Object.entries(GROUPS).map(([group, names]): [Group, Field[]] => [
    group as Group,
    names.flatMap((name) => fields.find((field) => field.name === name) ?? []),
  ]);
  const rest = fields.filter(({ name }) => !known.has(name));
  return [...rows, ["other", rest] as [Group, Field[]]].filter(([, some]) => some.length > 0);
}

function fieldOf(name: string, outer: Schema): Field {
  const automatic = outer.anyOf?.some(({ type }) => type === "null") ?? false;
  const inner = outer.anyOf?.find(({ type }) => type !== "null") ?? outer;
  return {
    name,
    kind: kindOf(inner),
    automatic,
    fallback: outer.default ?? null,
    about: outer.description ?? inner.description ?? "",
    options: optionsOf(inner),
    words: valueWords(typeof inner.items === "object" ? inner.items : inner),
    least: inner.minimum ?? inner.exclusiveMinimum ?? null,
    most: inner.maximum ?? inner.exclusiveMaximum ?? null,
  };
}

function kindOf(schema: Schema): Field["kind"] {
  if (schema.enum) return "choice";
  if (schema.prefixItems) return "pair";
  if (schema.type === "array") return optionsOf(schema).length > 0 ? "many" : "list";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer") return "whole";
  return schema.type === "number" ? "number" : "text";
}

function optionsOf(schema: Schema): string[] {
  const inner = typeof schema.items === "object" ? schema.items.enum : undefined;
  return (schema.enum ?? inner ?? []).map(String);
}

/** Write a value for people: small numbers as 1e-4, nothing as nothing. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (typeof value === "number") return numeral(value);
  return typeof value === "string" || typeof value === "boolean" ? String(value) : "";
}

export function numeral(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return Number(value.toPrecision(4)).toExponential();
  return String(Number(value.toPrecision(6)));
}

/** Read what was typed as a number of the field; undefined where it is none. */
export function numberOf(text: string, { kind, least, most }: Pick<Field, "kind" | "least" | "most">): number | undefined {
  const number = Number(text.trim().replace(",", "."));
  if (text.trim() === "" || !Number.isFinite(number)) return undefined;
  if (kind === "whole" && !Number.isInteger(number)) return undefined;
  return number >= (least ?? -Infinity) && number <= (most ?? Infinity) ? number : undefined;
}
