import { ActionIcon, Button, SegmentedControl } from "@mantine/core";
import { useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { turn } from "../app/route";
import { useFeature, useSelect, useTools } from "../state/store";
import { Icon } from "../ui/icons";
import { workflowActions } from "./actions";
import { libraryActions } from "./library";
import { RunButton } from "./RunButton";
import { isDirty } from "./slice";

export type Mode = "graph" | "form";

type Props = { mode: Mode; onFile: (file: File) => void; onSave: () => void; onLibrary: () => void };

/** Name, mode, file, save, run. */
export function Toolbar({ mode, onFile, onSave, onLibrary }: Props): ReactNode {
  const { t } = useTranslation();
  const { get } = useTools();
  const { edit, want } = useFeature(workflowActions);
  const { download } = useFeature(libraryActions);
  const name = useSelect((state) => state.workflow.doc.name);
  const dirty = useSelect((state) => isDirty(state.workflow));
  const saving = useSelect((state) => state.workflow.saving);
  const empty = useSelect((state) => state.workflow.doc.nodes.length === 0);
  const input = useRef<HTMLInputElement>(null);
  return (
    <header className="wf-toolbar">
      <h1 className="hidden">{t("ui.nav.workflow")}</h1>
      <Button className="wf-slim" size="sm" variant="default" leftSection={<Icon name="folder" />} onClick={onLibrary}>
        {t("ui.workflow.library")}
      </Button>
      <input
        className="wf-input wf-name"
        aria-label={t("ui.workflow.name")}
        placeholder={t("ui.workflow.untitled")}
        dir="auto"
        maxLength={200}
        value={name}
        onChange={(event) => {
          const text = event.currentTarget.value;
          edit((doc) => ({ ...doc, name: text }), "name");
        }}
      />
      <span className="wf-dirty quiet" aria-live="polite">{dirty && !empty ? t("ui.workflow.unsaved") : ""}</span>
      <span className="grow" />
      <SegmentedControl
        size="sm"
        aria-label={t("ui.workflow.mode")}
        value={mode}
        onChange={(value) => turn("workflow", ...(value === "form" ? ["form"] : []))}
        data={[
          { value: "graph", label: t("ui.workflow.graph") },
          { value: "form", label: t("ui.workflow.form") },
        ]}
      />
      <input
        ref={input}
        type="file"
        hidden
        accept=".json,application/json,image/png,image/webp,image/jpeg"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) onFile(file);
          event.currentTarget.value = "";
        }}
      />
      <Act icon="plus" label={t("ui.workflow.new")} act={() => want({ kind: "new" })} />
      <Act icon="upload" label={t("ui.workflow.import")} act={() => input.current?.click()} />
      <Act icon="download" label={t("ui.workflow.export")} off={empty} act={() => download(get().workflow.doc)} />
      <Button className="wf-slim" size="sm" variant="default" leftSection={<Icon name="save" />} disabled={empty || !dirty} aria-busy={saving} title="Ctrl+S" onClick={onSave}>
        {t("ui.workflow.save")}
      </Button>
      <RunButton />
    </header>
  );
}

type ActProps = { icon: "plus" | "upload" | "download"; label: string; off?: boolean; act: () => void };

function Act({ icon, label, off = false, act }: ActProps): ReactNode {
  return (
    <ActionIcon variant="subtle" color="gray" size="lg" disabled={off} aria-label={label} title={label} onClick={act}>
      <Icon name={icon} />
    </ActionIcon>
  );
}
