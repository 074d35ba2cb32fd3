import { ReactFlowProvider } from "@xyflow/react";
import { useEffect, useMemo, useState, type DragEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { turn } from "../app/route";
import { typing, useKeys } from "../app/keys";
import { ended } from "../state/model";
import { useFeature, useSelect, useTools } from "../state/store";
import { tileOf } from "../state/tiles";
import { workflowActions } from "./actions";
import { Board } from "./Board";
import { Conflict, NameIt, TakenOver, Unsaved } from "./Dialogs";
import { asDoc } from "./draft";
import { Empty } from "./Empty";
import { parsed } from "./files";
import { Form } from "./Form";
import { Library } from "./Library";
import { libraryActions } from "./library";
import { Results } from "./Results";
import { RunButton } from "./RunButton";
import { isDirty } from "./slice";
import { Toolbar } from "./Toolbar";
import "./workflow.css";

/** The workflow editor: a graph to build, a form to run it by, a library to keep it in. */
export function WorkflowPage({ rest }: { rest: string[] }): ReactNode {
  const [kind, id] = rest;
  const { watch, want, start, stop, save } = useFeature(workflowActions);
  const { get, run, toast } = useTools();
  const { read } = useFeature(libraryActions);
  const { t } = useTranslation();
  const begun = useSelect((state) => state.workflow.begun);
  const empty = useSelect((state) => state.workflow.doc.nodes.length === 0 && state.workflow.doc.layout.notes.length === 0);
  const [naming, setNaming] = useState<{ then: () => void } | null>(null);
  const [shelf, setShelf] = useState(false);
  const mode = kind === "form" ? "form" : "graph";

  useEffect(() => watch(), [watch]);
  useEffect(() => {
    if (!begun || id === undefined || (kind !== "image" && kind !== "open")) return;
    want(kind === "image" ? { kind: "image", id } : { kind: "saved", id });
    turn("workflow");
  }, [begun, kind, id, want]);

  function keep(then: () => void = () => undefined): void {
    const { doc } = get().workflow;
    if (doc.name.trim() === "") setNaming({ then });
    else void save(doc.name).then((done) => {
      if (done) then();
    });
  }

  function take(file: File): void {
    run(async () => {
      const found = await read(file);
      if (found) want(found);
      else if (found === null) toast(t(file.type.startsWith("image/") ? "ui.workflow.no_graph" : "ui.workflow.no_file"), null, "error");
    });
  }

  const keys = useMemo(() => ({
    "ctrl+s": (event: KeyboardEvent) => {
      event.preventDefault();
      const held = get().workflow;
      if (!isDirty(held) || held.doc.nodes.length === 0) return;
      if (held.doc.name.trim() === "") setNaming({ then: () => undefined });
      else void save(held.doc.name);
    },
    escape: (event: KeyboardEvent) => {
      const state = get();
      const live = state.workflow.run?.jobs.some((job) => !ended(tileOf(state, job)?.status ?? "canceled"));
      if (!live || typing(event.target) || document.querySelector("[role=dialog]")) return;
      event.preventDefault();
      stop();
    },
    "ctrl+enter": (event: KeyboardEvent) => {
      event.preventDefault();
      start();
    },
  }), [get, save, start, stop]);
  useKeys(keys);

  useEffect(() => {
    function paste(event: ClipboardEvent): void {
      if (event.defaultPrevented || typing(event.target)) return;
      const file = event.clipboardData?.files[0];
      const doc = asDoc(parsed(event.clipboardData?.getData("text/plain") ?? ""));
      if (file) take(file);
      else if (doc) want({ kind: "doc", doc });
    }
    window.addEventListener("paste", paste);
    return () => window.removeEventListener("paste", paste);
  });

  function drop(event: DragEvent): void {
    const file = event.dataTransfer.files[0];
    event.preventDefault();
    if (file) take(file);
  }

  return (
    <div className="page wf-page" data-mode={mode} onDrop={drop} onDragOver={(event) => event.preventDefault()}>
      <Toolbar mode={mode} onFile={take} onSave={() => keep()} onLibrary={() => setShelf(true)} />
      <Conflict />
      <TakenOver />
      <div className="wf-main">
        {mode === "graph" && (
          <ReactFlowProvider>
            <Board />
          </ReactFlowProvider>
        )}
        {begun && empty && <Empty onLibrary={() => setShelf(true)} />}
        {!(empty && mode === "form") && <Side mode={mode} />}
      </div>
      {shelf && <Library onClose={() => setShelf(false)} />}
      {naming && <NameIt onClose={() => setNaming(null)} onDone={() => {
        setNaming(null);
        naming.then();
      }} />}
      {!naming && <Unsaved onSave={keep} />}
    </div>
  );
}

function Side({ mode }: { mode: "graph" | "form" }): ReactNode {
  const { t } = useTranslation();
  const { edit } = useFeature(workflowActions);
  const description = useSelect((state) => state.workflow.doc.description);
  return (
    <aside className="wf-side" aria-label={t("ui.workflow.form")}>
      <section className="wf-inputs">
        <h2 className="label">{t("ui.workflow.inputs")}</h2>
        {mode === "form" && description !== "" && <p className="quiet" dir="auto">{description}</p>}
        <Form editable={mode === "graph"} />
        {mode === "form" && <RunButton size="md" />}
        {mode === "graph" && (
          <textarea
            className="wf-input wf-long"
            rows={2}
            dir="auto"
            maxLength={16_384}
            aria-label={t("ui.workflow.description")}
            placeholder={t("ui.workflow.description")}
            value={description}
            onChange={(event) => {
              const text = event.currentTarget.value;
              edit((doc) => ({ ...doc, description: text }), "description");
            }}
          />
        )}
      </section>
      <Results />
    </aside>
  );
}
