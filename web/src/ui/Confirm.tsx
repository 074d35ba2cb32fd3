import { Button, Modal } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useTools } from "../state/store";

type Props = {
  title: string;
  text: string;
  act: string; // what the button says
  onAct: () => Promise<unknown>;
  onClose: () => void;
  children?: ReactNode;
};

/** Ask once before something that cannot be taken back. */
export function Confirm({ title, text, act, onAct, onClose, children }: Props): ReactNode {
  const { t } = useTranslation();
  const { run } = useTools();
  const [busy, setBusy] = useState(false);

  async function go(): Promise<void> {
    setBusy(true);
    try {
      await onAct();
      onClose();
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="stack">
        <p>{text}</p>
        {children}
        <div className="bar end">
          <Button variant="default" data-autofocus onClick={onClose}>{t("ui.cancel")}</Button>
          <Button className="danger" loading={busy} onClick={() => run(go)}>{act}</Button>
        </div>
      </div>
    </Modal>
  );
}
