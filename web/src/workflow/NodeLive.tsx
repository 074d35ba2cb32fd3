import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { hashOf } from "../app/route";
import { useFormat } from "../i18n/format";
import type { State, Tile } from "../state/model";
import { useSelect } from "../state/store";
import { tileOf } from "../state/tiles";
import { isCached } from "./slice";

/** What a node is doing: its step, a preview of what it draws, the pictures that it saved; or that it had nothing to do. */
export function NodeLive({ id, sink, active }: { id: string; sink: boolean; active: boolean }): ReactNode {
  const { t } = useTranslation();
  const tile = useSelect((state) => (active ? newest(state) : undefined));
  const preview = useSelect((state) => previewIn(state, id));
  const cached = useSelect((state) => isCached(state, id));
  const images = useSelect((state) => (sink ? savedIn(state) : ""));
  return (
    <>
      {tile && <Progress tile={tile} />}
      {cached && <p className="wf-cached" dir="auto" title={t("ui.workflow.cached_help")}>{t("ui.workflow.cached")}</p>}
      {preview !== null && <img className="wf-preview" src={preview} alt="" draggable={false} />}
      {sink && images !== "" && <Saved ids={images.split(" ")} />}
    </>
  );
}

function Progress({ tile }: { tile: Tile }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const drawing = tile.phase === "step" && tile.steps > 0;
  const said = drawing
    ? t("ui.step_of", { step: format.number(tile.step), steps: format.number(tile.steps) })
    : t(`ui.phase.${tile.phase || "start"}`, t("ui.phase.node"));
  const share = drawing ? tile.step / tile.steps : 0;
  return (
    <div className="wf-live" dir="auto">
      <span>{said}</span>
      {tile.eta !== null && <span>{format.seconds(tile.eta)}</span>}
      <div role="progressbar" aria-label={said} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
        <div style={{ inlineSize: `${share * 100}%` }} />
      </div>
    </div>
  );
}

function Saved({ ids }: { ids: string[] }): ReactNode {
  const { t } = useTranslation();
  return (
    <ul className="wf-saved">
      {ids.slice(0, 4).map((id) => (
        <li key={id}>
          <a className="nodrag" href={hashOf("gallery", id)}>
            <img src={`/api/v1/images/${id}/thumbnail`} alt={t("ui.picture")} draggable={false} />
          </a>
        </li>
      ))}
    </ul>
  );
}

function newest(state: State): Tile | undefined {
  const { run } = state.workflow;
  const tiles = run?.jobs.flatMap((job) => tileOf(state, job, run.batch) ?? []) ?? [];
  return tiles.find(({ status }) => status === "running") ?? tiles[0];
}

/** Find the preview of the node that drew it: the last one that did while the job ran. */
function previewIn(state: State, id: string): string | null {
  const { run } = state.workflow;
  return run?.drawing === id ? (newest(state)?.preview ?? null) : null;
}

/** List the pictures of the newest run, where it is clear which node saved them. */
function savedIn(state: State): string {
  const { run, doc, catalogue } = state.workflow;
  const sinks = doc.nodes.filter(({ type }) => catalogue?.nodes[type]?.sink);
  if (!run || sinks.length !== 1) return "";
  return run.jobs.flatMap((job) => tileOf(state, job, run.batch)?.images ?? []).join(" ");
}
