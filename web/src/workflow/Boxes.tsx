import { NodeResizer, type NodeProps } from "@xyflow/react";
import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature } from "../state/store";
import { workflowActions } from "./actions";
import { changeLayout } from "./edits";
import type { GroupNode, NoteNode } from "./project";

/** Words beside the nodes. */
export const NoteCard = memo(function NoteCard({ id, data, selected }: NodeProps<NoteNode>): ReactNode {
  const { t } = useTranslation();
  const { edit } = useFeature(workflowActions);
  return (
    <div className="wf-note">
      <NodeResizer isVisible={selected} minWidth={120} minHeight={72} />
      <textarea
        className="nodrag nowheel"
        aria-label={t("ui.workflow.note")}
        placeholder={t("ui.workflow.note_hint")}
        dir="auto"
        maxLength={4000}
        value={data.note.text}
        onChange={(event) => {
          const text = event.currentTarget.value;
          edit((doc) => changeLayout(doc, {
            notes: doc.layout.notes.map((note) => (note.id === id ? { ...note, text } : note)),
          }), `note ${id}`);
        }}
      />
    </div>
  );
});

/** A frame with a title; what lies in it moves along. */
export const GroupCard = memo(function GroupCard({ id, data, selected }: NodeProps<GroupNode>): ReactNode {
  const { t } = useTranslation();
  const { edit } = useFeature(workflowActions);
  return (
    <div className="wf-group">
      <NodeResizer isVisible={selected} minWidth={160} minHeight={96} />
      <input
        className="nodrag"
        aria-label={t("ui.workflow.group_title")}
        dir="auto"
        maxLength={200}
        value={data.group.title}
        onChange={(event) => {
          const title = event.currentTarget.value;
          edit((doc) => changeLayout(doc, {
            groups: doc.layout.groups.map((group) => (group.id === id ? { ...group, title } : group)),
          }), `group ${id}`);
        }}
      />
    </div>
  );
});
