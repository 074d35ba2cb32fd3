import { Button, Modal } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { storage } from "../../state/saved";
import { useActions } from "../../state/store";
import { forgetAll, recall } from "./history";

/** The prompts that were sent from this browser, newest first. */
export function History({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const [said, setSaid] = useState(() => recall(storage()));
  return (
    <Modal opened onClose={onClose} title={t("ui.history.title")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      {said.length === 0 && <p className="quiet">{t("ui.history.none")}</p>}
      <ul className="said">
        {said.map(({ prompt, negative }, at) => (
          <li key={at}>
            <button
              type="button"
              dir="auto"
              onClick={() => {
                change({ prompt, negative, ...(negative === "" ? {} : { negativeOpen: true }) });
                onClose();
              }}
            >
              {prompt}
              {negative !== "" && <small>{t("ui.history.without", { negative })}</small>}
            </button>
          </li>
        ))}
      </ul>
      {said.length > 0 && (
        <Button
          variant="default"
          onClick={() => {
            forgetAll(storage());
            setSaid([]);
          }}
        >
          {t("ui.history.forget")}
        </Button>
      )}
    </Modal>
  );
}
