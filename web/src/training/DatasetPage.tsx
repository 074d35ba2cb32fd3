import { ActionIcon, Button, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { go } from "../app/route";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { Ask } from "./Ask";
import { Drop } from "./Drop";
import { GalleryPicker } from "./GalleryPicker";
import type { Whole as Held } from "./held";
import { find, NO_PAGES } from "./pages";
import { Pictures } from "./Pictures";
import { Seen } from "./Seen";
import { setActions } from "./setActions";
import { Sizes } from "./Sizes";
import { refusalWords } from "./told";
import { Uploads } from "./Uploads";
import { useSet } from "./useSet";

type Dataset = NonNullable<Held["dataset"]>;

/** One dataset: its pictures and captions, what was set aside, and what a model sees. */
export function DatasetPage({ id }: { id: string }): ReactNode {
  const { t } = useTranslation();
  const { open } = useFeature(setActions);
  const whole = useSet(id);
  if (whole?.dataset) return <Whole dataset={whole.dataset} />;
  if (whole?.state === "failed") {
    return (
      <div className="empty">
        <h2>{t("ui.dataset.failed")}</h2>
        <Button variant="default" onClick={() => open(id)}>{t("ui.retry")}</Button>
      </div>
    );
  }
  return <div className="training-skeleton" aria-busy="true" />;
}

function Whole({ dataset }: { dataset: Dataset }): ReactNode {
  const { t } = useTranslation();
  const actions = useFeature(setActions);
  const [asking, setAsking] = useState<"delete" | "gallery" | null>(null);
  const [seen, setSeen] = useState<string | null>(null);
  const shown = useSelect(({ training: { whole } }) =>
    seen === null ? undefined : find(whole[dataset.id]?.pictures ?? NO_PAGES, ({ id }) => id === seen));
  return (
    <section className="dataset">
      <header className="training-head">
        <Name key={dataset.name} dataset={dataset} />
        <Button variant="default" onClick={() => setAsking("gallery")} leftSection={<Icon name="gallery" />}>
          {t("ui.dataset.from_gallery")}
        </Button>
        <Button
          disabled={dataset.count === 0}
          onClick={() => {
            actions.choose(dataset.id);
            go("training");
          }}
        >
          {t("ui.dataset.train")}
        </Button>
        <ActionIcon variant="subtle" color="gray" aria-label={t("ui.dataset.delete")} title={t("ui.dataset.delete")} onClick={() => setAsking("delete")}>
          <Icon name="trash" />
        </ActionIcon>
      </header>
      <Sizes dataset={dataset} />
      <Drop className="dataset-drop" label={t("ui.dataset.add")} onFiles={(files) => actions.add(dataset.id, files)}>
        <p className="quiet">{t(dataset.count === 0 ? "ui.dataset.empty" : "ui.dataset.drop_hint")}</p>
      </Drop>
      <Uploads dataset={dataset.id} />
      <Pictures dataset={dataset.id} count={dataset.count} onLook={setSeen} />
      <Aside dataset={dataset} />
      {asking === "gallery" && <GalleryPicker dataset={dataset.id} onClose={() => setAsking(null)} />}
      {asking === "delete" && (
        <Ask
          title={t("ui.dataset.delete")}
          text={t("ui.dataset.delete_ask", { name: dataset.name })}
          yes={t("ui.delete")}
          onYes={() => {
            actions.remove(dataset.id);
            go("training");
          }}
          onClose={() => setAsking(null)}
        />
      )}
      {shown && <Seen image={shown} onClose={() => setSeen(null)} />}
    </section>
  );
}

function Name({ dataset }: { dataset: Dataset }): ReactNode {
  const { t } = useTranslation();
  const { rename } = useFeature(setActions);
  const [typed, setTyped] = useState(dataset.name);
  return (
    <TextInput
      className="training-name grow"
      aria-label={t("ui.dataset.name")}
      value={typed}
      maxLength={200}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={() => {
        if (typed.trim() === "") setTyped(dataset.name);
        else if (typed.trim() !== dataset.name) rename(dataset.id, typed.trim());
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
      }}
    />
  );
}

/** Files that are not trained on, each with its reason. */
function Aside({ dataset }: { dataset: Dataset }): ReactNode {
  const { t } = useTranslation();
  const { removeRefused } = useFeature(setActions);
  if (dataset.quarantined_count === 0) return null;
  return (
    <section className="aside-files" aria-label={t("ui.dataset.aside_title")}>
      <h2>{t("ui.dataset.aside", { count: dataset.quarantined_count })}</h2>
      <ul className="rows">
        {dataset.quarantined.map((refused) => (
          <li key={refused.id} className="aside-file">
            <bdi>{refused.file}</bdi>
            <span className="grow quiet">{refusalWords(t, refused)}</span>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("ui.dataset.forget", { name: refused.file })}
              title={t("ui.dataset.forget", { name: refused.file })}
              onClick={() => removeRefused(dataset.id, refused.id)}
            >
              <Icon name="close" />
            </ActionIcon>
          </li>
        ))}
      </ul>
    </section>
  );
}
