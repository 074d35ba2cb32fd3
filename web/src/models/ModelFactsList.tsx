import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Model } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useTools } from "../state/store";

// A file that spandrel reads is one file like any other.
const FORMATS = { diffusers: "diffusers", single: "single", gguf: "gguf", spandrel: "single" } as const;
const WORDS = 24; // shown of the words that it was trained on

/** What the file says of itself. */
export function ModelFactsList({ model }: { model: Model }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { metadata } = model;
  const count = (value: number | null | undefined) => (value === null || value === undefined ? null : format.number(value));
  const lines: [string, string | null | undefined][] = [
    [t("ui.models.file"), model.file],
    [t("ui.file"), format.bytes(model.bytes)],
    [t("ui.models.format"), [t(`ui.layout.${FORMATS[model.format]}`), model.variant].filter(Boolean).join(" · ")],
    [t("ui.models.source"), model.source],
    [t("ui.models.author"), metadata.author],
    [t("ui.models.base"), metadata.base_model],
    [t("ui.models.method"), metadata.method],
    [t("ui.models.rank"), count(metadata.rank)],
    [t("ui.models.trained_steps"), count(metadata.training_steps)],
    [t("ui.models.trained_pictures"), count(metadata.training_images)],
    [t("ui.models.licence"), model.licence],
    [t("ui.models.added"), format.when(model.created)],
  ];
  return (
    <section className="card stack" aria-label={t("ui.models.facts")}>
      {model.trigger_words.length > 0 && <Words words={model.trigger_words} />}
      <dl className="lines">
        {lines.map(([label, value]) =>
          !value ? null : (
            <div key={label}>
              <dt>{label}</dt>
              <dd>
                <bdi>{value}</bdi>
              </dd>
            </div>
          ),
        )}
        <div>
          <dt>SHA-256</dt>
          <dd className="mono" dir="ltr">{model.sha256 ?? t("ui.models.hashing")}</dd>
        </div>
      </dl>
      {model.link !== null && /^https?:\/\//.test(model.link) && (
        <a href={model.link} target="_blank" rel="noreferrer noopener">
          {t("ui.models.page")}
        </a>
      )}
    </section>
  );
}

function Words({ words }: { words: readonly string[] }): ReactNode {
  const { t } = useTranslation();
  const { run, toast } = useTools();
  return (
    <div>
      <span className="label">{t("ui.models.trigger_words")}</span>
      <ul className="chips">
        {words.slice(0, WORDS).map((word) => (
          <li key={word}>
            <button type="button" className="chip" title={t("ui.copy")} onClick={() =>
              run(async () => {
                await navigator.clipboard.writeText(word);
                toast(t("ui.copied"));
              })
            }>
              <bdi>{word}</bdi>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
