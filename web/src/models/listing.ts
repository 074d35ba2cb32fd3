import type { Model } from "../api/wire.gen";

export const KINDS = [
  "checkpoint", "lora", "embedding", "controlnet", "ip_adapter", "vae", "upscaler", "restorer",
  "text_encoder", "clip_vision", "other",
] as const satisfies readonly Model["kind"][];

export type Wanted = { q: string; kind: string; family: string };

/** A row of the list: the head of a kind, or a model. */
export type Row =
  | { type: "head"; kind: Model["kind"]; count: number }
  | { type: "model"; model: Model };

/** Find the models that fit, by kind in a fixed order and by name within it. */
export function arrange(models: readonly Model[], wanted: Wanted): Row[] {
  const words = wanted.q.toLowerCase().split(/\s+/).filter(Boolean);
  const found = models.filter(
    (model) =>
      (wanted.kind === "" || model.kind === wanted.kind) &&
      (wanted.family === "" || model.family === wanted.family) &&
      fits(model, words),
  );
  return KINDS.flatMap((kind): Row[] => {
    const these = found.filter((model) => model.kind === kind);
    if (these.length === 0) return [];
    const sorted = these.sort((one, two) => one.name.localeCompare(two.name));
    return [
      { type: "head", kind, count: these.length },
      ...sorted.map((model): Row => ({ type: "model", model })),
    ];
  });
}

function fits(model: Model, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const { name, file, trigger, description, trigger_words, sha256 } = model;
  const text = [name, file, trigger, description, ...trigger_words].join("\n").toLowerCase();
  return words.every((word) => text.includes(word) || (word.length >= 8 && sha256?.startsWith(word)));
}

/** Join what is there and what is known of but gone. */
export function joined(models: readonly Model[], gone: readonly Model[]): Model[] {
  const known = new Set(models.map(({ id }) => id));
  return [...models, ...gone.filter(({ id }) => !known.has(id))];
}

export function families(models: readonly Model[]): string[] {
  return [...new Set(models.map(({ family }) => family))].sort();
}
