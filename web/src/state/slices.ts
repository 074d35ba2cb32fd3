import { notices } from "../app/notices";
import { canvasSlice, type CanvasLocal } from "../canvas/slice";
import { boards, type BoardsLocal } from "../gallery/boards";
import { gallery, type GalleryLocal } from "../gallery/slice";
import { table, type TableLocal } from "../gallery/table";
import { uploads, type UploadsLocal } from "../gallery/uploads";
import { generateSlice, type GenerateLocal } from "../generate/slice";
import { modelsPage, type ModelsLocal } from "../models/slice";
import { queueSlice, type QueueLocal } from "../queue/slice";
import { imports, type ImportsLocal } from "../settings/imports";
import { systemPage, type SystemLocal } from "../settings/slice";
import { training, type TrainingLocal } from "../training/slice";
import { workflow, type WorkflowLocal } from "../workflow/slice";
import type { Message, State } from "./model";
import type { Slice } from "./slice";

/** The parts of the state that pages own, each in the folder of its page. */
const SLICES = {
  generate: generateSlice,
  queueList: queueSlice,
  canvas: canvasSlice,
  workflow,
  gallery,
  boards,
  table,
  uploads,
  training,
  modelsPage,
  notices,
  systemPage,
  imports,
} as const;

type Table = typeof SLICES;
const NAMES = Object.keys(SLICES) as (keyof Table)[];
export type Slices = { [Name in keyof Table]: Table[Name] extends Slice<infer Held> ? Held : never };

/** What pages tell their own parts: each message is called `slice.<part>.<what>`. */
export type SliceLocal =
  | GenerateLocal
  | QueueLocal
  | CanvasLocal
  | WorkflowLocal
  | GalleryLocal
  | BoardsLocal
  | TableLocal
  | UploadsLocal
  | TrainingLocal
  | ModelsLocal
  | ImportsLocal
  | SystemLocal;

/** Begin each part. */
export function firstSlices(): Slices {
  const first = Object.entries<Slice<unknown>>(SLICES).map(([name, slice]) => [name, slice.first]);
  return Object.fromEntries(first) as Slices;
}

/** Tell one part; the same state where it did not change. */
export function inSlice(state: State, name: keyof Slices, told: Message): State {
  const slice: Slice<unknown> = SLICES[name];
  const made = slice.reduce(state[name], told, state);
  return made === state[name] ? state : { ...state, [name]: made };
}

/** Tell every part; the same state where none of them changed. */
export function inSlices(state: State, told: Message): State {
  return NAMES.reduce((next, name) => inSlice(next, name, told), state);
}
