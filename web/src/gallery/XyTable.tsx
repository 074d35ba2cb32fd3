import { ActionIcon, Button, NativeSelect, Slider } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Job } from "../api/wire.gen";
import { hashOf } from "../app/route";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { tileOf } from "../state/tiles";
import { Icon } from "../ui/icons";
import { keyOf, place, sidesOf, worded, type Placed, type Side } from "./axes";
import { pictureActions } from "./pictureActions";
import { LARGEST, show } from "./view";

const SMALLEST = 64; // pixels of a cell

/** A batch as a table: two axes are its sides, the others turn its pages; cells fill as they are drawn. */
export function XyTable({ id }: { id: string }): ReactNode {
  const { t } = useTranslation();
  const { openTable } = useFeature(pictureActions);
  const state = useSelect(({ table }) => (table.id === id ? table.state : "idle"));
  const batch = useSelect(({ table }) => (table.id === id ? table.batch : null));
  const cells = useSelect(({ table }) => table.cells);
  const [x, setX] = useState<string | null>(null);
  const [y, setY] = useState<string | null>(null);
  const [turned, setTurned] = useState<Record<string, number>>({});
  const [side, setSide] = useState(144);
  useEffect(() => {
    if (state === "idle" || state === "stale") openTable(id);
  }, [id, state, openTable]);
  const sides = useMemo(() => sidesOf(batch?.axes ?? []), [batch]);
  const placed = useMemo(() => place(sides, cells, x, y), [sides, cells, x, y]);
  const page: [Side, unknown[]][] = placed.pages.map((one) => [one, one.places[turned[one.names.join()] ?? 0] ?? []]);
  const names = sides.map((one) => one.names.join());
  const title = useTitle();
  const options = useOptions();

  if (batch === null) {
    return (
      <div className="page" aria-busy={state === "loading"}>
        {state === "failed" && (
          <div className="empty">
            <p>{t("ui.xy.gone")}</p>
            <Button variant="default" onClick={() => show("gallery")}>{t("ui.nav.gallery")}</Button>
          </div>
        )}
      </div>
    );
  }
  return (
    <div className="page xy">
      <header className="compare-head">
        <h1>{t("ui.xy")}</h1>
        <Progress cells={cells} id={id} x={placed.x?.names[0] ?? null} y={placed.y?.names[0] ?? null} />
        <span className="grow" />
        <Slider className="cell-size" size="sm" min={SMALLEST} max={LARGEST} step={8} value={side} onChange={setSide} label={null} thumbLabel={t("ui.gallery.cell")} />
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("ui.close")} title={t("ui.close")} onClick={() => show("gallery")}>
          <Icon name="close" />
        </ActionIcon>
      </header>
      {names.length > 1 && (
        <div className="xy-axes">
          <NativeSelect label={t("ui.xy.columns")} value={placed.x?.names.join() ?? ""} data={options(sides)} onChange={(event) => {
            const chosen = event.currentTarget.value;
            if (chosen === placed.y?.names.join()) setY(placed.x?.names.join() ?? null);
            setX(chosen);
          }} />
          <NativeSelect label={t("ui.xy.rows")} value={placed.y?.names.join() ?? ""} data={options(sides.filter((one) => one !== placed.x))} onChange={(event) => setY(event.currentTarget.value)} />
          {placed.pages.map((one) => (
            <NativeSelect
              key={one.names.join()}
              label={title(one)}
              value={String(turned[one.names.join()] ?? 0)}
              data={one.places.map((values, at) => ({ value: String(at), label: worded(values) }))}
              onChange={(event) => setTurned({ ...turned, [one.names.join()]: Number(event.currentTarget.value) })}
            />
          ))}
        </div>
      )}
      <Cells placed={placed} page={page} side={side} />
    </div>
  );
}

function useOptions(): (sides: Side[]) => { value: string; label: string }[] {
  const title = useTitle();
  return (sides) => sides.map((side) => ({ value: side.names.join(), label: title(side) }));
}

const FIELDS: Record<string, string> = {
  seed: "ui.seed", steps: "ui.steps", guidance_scale: "ui.guidance", sampler: "ui.sampler", scheduler: "ui.schedule",
  model: "ui.model", width: "ui.width", height: "ui.height", strength: "ui.strength", prompt: "ui.prompt",
  negative_prompt: "ui.negative",
};

/** Name the axes of a side: known fields in words, others as the recipe or the graph calls them. */
function useTitle(): (side: Side) => string {
  const { t } = useTranslation();
  const word = (name: string) => {
    const [field = "", ...text] = name.split(":");
    const known = FIELDS[field] ? t(FIELDS[field]) : field;
    return text.length > 0 ? `${known}: ${text.join(":")}` : known;
  };
  return ({ names }) => names.map(word).join(" · ");
}

