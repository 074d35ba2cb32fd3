import { Button, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

type Props = {
  title: string;
  text: string;
  yes: string;
  onYes: () => void;
  onClose: () => void;
};

/** Ask once before something that cannot be taken back. */
export function Ask({ title, text, yes, onYes, onClose }: Props): ReactNode {
  const { t } = useTranslation();
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="stack">
        <p>{text}</p>
        <div className="ask-row">
          <Button variant="default" onClick={onClose}>{t("ui.cancel")}</Button>
          <Button
            data-autofocus
            onClick={() => {
              onClose();
              onYes();
            }}
          >
            {yes}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
