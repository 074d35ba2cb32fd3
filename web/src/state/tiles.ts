import type { Generated, Image, Job } from "../api/wire.gen";
import { ended, type Group, type State, type Tile, type TilePicture } from "./model";

const OTHERS = 200; // trainings and tasks that are remembered as such
const IN_GROUP = 480; // tiles of one batch: of a large one the latest; all of it is a table in the gallery
const LOT = 120; // go together where a batch has more: whole rows in any usual number of columns, so none shifts sideways
const GROUPS = 40; // kept on the page; older ones are in the gallery
const WORDS = 300; // characters of a prompt that stand for its picture

/** Find a tile; where its batch is not known, in the few that the page keeps. */
export function tileOf({ tiles }: Pick<State, "tiles">, job: string, batch?: string): Tile | undefined {
  if (batch !== undefined) return tiles[batch]?.[job];
  for (const name in tiles) {
    const tile = tiles[name]?.[job];
    if (tile) return tile;
  }
  return undefined;
}

export function allTiles({ tiles }: Pick<State, "tiles">): Tile[] {
  return Object.values(tiles).flatMap((held) => Object.values(held));
}

const live = new WeakMap<Record<string, Tile>, Tile[]>(); // a batch that did not change is not looked through again

/** List the tiles that wait or run. */
export function liveTiles({ tiles }: Pick<State, "tiles">): Tile[] {
  return Object.values(tiles).flatMap((held) => {
    const known = live.get(held) ?? Object.values(held).filter((tile) => !ended(tile.status));
    live.set(held, known);
    return known;
  });
}

function blank(id: string, batch: string): Tile {
  return {
    id,
    batch,
    status: "queued",
    phase: "",
    step: 0,
    steps: 0,
    eta: null,
    etaAt: 0,
    images: [],
    picture: null,
    error: null,
    cut: false,
    preview: null,
  };
}

export function isCut({ degraded }: { degraded: string[] }): boolean {
  return degraded.includes("prompt_cut");
}

function fromJob(job: Job, held: Tile | undefined, known: State["images"]): Tile {
  if (held && ended(held.status)) return held; // a fact overtook the answer
  const later = held?.status === "running" && job.status === "queued";
  const image = known[job.images[0] ?? ""];
  return {
    ...blank(job.id, job.batch),
    status: later ? held.status : job.status,
    phase: held?.phase ?? job.progress.phase,
    step: Math.max(held?.step ?? 0, job.progress.step),
    steps: Math.max(held?.steps ?? 0, job.progress.steps),
    eta: job.eta_seconds,
    etaAt: Date.now(),
    images: job.images,
    picture: image ? pictureOf(image) : (held?.picture ?? null),
    error: job.error,
    cut: isCut(job),
    preview: held?.preview ?? null,
  };
}

function pictureOf({ id, width, height, prompt }: Image): TilePicture {
  const words = prompt !== null && prompt.length > WORDS ? `${prompt.slice(0, WORDS)}…` : prompt;
  return { id, width, height, words };
}

/** Put a tile in its place: a known one keeps it, a new one opens or joins its batch. */
export function place(state: State, tile: Tile): State {
  const held = state.tiles[tile.batch];
  const tiles = { ...state.tiles, [tile.batch]: { ...held, [tile.id]: tile } };
  if (held?.[tile.id]) return { ...state, tiles };
  const known = state.groups.find((group) => group.id === tile.batch);
  if (!known) {
    const group = { id: tile.batch, jobs: [tile.id], width: 1, height: 1, axes: [] };
    return trim({ ...state, tiles, groups: sorted([group, ...state.groups]) });
  }
  const last = known.jobs[known.jobs.length - 1];
  const jobs = [...known.jobs, tile.id];
  const ordered = last === undefined || last < tile.id ? jobs : jobs.sort();
  return shorten({ ...state, tiles }, { ...known, jobs: ordered });
}

/** Put a batch back; of one that has grown too long the oldest tiles that are done go. */
function shorten(state: State, group: Group): State {
  const held = state.tiles[group.id];
  if (!held || group.jobs.length <= IN_GROUP) return { ...state, groups: swap(state.groups, group) };
  const done = group.jobs.filter((job) => ended(held[job]?.status ?? "canceled"));
  const over = new Set(done.slice(0, LOT));
  const jobs = group.jobs.filter((job) => !over.has(job));
  const kept = Object.fromEntries(Object.entries(held).filter(([id]) => !over.has(id)));
  return {
    ...state,
    tiles: { ...state.tiles, [group.id]: kept },
    groups: swap(state.groups, { ...group, jobs }),
  };
}

