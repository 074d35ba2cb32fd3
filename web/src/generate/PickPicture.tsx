import { Modal } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { useFeature, useTools } from "../state/store";
import { pictureActions } from "./pictures";

type Props = { onPick: (image: string) => void; onClose: () => void };

/** Choose one of the newest pictures of the gallery. */
export function PickPicture({ onPick, onClose }: Props): ReactNode {
  const { t } = useTranslation();
  const { fail } = useTools();
  const { list } = useFeature(pictureActions);
  const [images, setImages] = useState<Image[] | null>(null);
  useEffect(() => {
    const leaving = new AbortController();
    list(leaving.signal).then(setImages).catch((error: unknown) => {
      if (!leaving.signal.aborted) fail(error);
    });
    return () => leaving.abort();
  }, [list, fail]);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("ui.picture.choose")}
      closeButtonProps={{ "aria-label": t("ui.close") }}
      size="lg"
      centered
    >
      <ul className="pick-grid" aria-busy={images === null}>
        {images?.map((image) => (
          <li key={image.id}>
            <button type="button" aria-label={image.prompt ?? t("ui.picture")} onClick={() => onPick(image.id)}>
              <img src={image.thumbnail_url} alt="" loading="lazy" />
            </button>
          </li>
        ))}
      </ul>
      {images?.length === 0 && <p className="quiet">{t("ui.picture.none")}</p>}
    </Modal>
  );
}
