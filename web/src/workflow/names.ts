type Say = (key: string) => string;

/** Settings that have words elsewhere on the pages. */
const KNOWN: Record<string, string> = {
  prompt: "ui.prompt", negative_prompt: "ui.negative", checkpoint: "ui.model", seed: "ui.seed",
  steps: "ui.steps", sampler: "ui.sampler", schedule: "ui.schedule", width: "ui.width",
  height: "ui.height", strength: "ui.strength", guidance_scale: "ui.guidance",
};

/** Write the name of a setting or a port for people: "guidance_start" is "Guidance start". */
export function wordsOf(t: Say, name: string): string {
  const key = KNOWN[name];
  return key === undefined ? spaced(name) : t(key);
}

export function spaced(name: string): string {
  const words = name.replaceAll("_", " ").trim().replace(/\bvae\b/i, "VAE");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
