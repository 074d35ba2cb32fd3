import { ActionIcon, Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { over, type Upload } from "./held";
import { setActions } from "./setActions";

const SHOWN = 60;

/** Files on their way, and those that did not become a picture of the set. */
export function Uploads({ dataset }: { dataset: string }): ReactNode {
  const { t } = useTranslation();
  const { cancel, read } = useFeature(setActions);
  const all = useSelect((state) => state.training.uploads);
  const mine = all.filter((one) => one.dataset === dataset);
  const done = mine.filter(over).length;
  const notable = mine.filter(({ state }) => state !== "kept");
  if (notable.length === 0) return null; // the pictures themselves are in sight
  const kept = mine.length - notable.length;
  return (
    <section className="set-uploads" aria-label={t("ui.dataset.uploads")}>
      <header>
        <p role="status">
          {done < mine.length
            ? t("ui.dataset.uploading", { done, total: mine.length })
            : t("ui.dataset.uploaded", { count: kept })}
        </p>
        {done < mine.length && (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => cancel(mine.filter((one) => !over(one)).map(({ id }) => id))}>{t("ui.cancel")}</Button>
        )}
        {done === mine.length && (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => read(dataset)}>{t("ui.close")}</Button>
        )}
      </header>
      <ul>
        {notable.slice(-SHOWN).map((one) => (
          <Row key={one.id} upload={one} />
        ))}
      </ul>
    </section>
  );
}

function Row({ upload }: { upload: Upload }): ReactNode {
  const { t } = useTranslation();
  const { cancel } = useFeature(setActions);
  return (
    <li data-state={upload.state}>
      <bdi>{upload.file}</bdi>
      {upload.state === "sending" ? (
        <progress value={upload.sent} max={1} aria-label={upload.file} />
      ) : (
        <span>{upload.words || t(`ui.dataset.upload.${upload.state}`)}</span>
      )}
      {!over(upload) && (
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("ui.upload.cancel", { name: upload.file })} title={t("ui.cancel")} onClick={() => cancel([upload.id])}>
          <Icon name="close" />
        </ActionIcon>
      )}
    </li>
  );
}
