import "./queue.css";
import { ActionIcon, Button } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Job } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { queueActions } from "./actions";
import { useDragging } from "./dragging";
import { JobRow } from "./JobRow";

export const ROW = 56; // pixels
const SOON = 300; // milliseconds: facts come in bursts

/** What runs, what comes next, and what failed, in rows that can be moved, canceled, tried again. */
export function QueuePanel(): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const actions = useFeature(queueActions);
  const { load, open, clear } = actions;
  const { running, waiting, failed, state } = useSelect((all) => all.queueList);
  const queued = useSelect((all) => all.queue.counts.queued ?? 0);
  const away = useSelect((all) => all.line !== "open");
  const scroll = useRef<HTMLDivElement>(null);
  const rows: Job[] = [...running, ...waiting, ...failed];
  const first = running.length;
  const dragging = useDragging(waiting, first, ROW, actions.move);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW,
    getItemKey: (at) => rows[at]?.id ?? at,
    overscan: 6,
  });

  useEffect(() => {
    if (away || (state !== "stale" && state !== "idle")) return;
    const timer = window.setTimeout(load, state === "idle" ? 0 : SOON);
    return () => window.clearTimeout(timer);
  }, [state, away, load]);

  const more = Math.max(0, queued - waiting.length);
  return (
    <div className="queue-panel" id="queue-panel" role="region" aria-label={t("ui.queue")}>
      <div className="queue-head">
        <h2>{t("ui.queue")}</h2>
        <span className="quiet grow">{rows.length > 0 ? t("ui.queue.how") : ""}</span>
        <Button size="compact-sm" variant="default" disabled={queued === 0} onClick={clear}>{t("ui.queue.clear")}</Button>
        <ActionIcon variant="subtle" color="gray" aria-label={t("ui.close")} title={t("ui.close")} onClick={() => open(false)}>
          <Icon name="close" />
        </ActionIcon>
      </div>
      {rows.length === 0 && state === "ready" && <p className="queue-none quiet">{t("ui.queue.none")}</p>}
      {state === "failed" && (
        <p className="queue-none">
          <Button size="compact-sm" variant="default" onClick={load}>{t("ui.retry")}</Button>
        </p>
      )}
      <div ref={scroll} className="queue-scroll" aria-busy={state === "loading"}>
        <ol className="queue-rows" style={{ blockSize: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const job = rows[item.index];
            const place = item.index - first;
            const waits = job?.status === "queued";
            return job && (
              <JobRow
                key={job.id}
                job={job}
                top={item.start}
                place={waits ? place : null}
                last={waiting.length - 1}
                held={dragging.job === job.id}
                over={waits && dragging.job !== null && dragging.to === place}
                onGrab={waits ? dragging.grab : null}
              />
            );
          })}
        </ol>
      </div>
      {more > 0 && <p className="queue-more quiet">{t("ui.queue.more", { count: more, number: format.number(more) })}</p>}
    </div>
  );
}
