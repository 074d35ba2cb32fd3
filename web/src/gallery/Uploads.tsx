import { ActionIcon, Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { Meter } from "../ui/Meter";
import { uploadActions } from "./uploadActions";
import { over } from "./uploads";

const SHOWN = 30; // files that are listed at once: those that failed first

/** What became of the files that were dropped, with the reason beside each that was not taken. */
export function Uploads(): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { cancel, clear } = useFeature(uploadActions);
  const uploads = useSelect((state) => state.uploads);
  if (uploads.length === 0) return null;
  const done = uploads.filter(({ state }) => state === "done").length;
  const left = uploads.filter((upload) => !over(upload)).map(({ id }) => id);
  const rank = { failed: 0, sending: 1, waiting: 2, done: 3 };
  const sorted = [...uploads].sort((one, two) => rank[one.state] - rank[two.state]);
  return (
    <section className="uploads" aria-label={t("ui.uploads")}>
      <header>
        <h2 aria-live="polite">{t("ui.upload.count", { done: format.number(done), count: uploads.length })}</h2>
        {left.length > 0 && <Button variant="subtle" color="gray" size="compact-sm" onClick={() => cancel(left)}>{t("ui.cancel")}</Button>}
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("ui.upload.clear")} title={t("ui.upload.clear")} onClick={clear}>
          <Icon name="close" />
        </ActionIcon>
      </header>
      <ul>
        {sorted.slice(0, SHOWN).map((upload) => (
          <li key={upload.id} data-state={upload.state}>
            <bdi className="upload-name">{upload.name}</bdi>
            <span className="quiet">{format.bytes(upload.bytes)}</span>
            {over(upload) ? <span /> : (
              <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("ui.upload.cancel", { name: upload.name })} title={t("ui.cancel")} onClick={() => cancel([upload.id])}>
                <Icon name="close" />
              </ActionIcon>
            )}
            {upload.state === "sending" && upload.sent < 1
              ? <Meter label={upload.name} share={upload.sent} live />
              : <span className="upload-words">{upload.words || t(`ui.upload.state.${upload.state}`)}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}
