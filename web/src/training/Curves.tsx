import { SegmentedControl, Slider, Switch } from "@mantine/core";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { LossPoint, Training } from "../api/wire.gen";
import { useFormat, type Format } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Chart, type Line } from "./Chart";
import { joined, partsOf, valuesOf, VIEWS, type Part, type View } from "./curve";
import { runActions } from "./runActions";

const NONE: LossPoint[] = [];
const MOST = 5; // runs beside this one
const COLOURS: Record<Part, number> = {
  loss: 1, loss_instance: 2, loss_prior: 3, validation: 4, lr: 1, grad_norm: 1, seconds: 1, memory_bytes: 1,
};

/** The curves of a run, alone or beside others. */
export function Curves({ run }: { run: Training }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const [view, setView] = useState<View>("loss");
  const [factor, setFactor] = useState(0.9);
  const [log, setLog] = useState(false);
  const [beside, setBeside] = useState<string[]>([]);
  const scheme = useSelect((state) => state.preferences.theme);
  const opened = useSelect((state) => state.training.opened);
  const points = opened[run.id]?.points ?? NONE;

  const { data, lines } = useMemo(() => {
    const compared = beside.flatMap((id) => (opened[id] ? [opened[id].points] : []));
    const parts = partsOf(view, points);
    const first = parts[0];
    const tables: Parameters<typeof joined>[0][number][] = [];
    const lines: { part: Part; of: number; line: Omit<Line, "label"> }[] = [];
    const add = (some: LossPoint[], part: Part, smooth: number, of: number, line: Omit<Line, "label">) => {
      tables.push({ steps: some.map(({ step }) => step), values: valuesOf(some, part, smooth) });
      lines.push({ part, of, line });
    };
    if (compared.length > 0 && first) {
      [points, ...compared].forEach((some, of) => add(some, first, factor, of, { colour: of + 1 }));
    } else {
      for (const part of parts) {
        const colour = COLOURS[part];
        const smooth = part !== "validation" && part !== "lr" && factor > 0;
        if (smooth && part === "loss") add(points, part, 0, 0, { colour, faint: true });
        add(points, part, factor, 0, { colour, dots: part === "validation", dashed: part === "loss_prior" });
      }
    }
    return { data: joined(tables), lines };
  }, [points, opened, beside, view, factor]);

  const names = useNames([run.id, ...beside]);
  const labelled = lines.map(({ part, of, line }): Line => ({
    ...line,
    label: beside.length > 0 ? (names[of] ?? "") : line.faint ? t("ui.training.raw") : t(`ui.training.part.${part}`),
  }));

  function write(value: number): string {
    return view === "memory" ? format.bytes(value) : format.figure(value);
  }

  return (
    <section className="run-card curves" aria-label={t("ui.training.curves")}>
      <div className="curves-bar">
        <div className="curves-views">
          <SegmentedControl
            size="xs"
            aria-label={t("ui.training.curves")}
            value={view}
            onChange={(value) => setView(value as View)}
            data={VIEWS.map((value) => ({ value, label: t(`ui.training.view.${value}`) }))}
          />
        </div>
        <div className="curves-smooth">
          <span className="label" aria-hidden="true">{t("ui.training.smoothing")}</span>
          <Slider
            thumbLabel={t("ui.training.smoothing")}
            label={null}
            size="sm"
            min={0}
            max={0.99}
            step={0.01}
            value={factor}
            onChange={setFactor}
          />
        </div>
        <Switch label={t("ui.training.log")} checked={log} onChange={(event) => setLog(event.currentTarget.checked)} />
      </div>
      {points.length === 0 ? (
        <div className="chart chart-none"><p className="quiet">{t("ui.training.no_curve")}</p></div>
      ) : (
        <Chart label={t("ui.training.chart", { view: t(`ui.training.view.${view}`) })} step={t("ui.training.step")} data={data} lines={labelled} log={log} write={write} scheme={scheme} />
      )}
      <p className="quiet chart-hint">{t("ui.training.zoom")}</p>
      <Beside run={run} chosen={beside} onChange={setBeside} />
    </section>
  );
}

/** Other runs to lay beside: those of the same sweep first. */
function Beside({ run, chosen, onChange }: { run: Training; chosen: string[]; onChange: (ids: string[]) => void }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { open } = useFeature(runActions);
  const runs = useSelect((state) => state.training.runs);
  const opened = useSelect((state) => state.training.opened);
  useEffect(() => {
    for (const id of chosen) {
      const state = opened[id]?.state ?? "idle";
      if (state === "idle" || state === "stale") open(id);
    }
  }, [chosen, opened, open]);
  const kin = (one: Training) => Number(run.sweep !== null && one.sweep === run.sweep);
  const others = runs.filter(({ id, step }) => id !== run.id && step > 0)
    .sort((one, two) => kin(two) - kin(one)).slice(0, 12);
  if (others.length === 0) return null;
  return (
    <fieldset className="beside">
      <legend className="label">{t("ui.training.compare")}</legend>
      {others.map((one) => {
        const place = chosen.indexOf(one.id);
        return (
          <button
            key={one.id}
            type="button"
            className="series"
            aria-pressed={place >= 0}
            data-series={place >= 0 ? place + 2 : undefined}
            disabled={place < 0 && chosen.length >= MOST}
            onClick={() => onChange(place >= 0 ? chosen.filter((id) => id !== one.id) : [...chosen, one.id])}
          >
            <bdi>{named(one, runs, format)}</bdi>
          </button>
        );
      })}
    </fieldset>
  );
}

function useNames(ids: string[]): string[] {
  const format = useFormat();
  const runs = useSelect((state) => state.training.runs);
  return ids.map((id) => {
    const run = runs.find((one) => one.id === id);
    return run ? named(run, runs, format) : "";
  });
}

/** Name a run so that it is told from others of its name. */
function named(run: Training, runs: readonly Training[], format: Format): string {
  const alone = runs.filter(({ name }) => name === run.name).length === 1;
  return alone ? run.name : `${run.name} · ${format.when(run.created)}`;
}
