import type { Image } from "../api/wire.gen";
import { choice, chosenModel } from "../state/choices";
import { mostOfPicture } from "../state/limits";
import { storage } from "../state/saved";
import { problemsOf, type Tools } from "../state/tools";
import { trimmed } from "./areas";
import { extent, type Masking } from "./compose";
import { added, changed, moved, removed, type LayerKind } from "./document";
import { createEasel, firstScene, MOST_SNAPSHOTS, newId } from "./easel";
import { fitted, union, zoomed, type Rect } from "./geometry";
import { DamagedError, MOST_BYTES, nameOf, readFile } from "./packing";
import { boxFor, download, loadPicture, NothingError, readPicture, TooLargeError, UnreadableError } from "./pictures";
import { fromFile, packAll, toFile, unpackAll } from "./project";
import { boundsOf, flatten, isPicture, toPng } from "./render";
import { createResults } from "./results";
import { keepBrush, keepMasking, readBrush, readMasking } from "./settings";
import { dropProject, findProject, keepProject, listProjects, MOST_PROJECTS } from "./shelf";
import { withDocument } from "./tiles";
import { keepWorking, openWorking } from "./working";

const STRIP = 96; // pixels of the stage that are left to the results

export type CanvasActions = ReturnType<typeof canvasActions>;

