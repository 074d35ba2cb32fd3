import type { Easel } from "./easel";
import { isRecord } from "./document";
import { packAll, unpackAll } from "./project";
import { findProject, keepProject, WORKING } from "./shelf";
import type { Staging } from "./slice";

const PAUSE = 800; // milliseconds after a change before it is written down

type Told = { staging: () => Staging | null; failed: () => void };

/** Write what is on the page down after each change, so that a reload loses nothing. */
export function keepWorking(easel: Easel, { staging, failed }: Told): { soon: () => void } {
  let timer: number | null = null;
  let writing: Promise<void> | null = null;
  let again = false;
  let told = false;
  let { history, snapshots, project } = easel.get();

  function soon(): void {
    if (!easel.get().opened) return;
    if (easel.get().saved !== "saving") easel.set({ saved: "saving" });
    if (timer !== null) window.clearTimeout(timer);
    timer = window.setTimeout(write, PAUSE);
  }

  function write(): void {
    timer = null;
    if (writing) {
      again = true;
      return;
    }
    writing = keep().finally(() => {
      writing = null;
      if (again) write();
      again = false;
    });
  }

  async function keep(): Promise<void> {
    const work = easel.get();
    const { blobs, ...kept } = packAll(work.history.now, work.snapshots);
    const extra = { project: work.project, staging: staging() };
    try {
      await keepProject({ id: WORKING, name: "", changed: Date.now(), extra, ...kept }, blobs);
      if (timer === null && !again) easel.set({ saved: "saved" });
      told = false;
    } catch {
      easel.set({ saved: "failed" });
      if (!told) failed();
      told = true;
    }
  }

  easel.subscribe(() => {
    const now = easel.get();
    if (now.history.now === history.now && now.snapshots === snapshots && now.project === project) return;
    ({ history, snapshots, project } = now);
    soon();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && timer !== null) {
      window.clearTimeout(timer);
      write();
    }
  });
  return { soon };
}

/** Open what was on the page when it was left; gives the pictures that it waited for. */
export async function openWorking(easel: Easel): Promise<Staging | null> {
  const held = await findProject(WORKING);
  if (!held) return null;
  const { scene, snapshots } = await unpackAll(held, held.tile, true);
  const extra = isRecord(held.extra) ? held.extra : {};
  const { project } = extra;
  const named = isRecord(project) && typeof project.id === "string" && typeof project.name === "string"
    ? { id: project.id, name: project.name }
    : null;
  easel.open(scene, named, snapshots);
  return (extra.staging as Staging | undefined) ?? null; // only this page writes here
}
