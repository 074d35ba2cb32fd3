import { nameOf, readPacked, difference, namesIn, type Packed } from "./packing";
import type { Kept } from "./project";
import { isRecord } from "./document";

/** A project of this browser, as a list shows it. */
export type Listed = { id: string; name: string; changed: number };
export type Held = Listed & Kept & { extra: unknown };

export const WORKING = "working"; // what is on the page now
export const MOST_PROJECTS = 50;

const DATABASE = "heliograph.canvas";
const PATIENCE = 20_000; // milliseconds

function asked<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error ?? new Error("indexedDB"));
  });
}

function ended(transaction: IDBTransaction): Promise<void> {
  return new Promise((done, failed) => {
    transaction.oncomplete = () => done();
    transaction.onabort = () => failed(transaction.error ?? new Error("indexedDB"));
  });
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("projects", { keyPath: "id" });
    request.result.createObjectStore("tiles"); // by [project, name]
  };
  return patient(asked(request));
}

/** Give up on a database that another tab holds shut. */
function patient<T>(work: Promise<T>): Promise<T> {
  return new Promise((done, failed) => {
    const timer = window.setTimeout(() => failed(new Error("indexedDB")), PATIENCE);
    work.then(done, failed).finally(() => window.clearTimeout(timer));
  });
}

function tilesOfProject(id: string): IDBKeyRange {
  return IDBKeyRange.bound([id], [id, []]);
}

async function withDatabase<T>(work: (database: IDBDatabase) => Promise<T>): Promise<T> {
  const database = await opened();
  try {
    return await patient(work(database));
  } finally {
    database.close();
  }
}

/** Keep a project; squares that are there already are not written again. */
export async function keepProject(project: Held, blobs: ReadonlyMap<string, Promise<Blob>>): Promise<void> {
  await withDatabase(async (database) => {
    const names = namesIn([project.picture, ...project.snapshots.map(({ picture }) => picture)]);
    const keys = await asked(database.transaction("tiles").objectStore("tiles").getAllKeys(tilesOfProject(project.id)));
    const { lacking, gone } = difference(keys.map((key) => (key as [string, string])[1]), names);
    const ready = await Promise.all(lacking.map(async (name) => [name, await blobs.get(name)] as const));
    const transaction = database.transaction(["projects", "tiles"], "readwrite");
    const tiles = transaction.objectStore("tiles");
    for (const [name, blob] of ready) if (blob) tiles.put(blob, [project.id, name]);
    for (const name of gone) tiles.delete([project.id, name]);
    transaction.objectStore("projects").put(project);
    await ended(transaction);
  });
}

/** Read a project; null for none, or one that nobody can read. */
export async function findProject(id: string): Promise<(Held & { tile: (name: string) => Promise<Blob | null> }) | null> {
  return withDatabase(async (database) => {
    const found = readHeld(await asked(database.transaction("projects").objectStore("projects").get(id)));
    if (!found) return null;
    const store = database.transaction("tiles").objectStore("tiles");
    const [keys, blobs] = await Promise.all([
      asked(store.getAllKeys(tilesOfProject(id))), asked(store.getAll(tilesOfProject(id))),
    ]);
    const tiles = new Map(keys.map((key, index) => [(key as [string, string])[1], blobs[index] as unknown]));
    return {
      ...found,
      tile: (name) => {
        const blob = tiles.get(name);
        return Promise.resolve(blob instanceof Blob ? blob : null);
      },
    };
  });
}

export async function listProjects(): Promise<Listed[]> {
  const all = await withDatabase((database) =>
    asked(database.transaction("projects").objectStore("projects").getAll()));
  return (all as unknown[])
    .map(readHeld)
    .filter((project) => project !== null)
    .filter(({ id }) => id !== WORKING)
    .map(({ id, name, changed }) => ({ id, name, changed }))
    .sort((one, two) => two.changed - one.changed);
}

export async function dropProject(id: string): Promise<void> {
  await withDatabase(async (database) => {
    const transaction = database.transaction(["projects", "tiles"], "readwrite");
    transaction.objectStore("projects").delete(id);
    transaction.objectStore("tiles").delete(tilesOfProject(id));
    await ended(transaction);
  });
}

function readHeld(given: unknown): Held | null {
  if (!isRecord(given) || typeof given.id !== "string") return null;
  const picture = readPacked(given.picture);
  if (!picture) return null;
  const list: unknown[] = Array.isArray(given.snapshots) ? given.snapshots : [];
  const snapshots = list.flatMap((one) => {
    const held: Packed | null = isRecord(one) ? readPacked(one.picture) : null;
    return held && isRecord(one) ? [{ name: nameOf(one.name), picture: held }] : [];
  });
  const changed = typeof given.changed === "number" ? given.changed : 0;
  return { id: given.id, name: nameOf(given.name), changed, picture, snapshots, extra: given.extra };
}