/** Change a tile that may not be there yet: facts of other clients' jobs open one. */
export function change(
  state: State,
  job: string,
  batch: string,
  make: (tile: Tile) => Tile,
): State {
  if (state.others.includes(job)) return state;
  return place(state, make(state.tiles[batch]?.[job] ?? blank(job, batch)));
}

/** Change a tile only if the page shows it. */
export function touch(state: State, job: string, make: (tile: Tile) => Tile): State {
  const tile = tileOf(state, job);
  const made = tile && make(tile);
  if (!made || made === tile) return state;
  return { ...state, tiles: { ...state.tiles, [made.batch]: { ...state.tiles[made.batch], [job]: made } } };
}

export function placeJobs(state: State, jobs: Job[]): State {
  const graphs = jobs.filter((job) => job.kind === "graph");
  const others = jobs.filter((job) => job.kind !== "graph").map((job) => job.id);
  const placed = graphs.reduce(
    (held, job) => place(held, fromJob(job, tileOf(held, job.id, job.batch), held.images)), state);
  return named(others.reduce(setAside, placed), graphs);
}

/** Say of each batch what it varies beside the seed: more than nothing makes it a grid. */
function named(state: State, jobs: Job[]): State {
  const axes = new Map(jobs.map((job) => [job.batch, Object.keys(job.overrides).filter((name) => name !== "seed")]));
  const groups = state.groups.map((group) => {
    const found = axes.get(group.id);
    return found && found.length !== group.axes.length ? { ...group, axes: found } : group;
  });
  return { ...state, groups };
}

/** Remember a job that draws no picture of its own: a training or a task, which has no tile. */
export function setAside(state: State, job: string): State {
  if (state.others.includes(job)) return state;
  return { ...state, others: [...state.others, job].slice(-OTHERS) };
}

export function accept(state: State, generated: Generated, width: number, height: number): State {
  const placed = placeJobs(state, generated.jobs);
  const group = placed.groups.find((item) => item.id === generated.batch);
  return group ? { ...placed, groups: swap(placed.groups, { ...group, width, height }) } : placed;
}

/** Tell the tile of a job what its picture is, and give a restored one back to it. */
export function giveBack(state: State, image: Image): State {
  if (image.job === null || image.deleted !== null) return state;
  return touch(state, image.job, (tile) => {
    const first = tile.picture === null || tile.picture.id === image.id;
    const picture = first ? pictureOf(image) : tile.picture;
    const held = tile.status !== "succeeded" || tile.images.includes(image.id);
    return { ...tile, picture, images: held ? tile.images : [...tile.images, image.id].sort() };
  });
}

/** Take a deleted picture off the tiles. */
export function forget(state: State, image: string): State {
  const maker = state.images[image]?.job ?? null;
  const known = maker === null ? undefined : tileOf(state, maker);
  const holder = known?.images.includes(image) ? known : allTiles(state).find((tile) => tile.images.includes(image));
  if (!holder) return state;
  const images = holder.images.filter((id) => id !== image);
  const picture = holder.picture?.id === image ? null : holder.picture;
  return touch(state, holder.id, (tile) => ({ ...tile, images, picture }));
}

function swap(groups: Group[], fresh: Group): Group[] {
  return groups.map((group) => (group.id === fresh.id ? fresh : group));
}

function sorted(groups: Group[]): Group[] {
  return groups.sort((one, two) => (one.id < two.id ? 1 : -1)); // ULIDs sort by time
}

function trim(state: State): State {
  if (state.groups.length <= GROUPS) return state;
  const gone = state.groups.slice(GROUPS).filter(({ id }) =>
    Object.values(state.tiles[id] ?? {}).every((tile) => ended(tile.status)));
  const ids = new Set(gone.map((group) => group.id));
  return {
    ...state,
    groups: state.groups.filter((group) => !ids.has(group.id)),
    tiles: Object.fromEntries(Object.entries(state.tiles).filter(([id]) => !ids.has(id))),
  };
}
