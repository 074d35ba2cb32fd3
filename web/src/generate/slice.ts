import type { CountedWords, Planned, Preset } from "../api/wire.gen";
import type { Loaded, Slice } from "../state/slice";

/** What the form knows beside the draft: what it would come to, and what can be named in it. */
export type GenerateHeld = {
  plan: Planned | null; // of the draft as it is; null while that is not known
  words: CountedWords | null;
  wildcards: string[];
  presets: Preset[];
  listed: Loaded; // presets and wildcards
};

export type GenerateLocal =
  | { type: "slice.generate.plan"; plan: Planned | null }
  | { type: "slice.generate.words"; words: CountedWords | null }
  | { type: "slice.generate.loading" }
  | { type: "slice.generate.failed" }
  | { type: "slice.generate.listed"; presets: Preset[]; wildcards: string[] }
  | { type: "slice.generate.preset"; preset: Preset };

export const generateSlice: Slice<GenerateHeld> = {
  first: { plan: null, words: null, wildcards: [], presets: [], listed: "idle" },
  reduce: (held, told) => {
    switch (told.type) {
      case "slice.generate.plan":
        return { ...held, plan: told.plan };
      case "slice.generate.words":
        return { ...held, words: told.words };
      case "slice.generate.loading":
        return { ...held, listed: "loading" };
      case "slice.generate.failed":
        return { ...held, listed: "failed" };
      case "slice.generate.listed":
        return { ...held, presets: told.presets, wildcards: told.wildcards, listed: "ready" };
      case "slice.generate.preset":
        return { ...held, presets: [told.preset, ...held.presets.filter(({ id }) => id !== told.preset.id)] };
      case "preset.changed":
        if (told.deleted) return { ...held, presets: held.presets.filter(({ id }) => id !== told.preset) };
        return held.listed === "idle" ? held : { ...held, listed: "stale" };
      case "local.hello":
        return told.fresh && held.listed !== "idle" ? { ...held, listed: "stale" } : held;
      default:
        return held;
    }
  },
};
