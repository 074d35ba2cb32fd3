import { Button, Checkbox, Modal } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../api/http";
import type { Model } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useActions, useFeature } from "../state/store";
import { modelsActions } from "./actions";

/** Ask once, and say whether files go. */
export function DeleteDialog({ model, onClose }: { model: Model; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { fail } = useActions();
  const { remove } = useFeature(modelsActions);
  const [files, setFiles] = useState(!model.missing);
  const [refused, setRefused] = useState("");
  const [busy, setBusy] = useState(false);

  async function send(): Promise<void> {
    setBusy(true);
    try {
      await remove(model, files);
      onClose();
    } catch (error) {
      if (error instanceof ProblemError) setRefused(error.message);
      else fail(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal opened onClose={onClose} title={t("ui.models.delete")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="stack">
        <p dir="auto">
          <bdi>{model.name}</bdi>
        </p>
        {!model.missing && (
          <Checkbox
            label={t("ui.models.delete_files", { size: format.bytes(model.bytes) })}
            checked={files}
            onChange={(event) => setFiles(event.currentTarget.checked)}
          />
        )}
        <p className="quiet">{t(files ? "ui.models.delete_gone" : model.missing ? "ui.models.delete_words" : "ui.models.delete_kept")}</p>
        {refused && <p className="wrong" role="alert">{refused}</p>}
        <div className="bar end">
          <Button variant="default" onClick={onClose} data-autofocus>
            {t("ui.models.keep")}
          </Button>
          <Button className="danger" loading={busy} onClick={() => void send()}>
            {t("ui.delete")}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
