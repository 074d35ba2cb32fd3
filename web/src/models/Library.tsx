import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Model } from "../api/wire.gen";
import { useKeys } from "../app/keys";
import { hashOf } from "../app/route";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Dots } from "../ui/Dots";
import { Icon } from "../ui/icons";
import { modelsActions } from "./actions";
import { Cover } from "./Cover";
import { Details } from "./Details";
import { arrange, families, joined, KINDS, type Row, type Wanted } from "./listing";

const HEAD = 36; // pixels
const ROW = 72;
const EVERYTHING: Wanted = { q: "", kind: "", family: "" };

/** The list of models, and the one that is looked at beside it. */
export function Library({ chosen }: { chosen: string | null }): ReactNode {
  const { t } = useTranslation();
  const { loadGone } = useFeature(modelsActions);
  const models = useSelect((state) => state.models);
  const gone = useSelect((state) => state.modelsPage.gone);
  const [wanted, setWanted] = useState(EVERYTHING);
  const known = useMemo(() => joined(models ?? [], gone), [models, gone]);
  const rows = useMemo(() => arrange(known, wanted), [known, wanted]);
  const shown = known.find(({ id }) => id === chosen) ?? null;
  useEffect(() => loadGone(), [loadGone]);
  return (
    <div className="library" data-chosen={shown !== null}>
      <div className="library-list">
        <Filters models={known} wanted={wanted} onChange={setWanted} />
        {models === null ? (
          <div className="rows-wait" aria-busy="true" />
        ) : rows.length > 0 ? (
          <Rows rows={rows} chosen={chosen} />
        ) : (
          <div className="empty">
            <p>{t(known.length === 0 ? "ui.models_empty" : "ui.nothing_found")}</p>
            <Button component="a" href={hashOf("models", "add")} variant="default">
              {t("ui.models.add")}
            </Button>
          </div>
        )}
      </div>
      {shown !== null ? (
        <Details key={shown.id} model={shown} />
      ) : (
        <div className="details details-empty">
          <p className="quiet">{t("ui.models.choose")}</p>
        </div>
      )}
    </div>
  );
}

type FilterProps = { models: Model[]; wanted: Wanted; onChange: (wanted: Wanted) => void };

function Filters({ models, wanted, onChange }: FilterProps): ReactNode {
  const { t } = useTranslation();
  const search = useRef<HTMLInputElement>(null);
  const kinds = new Set(models.map(({ kind }) => kind));
  const keys = useMemo(
    () => ({
      "/": (event: KeyboardEvent) => {
        event.preventDefault();
        search.current?.focus();
      },
    }),
    [],
  );
  useKeys(keys);
  return (
    <div className="library-filters" role="search">
      <TextInput
        ref={search}
        type="search"
        aria-label={t("ui.search")}
        placeholder={t("ui.models.search_hint")}
        leftSection={<Icon name="search" />}
        value={wanted.q}
        onChange={(event) => onChange({ ...wanted, q: event.currentTarget.value })}
      />
      <NativeSelect
        aria-label={t("ui.models.kind")}
        value={wanted.kind}
        data={[
          { value: "", label: t("ui.models.every_kind") },
          ...KINDS.filter((kind) => kinds.has(kind)).map((kind) => ({ value: kind, label: t(`ui.kinds.${kind}`) })),
        ]}
        onChange={(event) => onChange({ ...wanted, kind: event.currentTarget.value })}
      />
      <NativeSelect
        aria-label={t("ui.models.family")}
        value={wanted.family}
        data={[
          { value: "", label: t("ui.models.every_family") },
          ...families(models).map((family) => ({ value: family, label: family })),
        ]}
        onChange={(event) => onChange({ ...wanted, family: event.currentTarget.value })}
      />
    </div>
  );
}

function Rows({ rows, chosen }: { rows: Row[]; chosen: string | null }): ReactNode {
  const { t } = useTranslation();
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: (index) => (rows[index]?.type === "head" ? HEAD : ROW),
    getItemKey: (index) => {
      const row = rows[index];
      return row?.type === "model" ? row.model.id : (row?.kind ?? index);
    },
    overscan: 8,
  });
  return (
    <div className="rows-scroll" ref={scroll}>
      <ul style={{ blockSize: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start, size }) => {
          const row = rows[index];
          return row === undefined ? null : (
            <li key={key} style={{ insetBlockStart: start, blockSize: size }}>
              {row.type === "head" ? (
                <h2 className="rows-head">
                  {t(`ui.kinds.${row.kind}`)} <span className="quiet">{row.count}</span>
                </h2>
              ) : (
                <Line model={row.model} shown={row.model.id === chosen} />
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Line({ model, shown }: { model: Model; shown: boolean }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <a className="model-line" href={hashOf("models", model.id)} aria-current={shown ? "true" : undefined}>
      <Cover model={model} />
      <span className="grow">
        <strong>
          <bdi>{model.name}</bdi>
        </strong>
        <span className="quiet">
          <Dots parts={[model.family, model.edition, model.variant, format.bytes(model.bytes)]} />
        </span>
      </span>
      {model.loaded && <span className="tag">{t("ui.loaded")}</span>}
      {model.missing && <span className="tag" data-tone="error">{t("ui.models.gone")}</span>}
    </a>
  );
}
