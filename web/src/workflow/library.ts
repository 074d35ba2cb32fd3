import type { ImportedWorkflow, Inspected, NewWorkflow, Page, SaveWorkflow, Workflow, WorkflowHead } from "../api/wire.gen";
import { mostOfPicture } from "../state/limits";
import type { Tools } from "../state/tools";
import { EMPTY_DOC, fromWorkflow, toSave, type Doc } from "./doc";
import { asDoc } from "./draft";
import { asGraph, exported, fileName, graphIn, MOST, parsed } from "./files";
import type { Wanted, WorkflowLocal } from "./slice";

const PAGE = 200;
const PAGES = 5; // the server keeps no more than a thousand of one owner

/** What is done to saved workflows, and to files of them. */
export function libraryActions(tools: Tools) {
  const { http, run, toast, t, store } = tools;
  const send = (message: WorkflowLocal) => store.send(message);

  async function load(): Promise<void> {
    if (store.get().workflow.libraryState === "loading") return;
    send({ type: "slice.workflow.library", state: "loading" });
    const heads: WorkflowHead[] = [];
    try {
      let cursor: string | null = null;
      for (let page = 0; page < PAGES; page += 1) {
        const query = { limit: PAGE, cursor };
        const found: Page<WorkflowHead> = await http<Page<WorkflowHead>>("/workflows", { query });
        heads.push(...found.items);
        cursor = found.next;
        if (cursor === null) break;
      }
      send({ type: "slice.workflow.library", state: "ready", heads });
    } catch (error) {
      send({ type: "slice.workflow.library", state: "failed" });
      throw error;
    }
  }

  async function change(id: string, edit: (doc: Doc) => Doc): Promise<void> {
    const saved = await http<Workflow>(`/workflows/${id}`);
    const json: Omit<SaveWorkflow, "workflow"> = { ...toSave(edit(fromWorkflow(saved))), version: saved.version };
    await http(`/workflows/${id}`, { method: "PUT", json });
  }

  async function again(fields: NewWorkflow): Promise<void> {
    await http("/workflows/import", { method: "POST", json: { workflow: fields } });
  }

  async function remove(head: WorkflowHead): Promise<void> {
    const saved = await http<Workflow>(`/workflows/${head.id}`);
    await http(`/workflows/${head.id}`, { method: "DELETE" });
    toast(t("ui.workflow.deleted", { name: head.name }), () => run(() => again(toSave(fromWorkflow(saved)))));
  }

  /** Read a file: a workflow, a graph, or a picture that has one inside; null where there is none. */
  async function read(file: File): Promise<Wanted | null | undefined> {
    const picture = file.type.startsWith("image/");
    const most = picture ? mostOfPicture(store.get()) : MOST;
    if (file.size > most) {
      toast(t(picture ? "ui.upload.large" : "ui.workflow.too_large", { limit: most / 2 ** 20 }), null, "error");
      return undefined;
    }
    if (picture) {
      const told = await http<Inspected>("/images/inspect", { method: "POST", body: file });
      const graph = graphIn(told);
      if (graph) return { kind: "doc", doc: { ...EMPTY_DOC, nodes: graph.nodes } };
      const theirs = told.workflow === null ? null : parsed(told.workflow);
      return theirs && foreign(theirs, file);
    }
    const found = parsed(await file.text());
    const ours = asDoc(found);
    if (ours) return { kind: "doc", doc: ours };
    const graph = asGraph(found);
    if (graph) return { kind: "doc", doc: { ...EMPTY_DOC, name: plainName(file), nodes: graph.nodes } };
    return found && foreign(found, file);
  }

  /** Let the server take another program's workflow over, or say why not. */
  async function foreign(workflow: Record<string, unknown>, file: File): Promise<Wanted> {
    const name = typeof workflow.name === "string" && workflow.name.trim() !== "" ? null : plainName(file) || null;
    const json = { workflow, name };
    const { id, left_out } = await http<ImportedWorkflow>("/workflows/import", { method: "POST", json });
    return { kind: "saved", id, leftOut: left_out };
  }

  return {
    read,
    load: () => run(load),
    rename: (id: string, name: string) => run(() => change(id, (doc) => ({ ...doc, name }))),
    retag: (id: string, tags: string[]) => run(() => change(id, (doc) => ({ ...doc, tags }))),
    remove: (head: WorkflowHead) => run(() => remove(head)),
    duplicate: (id: string) =>
      run(async () => again(toSave(fromWorkflow(await http<Workflow>(`/workflows/${id}`))))),
    download: (doc: Doc) => {
      const url = URL.createObjectURL(new Blob([exported(doc)], { type: "application/json" }));
      const link = document.createElement("a");
      link.href = url;
      link.download = fileName(doc.name);
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(url), 1000);
    },
  };
}

function plainName({ name }: File): string {
  return name.replace(/\.(json|png|jpe?g|webp)$/i, "");
}
