import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ended } from "../state/model";
import { useFeature, useSelect } from "../state/store";
import { tileOf } from "../state/tiles";
import { Icon } from "../ui/icons";
import { workflowActions } from "./actions";

/** Run; while something runs, stop it. */
export function RunButton({ size = "sm" }: { size?: "sm" | "md" }): ReactNode {
  const { t } = useTranslation();
  const { start, stop } = useFeature(workflowActions);
  const empty = useSelect((state) => state.workflow.doc.nodes.length === 0);
  const sending = useSelect((state) => state.workflow.sending);
  const faults = useSelect((state) => Object.keys(state.workflow.faults).length);
  const live = useSelect((state) => state.workflow.run?.jobs.some((job) => {
    const tile = tileOf(state, job);
    return tile !== undefined && !ended(tile.status);
  }) ?? false);
  return (
    <span className="wf-run">
      {live && (
        <Button size={size} variant="default" leftSection={<Icon name="stop" />} onClick={stop}>
          {t("ui.workflow.stop")}
        </Button>
      )}
      <Button
        size={size}
        leftSection={<Icon name="play" />}
        disabled={empty}
        aria-busy={sending}
        title={faults > 0 ? t("ui.workflow.problems", { count: faults }) : "Ctrl+Enter"}
        onClick={start}
      >
        {t("ui.workflow.run")}
      </Button>
    </span>
  );
}
