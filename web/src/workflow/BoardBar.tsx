import { ActionIcon } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature, useSelect } from "../state/store";
import { Icon, type IconName } from "../ui/icons";
import { workflowActions } from "./actions";
import type { Commands } from "./commands";

/** The board's own buttons, each with its key. */
export function BoardBar({ commands }: { commands: Commands }): ReactNode {
  const { t } = useTranslation();
  const { undo, redo } = useFeature(workflowActions);
  const canUndo = useSelect((state) => state.workflow.history.past.length > 0);
  const canRedo = useSelect((state) => state.workflow.history.future.length > 0);
  return (
    <div className="wf-bar" role="toolbar" aria-label={t("ui.workflow.tools")}>
      <Tool icon="plus" label={t("ui.workflow.add")} keys="/" act={commands.add} />
      <Tool icon="note" label={t("ui.workflow.note")} keys="N" act={commands.note} />
      <Tool icon="group" label={t("ui.workflow.group")} keys="Ctrl+G" act={commands.group} />
      <Tool icon="copy" label={t("ui.workflow.duplicate")} keys="Ctrl+D" act={commands.duplicate} />
      <Tool icon="trash" label={t("ui.delete")} keys="Delete" act={commands.remove} />
      <Tool icon="undo" label={t("ui.undo")} keys="Ctrl+Z" act={undo} off={!canUndo} />
      <Tool icon="redo" label={t("ui.workflow.redo")} keys="Ctrl+Shift+Z" act={redo} off={!canRedo} />
      <Tool icon="arrange" label={t("ui.workflow.arrange")} keys="L" act={commands.arrange} />
      <Tool icon="fit" label={t("ui.workflow.fit")} keys="F" act={commands.fit} />
      <Tool icon="smaller" label={t("ui.workflow.zoom_out")} act={() => commands.zoom(-1)} />
      <Tool icon="larger" label={t("ui.workflow.zoom_in")} act={() => commands.zoom(1)} />
    </div>
  );
}

type ToolProps = { icon: IconName; label: string; keys?: string; act: () => void; off?: boolean };

function Tool({ icon, label, keys, act, off = false }: ToolProps): ReactNode {
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      disabled={off}
      aria-label={label}
      title={keys === undefined ? label : `${label} (${keys})`}
      onClick={act}
    >
      <Icon name={icon} />
    </ActionIcon>
  );
}
