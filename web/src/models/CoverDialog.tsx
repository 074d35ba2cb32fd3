import { Button, Modal } from "@mantine/core";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Model } from "../api/wire.gen";
import { Picker } from "../gallery/Picker";
import { useActions, useFeature, useTools } from "../state/store";
import { modelsActions } from "./actions";

/** Choose a picture of the gallery as the cover of a model. */
export function CoverDialog({ model, onClose }: { model: Model; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { run } = useTools();
  const { fail } = useActions();
  const { drew, change } = useFeature(modelsActions);
  const [own, setOwn] = useState<boolean | null>(null); // whether it has pictures of its own
  useEffect(() => {
    const leave = new AbortController();
    drew(model.name, leave.signal).then(setOwn, (error: unknown) => {
      if (!leave.signal.aborted) fail(error);
    });
    return () => leave.abort();
  }, [drew, fail, model.name]);
  const chosen = useMemo(() => new Set(model.cover === null ? [] : [model.cover]), [model.cover]);

  function choose(cover: string): void {
    run(async () => {
      await change(model.id, { cover });
      onClose();
    });
  }

  return (
    <Modal opened onClose={onClose} size="lg" title={t("ui.models.choose_cover")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      {own === null ? (
        <div className="covers" aria-busy="true" />
      ) : (
        <Picker
          model={own ? model.name : null}
          chosen={chosen}
          onPick={choose}
        />
      )}
      {model.cover !== null && (
        <Button mt="md" variant="default" onClick={() => choose("")}>
          {t("ui.models.no_cover")}
        </Button>
      )}
    </Modal>
  );
}
