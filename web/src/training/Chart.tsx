import { useEffect, useRef, type ReactNode } from "react";
import uPlot from "uplot";

export type Line = { label: string; colour: number; faint?: boolean; dashed?: boolean; dots?: boolean };

type Props = {
  label: string; // what the chart shows, for who does not see it
  step: string; // what the first column is called
  data: uPlot.AlignedData;
  lines: Line[];
  log: boolean;
  write: (value: number) => string;
  scheme: string; // drawn anew when it changes: colours are read from the tokens
};

const HEIGHT = 280;
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- declared only, not importable
const LOG = 3 as uPlot.Scale.Distr;
const SMALL = 220;

/** Lines over steps: drag to look closer, double-click to see all again. */
export function Chart(props: Props): ReactNode {
  const { label, data, lines, log, scheme, step } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const shape = JSON.stringify([lines, log, scheme, step]);

  useEffect(() => {
    const box = place.current;
    if (!box) return;
    const made = new uPlot(optionsOf(box, latest.current, (value) => latest.current.write(value)), latest.current.data, box);
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize(sizeOf(box)));
    watcher.observe(box);
    return () => {
      watcher.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    const made = plot.current;
    if (!made || made.data === data || made.data.length !== data.length) return;
    const { min = 0, max = Infinity } = made.scales.x ?? {};
    const before = made.data[0];
    const zoomed = before.length > 1 && (min > (before[0] ?? 0) || max < (before.at(-1) ?? 0));
    made.setData(data, !zoomed);
    if (zoomed) made.setScale("x", { min, max });
  }, [data]);

  return <div ref={place} className="chart" dir="ltr" role="img" aria-label={label} />;
}

function optionsOf(box: HTMLElement, { data, lines, log, step }: Props, write: (value: number) => string): uPlot.Options {
  const style = getComputedStyle(box);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: token("--quiet"), font: `12px ${style.fontFamily}`,
    grid: { stroke: token("--line"), width: 1 }, ticks: { show: false },
  };
  const few = data[0].length < 120;
  return {
    ...sizeOf(box),
    cursor: { drag: { x: true, y: false }, points: { size: 6 }, y: false },
    legend: { live: true },
    scales: {
      x: { time: false },
      y: log ? { distr: LOG } : { range: { min: { pad: 0.1, soft: 0, mode: 3 }, max: { pad: 0.1 } } },
    },
    axes: [
      { ...axis, size: 28 },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((tick: number | null) => (tick === null ? "" : write(tick))) },
    ],
    series: [
      { label: step },
      ...lines.map(({ label, colour, faint = false, dashed = false, dots = false }): uPlot.Series => ({
        label,
        stroke: token(`--series-${colour}`),
        alpha: faint ? 0.3 : 1,
        width: faint ? 1 : 2,
        ...(dashed ? { dash: [6, 4] } : {}),
        points: { show: dots || few ? undefined : false, size: 5 } as uPlot.Series.Points,
        spanGaps: true,
        value: (_: uPlot, value: number | null | undefined) => (typeof value === "number" ? write(value) : "–"),
      })),
    ],
  };
}

function sizeOf(box: HTMLElement): { width: number; height: number } {
  const width = Math.max(200, box.clientWidth);
  return { width, height: width < 600 ? SMALL : HEIGHT };
}
