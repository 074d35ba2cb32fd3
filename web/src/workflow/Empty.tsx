import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { chosenModel } from "../state/choices";
import { useFeature, useSelect, useTools } from "../state/store";
import { Icon } from "../ui/icons";
import { workflowActions } from "./actions";
import { wordsOf } from "./names";
import { textToPicture } from "./templates";

/** What a board without nodes says: how to begin. */
export function Empty({ onLibrary }: { onLibrary: () => void }): ReactNode {
  const { t } = useTranslation();
  const { get, toast } = useTools();
  const { edit } = useFeature(workflowActions);
  const ready = useSelect((state) => state.workflow.catalogue !== null);
  return (
    <div className="wf-empty">
      <h2>{t("ui.workflow.empty_title")}</h2>
      <p>{t("ui.workflow.empty_text")}</p>
      <div className="wf-choices">
        <Button disabled={!ready} leftSection={<Icon name="generate" />} onClick={() => {
          const model = chosenModel(get());
          const known = {
            checkpoint: model?.name ?? "", width: model?.defaults.width ?? 512, height: model?.defaults.height ?? 512,
          };
          const doc = textToPicture(get().workflow.catalogue, known, (name) => wordsOf(t, name));
          if (doc) edit(() => doc);
          else toast(t("ui.workflow.no_template"), null, "error");
        }}>
          {t("ui.workflow.begin")}
        </Button>
        <Button variant="default" leftSection={<Icon name="folder" />} onClick={onLibrary}>
          {t("ui.workflow.library")}
        </Button>
      </div>
    </div>
  );
}
