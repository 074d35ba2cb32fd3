import { Button, Modal } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image, Model } from "../api/wire.gen";
import { useActions, useFeature, useTools } from "../state/store";
import { modelsActions } from "./actions";

/** Choose a picture of the gallery as the cover of a model. */
export function CoverDialog({ model, onClose }: { model: Model; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { run } = useTools();
  const { fail } = useActions();
  const { covers, change } = useFeature(modelsActions);
  const [images, setImages] = useState<Image[] | null>(null);
  useEffect(() => {
    const leave = new AbortController();
    covers(model, leave.signal).then(setImages, (error: unknown) => {
      if (!leave.signal.aborted) fail(error);
    });
    return () => leave.abort();
  }, [covers, fail, model]);

  function choose(cover: string): void {
    run(async () => {
      await change(model.id, { cover });
      onClose();
    });
  }

  return (
    <Modal opened onClose={onClose} size="lg" title={t("ui.models.choose_cover")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      {images === null ? (
        <div className="covers" aria-busy="true" />
      ) : images.length === 0 ? (
        <p className="quiet">{t("ui.models.no_covers")}</p>
      ) : (
        <ul className="covers">
          {images.map((image) => (
            <li key={image.id}>
              <button type="button" aria-pressed={image.id === model.cover} onClick={() => choose(image.id)}>
                <img src={image.thumbnail_url} alt={image.prompt ?? t("ui.picture")} loading="lazy" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {model.cover !== null && (
        <Button mt="md" variant="default" onClick={() => choose("")}>
          {t("ui.models.no_cover")}
        </Button>
      )}
    </Modal>
  );
}