/** What people do on the canvas page besides drawing. */
export function canvasActions(tools: Tools) {
  const { http, t, toast, fail, get } = tools;
  const easel = createEasel(readMasking(storage()), readBrush(storage()));
  const working = keepWorking(easel, {
    staging: () => get().canvas.staging,
    failed: () => toast(t("ui.canvas.not_kept"), null, "error"),
  });
  let { brush: kept } = easel.get();
  easel.subscribe(() => {
    const { brush } = easel.get();
    if (brush === kept) return;
    kept = brush;
    keepBrush(storage(), brush);
  });
  let beginning: Promise<void> | null = null;
  const { stage, waitAgain, generate, accept, discard, show } = createResults(tools, easel, working.soon);

  function say(error: unknown): void {
    if (error instanceof TooLargeError) toast(t("ui.canvas.too_large"), null, "error");
    else if (error instanceof NothingError) toast(t("ui.canvas.nothing"), null, "error");
    else if (error instanceof UnreadableError) toast(t("ui.canvas.unreadable"), null, "error");
    else if (error instanceof DamagedError) toast(t("ui.canvas.damaged"), null, "error");
    else if (error instanceof Error && error.message === "indexedDB") toast(t("ui.canvas.no_shelf"), null, "error");
    else {
      const [words] = Object.values(problemsOf(error) ?? {});
      if (words) toast(words, null, "error");
      else fail(error);
    }
  }

  function run(work: () => Promise<unknown>): void {
    void work().catch(say);
  }

  function natural(): { width: number; height: number } {
    const state = get();
    return choice({ ...state.draft, width: null, height: null }, chosenModel(state));
  }

  /** Open what was left here, once. */
  function start(): Promise<void> {
    beginning ??= (async () => {
      try {
        const staging = await openWorking(easel);
        if (staging) await waitAgain(staging);
      } catch (error) {
        say(error);
      }
      if (!easel.get().opened) easel.set({ opened: true });
    })();
    return beginning;
  }

  /** Lay a picture into the box. On an empty canvas the box fits it, and a mask waits for the brush. */
  function place(picture: CanvasImageSource, width: number, height: number, name: string): void {
    const empty = easel.scene().document.layers.length === 0;
    const box = empty ? boxFor(width, height, natural()) : easel.scene().document.box;
    const at = empty ? { x: 0, y: 0 } : { x: box.x, y: box.y };
    const layer = { ...easel.create("image", name), ...at };
    const mask = easel.create("mask");
    const fits = easel.place(layer, { ...at, width, height }, picture, {
      before: (document) => ({ ...document, box }),
      after: (scene) => empty ? withDocument(scene, added(scene.document, mask)) : scene,
    });
    if (!fits) toast(t("ui.canvas.full"), null, "error");
    else if (empty) {
      const { brush } = easel.get();
      easel.set({ brush: { ...brush, size: Math.max(4, Math.round(Math.min(box.width, box.height) / 8)) } });
      fit();
    }
  }

  function fit(): void {
    const { size } = easel.get();
    if (size.width === 0) return; // not on the screen yet
    const scene = easel.scene();
    const { document } = scene;
    const reach = union(boundsOf(scene, extent(document.layers.filter(isPicture), scene.surfaces)), document.box);
    const pictures = reach.width > 4 * document.box.width ? document.box : reach;
    easel.set({ view: fitted(pictures, size.width, size.height - STRIP) });
  }

  async function openImage(id: string): Promise<void> {
    await start();
    const image = await http<Image>(`/images/${id}`);
    const picture = await loadPicture(image.url);
    place(picture, image.width, image.height, nameOf(image.prompt?.slice(0, 60) ?? ""));
  }

  async function takeFile(file: File): Promise<void> {
    if (file.name.endsWith(".json") || file.type === "application/json") return openFile(file);
    const bitmap = await readPicture(file, mostOfPicture(get()));
    place(bitmap, bitmap.width, bitmap.height, nameOf(file.name));
    bitmap.close();
  }

  /** Flatten all that is shown, or nothing where there is none. */
  function whole(): OffscreenCanvas {
    const scene = easel.scene();
    const pictures = scene.document.layers.filter((layer) => isPicture(layer) && !layer.hidden);
    const reach = extent(pictures, scene.surfaces);
    const area = reach && trimmed(scene, reach);
    if (!area) throw new NothingError();
    return flatten(scene, area, isPicture);
  }

  async function exportPng(): Promise<void> {
    download(await toPng(whole()), `${easel.get().project?.name || "canvas"}.png`);
  }

  async function toGallery(): Promise<void> {
    await http<Image>("/uploads", { method: "POST", body: await toPng(whole()) });
    toast(t("ui.canvas.in_gallery"));
  }

  async function save(name: string): Promise<void> {
    const { project, history, snapshots } = easel.get();
    const list = await listProjects();
    const id = project?.name === name ? project.id : newId();
    if (list.length >= MOST_PROJECTS && !list.some((one) => one.id === id)) {
      toast(t("ui.canvas.shelf_full", { count: MOST_PROJECTS }), null, "error");
      return;
    }
    const { blobs, ...kept } = packAll(history.now, snapshots);
    await keepProject({ id, name, changed: Date.now(), extra: null, ...kept }, blobs);
    easel.set({ project: { id, name } });
    toast(t("ui.canvas.saved", { name }));
  }

  async function open(id: string): Promise<void> {
    const found = await findProject(id);
    if (!found) throw new DamagedError("project");
    const { scene, snapshots } = await unpackAll(found, found.tile, true);
    stage(null);
    easel.open(scene, { id, name: found.name }, snapshots);
    fit();
  }

  async function openFile(file: File): Promise<void> {
    if (file.size > MOST_BYTES) throw new TooLargeError("bytes");
    const read = readFile(await file.text(), MOST_SNAPSHOTS);
    const { scene, snapshots } = await fromFile(read);
    stage(null);
    easel.open(scene, null, snapshots);
    fit();
  }

  return {
    easel, start, show, run,
    generate: () => run(generate),
    accept: () => run(accept),
    discard: () => run(discard),
    openImage: (id: string) => run(() => openImage(id)),
    takeFile: (file: File) => run(() => takeFile(file)),
    exportPng: () => run(exportPng),
    toGallery: () => run(toGallery),
    save: (name: string) => run(() => save(name)),
    open: (id: string) => run(() => open(id)),
    list: listProjects,
    remove: dropProject,
    saveFile: () => run(async () => {
      const { project, history, snapshots } = easel.get();
      const name = project?.name || "canvas";
      download(await toFile(name, history.now, snapshots), `${name}.heliograph.json`);
    }),
    begin: () => {
      stage(null);
      easel.open(firstScene(natural()), null);
      fit();
    },
    /** Give a canvas that nobody touched yet the size in which the chosen model draws. */
    settle: () => {
      if (!easel.untouched()) return;
      easel.open(firstScene(natural()), null);
      fit();
    },
    snapshot: (name: string) => {
      const held = { id: newId(), name: nameOf(name), scene: easel.scene() };
      easel.set({ snapshots: [...easel.get().snapshots, held].slice(-MOST_SNAPSHOTS) });
    },
    forget: (id: string) => easel.set({ snapshots: easel.get().snapshots.filter((one) => one.id !== id) }),
    addLayer: (kind: LayerKind) => easel.edit((document) => added(document, easel.create(kind))),
    removeLayer: (id: string) => easel.edit((document) => removed(document, id)),
    moveLayer: (id: string, to: number) => easel.edit((document) => moved(document, id, to)),
    choose: (id: string) => easel.adjust((document) => ({ ...document, active: id })),
    resize: (change: Partial<Rect>) =>
      easel.edit((document) => ({ ...document, box: { ...document.box, ...change } }), "box"),
    fit,
    zoom: (factor: number) => {
      const { size, view } = easel.get();
      easel.set({ view: zoomed(view, factor, { x: size.width / 2, y: size.height / 2 }) });
    },
    patch: (id: string, change: Parameters<typeof changed>[2], mark: string | null = null) =>
      easel.edit((document) => changed(document, id, change), mark),
    mask: (change: Partial<Masking>) => {
      const masking = { ...easel.get().masking, ...change };
      easel.set({ masking });
      keepMasking(storage(), masking);
    },
  };
}
