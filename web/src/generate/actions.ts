import type { Imported, NewPreset, Page, Preset, WildcardNames } from "../api/wire.gen";
import { fromRecipe } from "../state/choices";
import type { Draft } from "../state/draft";
import type { Tools } from "../state/tools";

const MOST = 200; // presets that are listed

/** What the form does beside generating: styles, wildcards. */
export function generateActions({ http, get, send, run, toast, t }: Tools) {
  async function load(): Promise<void> {
    send({ type: "slice.generate.loading" });
    try {
      const [presets, wildcards] = await Promise.all([
        http<Page<Preset>>("/presets", { query: { limit: MOST } }),
        http<WildcardNames>("/wildcards"),
      ]);
      send({ type: "slice.generate.listed", presets: presets.items, wildcards: wildcards.items });
    } catch (error) {
      send({ type: "slice.generate.failed" });
      throw error;
    }
  }

  /** Save a style; a refusal is thrown, for its form to show. */
  async function save(preset: NewPreset): Promise<void> {
    const made = await http<Preset>("/presets", { method: "POST", json: preset });
    send({ type: "slice.generate.preset", preset: made });
  }

  async function remove({ id, name, prompt, negative_prompt, settings }: Preset): Promise<void> {
    await http(`/presets/${id}`, { method: "DELETE" });
    const { styles } = get().draft;
    if (styles.includes(name)) send({ type: "local.draft", change: { styles: styles.filter((one) => one !== name) } });
    toast(t("ui.styles.deleted", { name }), () => run(() => save({ name, prompt, negative_prompt, settings })));
  }

  async function importCsv(file: File): Promise<void> {
    const made = await http<Imported>("/presets/import", { method: "POST", json: { csv: await file.text() } });
    for (const preset of made.items) send({ type: "slice.generate.preset", preset });
    const skipped = made.skipped.length;
    const words = t("ui.styles.imported", { count: made.items.length });
    toast(skipped > 0 ? `${words} ${t("ui.styles.skipped", { count: skipped })}` : words);
  }

  /** Put a style around the prompt, or take it away; its settings go into the form. */
  function toggle(preset: Preset): void {
    const { draft, models } = get();
    const on = draft.styles.includes(preset.name);
    const styles = on ? draft.styles.filter((name) => name !== preset.name) : [...draft.styles, preset.name];
    const worded = preset.prompt !== "" || preset.negative_prompt !== "";
    const change: Partial<Draft> = on ? {} : fromSettings(preset.settings, models);
    send({ type: "local.draft", change: { ...change, ...(worded || on ? { styles } : {}) } });
  }

  return {
    load: () => run(load),
    save,
    remove: (preset: Preset) => run(() => remove(preset)),
    importCsv: (file: File) => run(() => importCsv(file)),
    toggle,
  };
}

const SAVED: Record<string, keyof Draft> = {
  model: "model", width: "width", height: "height", steps: "steps", guidance_scale: "guidance",
  sampler: "sampler", scheduler: "schedule", seed: "seed", count: "count", strength: "strength",
  loras: "loras", control: "control", image_prompts: "imagePrompts", clip_skip: "clipSkip",
  guidance_rescale: "rescale", seamless: "seamless", vae: "vae", hires_factor: "hires",
  variation_strength: "variationStrength", variation_seed: "variationSeed",
};

/** Read those settings of a preset that it has; what it leaves open stays as it is. */
export function fromSettings(settings: Record<string, unknown>, models: Parameters<typeof fromRecipe>[1]): Partial<Draft> {
  const read = fromRecipe(settings, models);
  const names = Object.keys(settings).flatMap((name) => SAVED[name] ?? []);
  const change = Object.fromEntries(names.map((name) => [name, read[name]])) as Partial<Draft>;
  return {
    ...change,
    ...(typeof settings.count === "number" && { count: settings.count }),
    ...(typeof settings.seed === "number" && { seedLocked: true }),
  };
}
