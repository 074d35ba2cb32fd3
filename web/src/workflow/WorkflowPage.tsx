import { ReactFlowProvider } from "@xyflow/react";
import { useEffect, useMemo, useState, type DragEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { turn } from "../app/route";
import { useKeys } from "../app/keys";
import { useFeature, useSelect, useTools } from "../state/store";
import { workflowActions } from "./actions";
import { Board } from "./Board";
import { Conflict, NameIt, Unsaved } from "./Dialogs";
import { Empty } from "./Empty";
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
  const { watch, want, start, save } = useFeature(workflowActions);
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
      const doc = await read(file);
      if (doc) want({ kind: "doc", doc });
      else toast(t(file.type.startsWith("image/") ? "ui.workflow.no_graph" : "ui.workflow.no_file"), null, "error");
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
    "ctrl+enter": (event: KeyboardEvent) => {
      event.preventDefault();
      start();
    },
  }), [get, save, start]);
  useKeys(keys);

  function drop(event: DragEvent): void {
    const file = event.dataTransfer.files[0];
    event.preventDefault();
    if (file) take(file);
  }

  return (
    <div className="page wf-page" data-mode={mode} onDrop={drop} onDragOver={(event) => event.preventDefault()}>
      <Toolbar mode={mode} onFile={take} onSave={() => keep()} onLibrary={() => setShelf(true)} />
      <Conflict />
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
  const description = useSelect((state) => state.workflow.doc.description);
  return (
    <aside className="wf-side" aria-label={t("ui.workflow.form")}>
      <section className="wf-inputs">
        <h2 className="label">{t("ui.workflow.inputs")}</h2>
        {description !== "" && <p className="quiet" dir="auto">{description}</p>}
        <Form editable={mode === "graph"} />
        {mode === "form" && <RunButton size="md" />}
      </section>
      <Results />
    </aside>
  );
}
