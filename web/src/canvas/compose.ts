import type { ControlUse, Generate, RegionUse } from "../api/wire.gen";
import type { Document, Layer } from "./document";
import { tilesOf, TILE, union, type Rect } from "./geometry";

export type Mode = "txt2img" | "img2img" | "inpaint" | "outpaint";

/** What lies in the box, in pixels counted from its corner. */
export type Survey = {
  opaque: number; // pixels that a picture covers wholly
  bounds: Rect | null; // of all that is not empty
  masked: boolean; // some of it is painted on a mask
};

/** What has to be made of the canvas for a request. */
export type Plan = {
  mode: Mode;
  crop: Rect | null; // of the box: what is sent as the picture
  mask: boolean; // a mask is sent: what is painted, and what is empty
  infill: boolean; // empty parts are filled before
  room: Room | null;
};
export type Room = { extend_left: number; extend_right: number; extend_top: number; extend_bottom: number };

/** How the part under a mask is drawn. */
export type Masking = { blur: number; grow: number; detail: boolean };
export const MASKING: Masking = { blur: 4, grow: 0, detail: false };

/** Ids of what was uploaded for a request. */
export type Sent = {
  init: string | null;
  mask: string | null;
  control: { layer: Layer; image: string }[];
  regions: { layer: Layer; mask: string }[];
};

const MOST_ROOM = 1024; // pixels that the server adds to a side

/** Decide what is asked for by what lies in the box. */
export function planOf(survey: Survey, box: Rect): Plan {
  const nothing = { crop: null, mask: false, infill: false, room: null };
  const whole = { x: 0, y: 0, width: box.width, height: box.height };
  if (!survey.bounds) return { ...nothing, mode: "txt2img" };
  if (survey.opaque === box.width * box.height) {
    const mode = survey.masked ? "inpaint" : "img2img";
    return { ...nothing, mode, crop: whole, mask: survey.masked };
  }
  const { bounds } = survey;
  const room = roomAround(bounds, box);
  const block = survey.opaque === bounds.width * bounds.height;
  if (block && !survey.masked && Math.max(...Object.values(room)) <= MOST_ROOM) {
    return { ...nothing, mode: "outpaint", crop: bounds, room };
  }
  return { mode: "outpaint", crop: whole, mask: true, infill: true, room: null };
}

function roomAround(inner: Rect, box: Rect): Room {
  return {
    extend_left: inner.x,
    extend_right: box.width - inner.x - inner.width,
    extend_top: inner.y,
    extend_bottom: box.height - inner.y - inner.height,
  };
}

type Own = Pick<Generate, "count"> & { strength: number; natural: { width: number; height: number } };

/** Make the request: the words and settings of the form, and what the canvas adds to them. */
export function compose(form: Generate, plan: Plan, box: Rect, sent: Sent, masking: Masking, own: Own): Generate {
  const made: Generate = {
    ...wordsOf(form),
    count: own.count ?? 1,
    width: plan.mode === "txt2img" ? box.width : null,
    height: plan.mode === "txt2img" ? box.height : null,
  };
  if (sent.control.length > 0) made.control = [...(form.control ?? []), ...sent.control.map(controlUse)];
  if (sent.regions.length > 0) made.regions = sent.regions.map(regionUse);
  if (sent.init === null) return made;
  made.init_image = sent.init;
  made.strength = plan.mode === "outpaint" ? 1 : own.strength;
  if (plan.room) return { ...made, ...plan.room, infill: "edge", mask_blur: masking.blur };
  if (sent.mask === null) return made;
  made.mask_image = sent.mask;
  made.mask_blur = masking.blur;
  made.mask_grow = masking.grow;
  if (plan.infill) made.match_colors = true;
  if (!masking.detail || plan.infill) return made;
  return { ...made, only_masked: true, width: own.natural.width, height: own.natural.height };
}

/** Leave out what belongs to a picture of another kind: its size, its start, its enlargement. */
function wordsOf(form: Generate): Generate {
  const ours = [
    "prompt", "negative_prompt", "model", "steps", "guidance_scale", "sampler", "scheduler", "seed",
    "clip_skip", "loras", "control", "guidance_rescale", "guidance_start", "guidance_end",
    "true_cfg_scale", "variation_seed", "variation_strength", "image_prompts", "vae", "styles",
    "text_encoder", "text_encoder_2", "text_encoder_3", "board", "priority", "dynamic_prompts", "exact",
  ] as const satisfies readonly (keyof Generate)[];
  const kept = ours.filter((name) => form[name] !== undefined).map((name) => [name, form[name]]);
  return Object.fromEntries(kept) as Generate;
}

function controlUse({ layer, image }: Sent["control"][number]): ControlUse {
  if (layer.kind !== "control") throw new TypeError("no control layer");
  const { model, preprocessor, weight, start, end } = layer;
  return { model: model ?? "", image, weight, start, end, preprocessor, mode: "balanced", resize: "stretch", low: null, high: null };
}

function regionUse({ layer, mask }: Sent["regions"][number]): RegionUse {
  if (layer.kind !== "region") throw new TypeError("no region layer");
  return { prompt: layer.prompt, mask_image: mask, weight: layer.weight };
}

/** List the layers that are drawn by: shown, and with all that their kind needs. */
export function steering(document: Document, kind: "control" | "region"): Layer[] {
  return document.layers.filter((layer) => {
    if (layer.hidden || layer.kind !== kind) return false;
    return layer.kind === "control" ? layer.model !== null : layer.prompt.trim() !== "";
  });
}

type Serials = ReadonlyMap<string, ReadonlyMap<string, { readonly serial: number }>>;

/** Name what some layers show in a rectangle: the same name, the same pixels. */
export function signature(role: string, rect: Rect, layers: readonly Layer[], surfaces: Serials): string {
  const parts = layers.filter(({ hidden }) => !hidden).map((layer) => {
    const surface = surfaces.get(layer.id);
    const own = { ...rect, x: rect.x - layer.x, y: rect.y - layer.y };
    const tiles = tilesOf(own).flatMap(({ key }) => {
      const tile = surface?.get(key);
      return tile ? [`${key}:${tile.serial}`] : [];
    });
    return tiles.length === 0 ? "" : [layer.kind, layer.x, layer.y, layer.opacity, ...tiles].join(" ");
  });
  return [role, rect.x, rect.y, rect.width, rect.height, ...parts.filter(Boolean)].join("|");
}

/** Give all that layers may cover; null where there is nothing. */
export function extent(layers: readonly Layer[], surfaces: ReadonlyMap<string, ReadonlyMap<string, unknown>>): Rect | null {
  let found: Rect | null = null;
  for (const layer of layers) {
    for (const key of surfaces.get(layer.id)?.keys() ?? []) {
      const [column, row] = key.split(",").map(Number);
      const tile = { x: (column ?? 0) * TILE + layer.x, y: (row ?? 0) * TILE + layer.y, width: TILE, height: TILE };
      found = union(found, tile);
    }
  }
  return found;
}

/** Look through pixels for what a plan depends on. */
export function surveyOf(data: Uint8ClampedArray, width: number, height: number, masked: boolean): Survey {
  let [opaque, left, top, right, bottom] = [0, width, height, -1, -1];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const alpha = data[(y * width + x) * 4 + 3] ?? 0;
      if (alpha === 0) continue;
      if (alpha >= 254) opaque += 1;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  const bounds = right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  return { opaque, bounds, masked };
}
