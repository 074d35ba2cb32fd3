import type { Generated, Image, Job } from "../api/wire.gen";
import { ended, type Group, type State, type Tile } from "./model";

const OTHERS = 200; // trainings and tasks that are remembered as such
const IN_GROUP = 200; // tiles of one batch: of a large grid the latest; all of it is a table in the gallery
const GROUPS = 40; // kept on the page; older ones are in the gallery

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
    error: null,
    cut: false,
    preview: null,
  };
}

export function isCut({ degraded }: { degraded: string[] }): boolean {
  return degraded.includes("prompt_cut");
}

function fromJob(job: Job, held: Tile | undefined): Tile {
  if (held && ended(held.status)) return held; // a fact overtook the answer
  const later = held?.status === "running" && job.status === "queued";
  return {
    ...blank(job.id, job.batch),
    status: later ? held.status : job.status,
    phase: held?.phase ?? job.progress.phase,
    step: Math.max(held?.step ?? 0, job.progress.step),
    steps: Math.max(held?.steps ?? 0, job.progress.steps),
    eta: job.eta_seconds,
    etaAt: Date.now(),
    images: job.images,
    error: job.error,
    cut: isCut(job),
    preview: held?.preview ?? null,
  };
}

/** Put a tile in its place: a known one keeps it, a new one opens or joins its batch. */
export function place(state: State, tile: Tile): State {
  const tiles = { ...state.tiles, [tile.id]: tile };
  if (state.tiles[tile.id]) return { ...state, tiles };
  const known = state.groups.find((group) => group.id === tile.batch);
  if (!known) {
    const group = { id: tile.batch, jobs: [tile.id], width: 1, height: 1, axes: [] };
    return trim({ ...state, tiles, groups: sorted([group, ...state.groups]) });
  }
  const jobs = [...known.jobs, tile.id].sort();
  const over = jobs.length <= IN_GROUP ? undefined : jobs.find((job) => ended(tiles[job]?.status ?? "canceled"));
  const kept = jobs.filter((job) => job !== over);
  const held = over === undefined ? tiles : Object.fromEntries(Object.entries(tiles).filter(([id]) => id !== over));
  return { ...state, tiles: held, groups: swap(state.groups, { ...known, jobs: kept }) };
}

/** Change a tile that may not be there yet: facts of other clients' jobs open one. */
export function change(
  state: State,
  job: string,
  batch: string,
  make: (tile: Tile) => Tile,
): State {
  if (state.others.includes(job)) return state;
  return place(state, make(state.tiles[job] ?? blank(job, batch)));
}

/** Change a tile only if the page shows it. */
export function touch(state: State, job: string, make: (tile: Tile) => Tile): State {
  const tile = state.tiles[job];
  return tile ? { ...state, tiles: { ...state.tiles, [job]: make(tile) } } : state;
}

export function placeJobs(state: State, jobs: Job[]): State {
  const graphs = jobs.filter((job) => job.kind === "graph");
  const others = jobs.filter((job) => job.kind !== "graph").map((job) => job.id);
  const placed = graphs.reduce((held, job) => place(held, fromJob(job, held.tiles[job.id])), state);
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

/** Give a restored picture back to the tile that it came from. */
export function giveBack(state: State, image: Image): State {
  if (image.job === null || image.deleted !== null) return state;
  return touch(state, image.job, (tile) =>
    tile.status !== "succeeded" || tile.images.includes(image.id)
      ? tile
      : { ...tile, images: [...tile.images, image.id].sort() },
  );
}

/** Take a deleted picture off the tiles. */
export function forget(state: State, image: string): State {
  const holder = Object.values(state.tiles).find((tile) => tile.images.includes(image));
  if (!holder) return state;
  const images = holder.images.filter((id) => id !== image);
  return touch(state, holder.id, (tile) => ({ ...tile, images }));
}

function swap(groups: Group[], fresh: Group): Group[] {
  return groups.map((group) => (group.id === fresh.id ? fresh : group));
}

function sorted(groups: Group[]): Group[] {
  return groups.sort((one, two) => (one.id < two.id ? 1 : -1)); // ULIDs sort by time
}

function trim(state: State): State {
  if (state.groups.length <= GROUPS) return state;
  const gone = state.groups.slice(GROUPS).filter((group) =>
    group.jobs.every((job) => {
      const tile = state.tiles[job];
      return !tile || ended(tile.status);
    }),
  );
  const ids = new Set(gone.map((group) => group.id));
  const tiles = Object.values(state.tiles).filter((tile) => !ids.has(tile.batch));
  return {
    ...state,
    groups: state.groups.filter((group) => !ids.has(group.id)),
    tiles: Object.fromEntries(tiles.map((tile) => [tile.id, tile])),
  };
}