function Cells({ placed, page, side }: { placed: Placed; page: [Side, unknown[]][]; side: number }): ReactNode {
  const { t } = useTranslation();
  const title = useTitle();
  const scroller = useRef<HTMLDivElement>(null);
  const columns = placed.x?.places ?? [[]];
  const downs = placed.y?.places ?? [[]];
  const rows = useVirtualizer({
    count: downs.length, getScrollElement: () => scroller.current, estimateSize: () => side + 8, overscan: 2, useFlushSync: false,
  });
  const across = useVirtualizer({
    count: columns.length, getScrollElement: () => scroller.current, estimateSize: () => side + 8, overscan: 2,
    horizontal: true, useFlushSync: false, isRtl: getComputedStyle(document.documentElement).direction === "rtl",
  });
  const { measure } = rows;
  const { measure: measureAcross } = across;
  useEffect(() => {
    measure();
    measureAcross();
  }, [measure, measureAcross, side]);
  const name = (one: Side | null, values: unknown[]) => (one === null ? t("ui.xy.all") : worded(values));
  return (
    <div className="xy-scroll" ref={scroller} tabIndex={0} role="table" aria-label={t("ui.xy")} aria-rowcount={downs.length + 1} aria-colcount={columns.length + 1}>
      <div className="xy-sheet" role="rowgroup" style={{ blockSize: rows.getTotalSize() + 48, inlineSize: across.getTotalSize() + 128 }}>
        <div className="xy-top" role="row" aria-rowindex={1}>
          <span className="xy-corner" role="columnheader">{placed.x && title(placed.x)}</span>
          {across.getVirtualItems().map((column) => (
            <span key={column.key} role="columnheader" aria-colindex={column.index + 2} className="xy-label" style={{ insetInlineStart: 128 + column.start, inlineSize: side }} title={name(placed.x, columns[column.index] ?? [])}>
              <bdi>{name(placed.x, columns[column.index] ?? [])}</bdi>
            </span>
          ))}
        </div>
        {rows.getVirtualItems().map((row) => (
          <div key={row.key} className="xy-row" role="row" aria-rowindex={row.index + 2} style={{ insetBlockStart: 48 + row.start, blockSize: side }}>
            <span className="xy-side" role="rowheader" title={name(placed.y, downs[row.index] ?? [])}><bdi>{name(placed.y, downs[row.index] ?? [])}</bdi></span>
            {across.getVirtualItems().map((column) => {
              const chosen: [Side, unknown[]][] = [...page];
              if (placed.x) chosen.push([placed.x, columns[column.index] ?? []]);
              if (placed.y) chosen.push([placed.y, downs[row.index] ?? []]);
              return (
                <div key={column.key} role="cell" aria-colindex={column.index + 2} className="xy-cell" style={{ insetInlineStart: 128 + column.start, inlineSize: side }}>
                  <Drawn jobs={placed.cells.get(keyOf(chosen)) ?? []} />
                </div>
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}

/** The picture of a cell, or how far it is. A batch of several runs has several there. */
function Drawn({ jobs }: { jobs: Job[] }): ReactNode {
  const { t } = useTranslation();
  const images = jobs.flatMap((job) => job.images);
  const [job] = jobs;
  if (images.length > 0) {
    return images.map((image) => (
      <a key={image} href={hashOf("gallery", image)} aria-label={t("ui.picture")}>
        <img src={`/api/v1/images/${image}/thumbnail`} alt="" decoding="async" draggable={false} />
      </a>
    ));
  }
  if (!job) return null;
  if (job.status === "queued") return <span className="quiet">{t("ui.waiting")}</span>;
  if (job.status === "running") return <Running job={job} />;
  return <span className="problem">{job.status === "succeeded" ? t("ui.xy.deleted") : t(`ui.status.${job.status}`)}</span>;
}

function Running({ job }: { job: Job }): ReactNode {
  const { t } = useTranslation();
  const preview = useSelect((state) => tileOf(state, job.id, job.batch)?.preview ?? null);
  return preview ? <img src={preview} alt={t("ui.progress")} /> : <span className="live-dot" role="img" aria-label={t("ui.progress")} />;
}

type ProgressProps = { cells: Job[]; id: string; x: string | null; y: string | null };

function Progress({ cells, id, x, y }: ProgressProps): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { retryBatch, cancelBatch, sheet } = useFeature(pictureActions);
  const done = cells.filter(({ status }) => status === "succeeded").length;
  const open = cells.some(({ status }) => status === "queued" || status === "running");
  const failed = cells.filter(({ status }) => status === "failed" || status === "canceled" || status === "quarantined").length;
  return (
    <>
      <output>{t("ui.xy.done", { done: format.number(done), count: cells.length })}</output>
      {open && <Button size="compact-md" variant="default" onClick={() => cancelBatch(id)}>{t("ui.cancel")}</Button>}
      {!open && failed > 0 && <Button size="compact-md" variant="default" leftSection={<Icon name="again" />} onClick={() => retryBatch(id)}>{t("ui.xy.retry", { count: failed })}</Button>}
      {done > 0 && <Button size="compact-md" variant="default" leftSection={<Icon name="table" />} onClick={() => sheet(id, x, y)}>{t("ui.xy.sheet")}</Button>}
    </>
  );
}
