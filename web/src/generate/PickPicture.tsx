import { Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Picker } from "../gallery/Picker";

type Props = { onPick: (image: string) => void; onClose: () => void };

/** Choose one of the pictures of the gallery. */
export function PickPicture({ onPick, onClose }: Props): ReactNode {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("ui.picture.choose")}
      closeButtonProps={{ "aria-label": t("ui.close") }}
      size="lg"
      centered
    >
      <Picker onPick={onPick} />
    </Modal>
  );
}
