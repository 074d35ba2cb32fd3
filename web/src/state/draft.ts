import type { ControlUse, Generate, ImagePromptUse, LoraUse } from "../api/wire.gen";

/** One axis of a grid as it is written down; `axes.ts` reads it. */
export type GridAxis = {
  id: string;
  field: string; // of the recipe, or a place in its lists: `loras[0].weight`
  by: "list" | "range" | "random" | "replace";
  text: string; // values with commas, or one a line
  from: number | null;
  to: number | null;
  step: number | null;
  picked: string[]; // of a field that names something
  find: string; // the words that the values take the place of
};

export type Grid = { mode: "product" | "zip"; axes: GridAxis[] };

/** How a picture is drawn a second time, larger. */
export type Hires = { factor: number; strength: number; steps: number | null; upscaler: string | null };

/** What the Generate page holds before it is sent; null means the model's own default. */
export type Draft = {
  prompt: string;
  negative: string;
  negativeOpen: boolean;
  model: string | null;
  width: number | null;
  height: number | null;
  steps: number | null;
  guidance: number | null;
  sampler: string | null;
  schedule: string | null;
  seed: number | null;
  seedLocked: boolean;
  count: number;
  init: { id: string; url: string } | null;
  strength: number;
  loras: LoraUse[];
  control: ControlUse[];
  imagePrompts: ImagePromptUse[];
  hires: Hires | null;
  variationSeed: number | null;
  variationStrength: number;
  clipSkip: number;
  rescale: number;
  seamless: NonNullable<Generate["seamless"]>;
  vae: string | null;
  dynamic: NonNullable<Generate["dynamic_prompts"]>;
  styles: string[];
  exact: boolean;
  grid: Grid;
  open: string[]; // sections of the form
};

export const EMPTY_DRAFT: Draft = {
  prompt: "",
  negative: "",
  negativeOpen: false,
  model: null,
  width: null,
  height: null,
  steps: null,
  guidance: null,
  sampler: null,
  schedule: null,
  seed: null,
  seedLocked: false,
  count: 4,
  init: null,
  strength: 0.75,
  loras: [],
  control: [],
  imagePrompts: [],
  hires: null,
  variationSeed: null,
  variationStrength: 0,
  clipSkip: 0,
  rescale: 0,
  seamless: "off",
  vae: null,
  dynamic: "off",
  styles: [],
  exact: false,
  grid: { mode: "product", axes: [] },
  open: [],
};
