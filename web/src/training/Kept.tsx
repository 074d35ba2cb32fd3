import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Checkpoint, Training } from "../api/wire.gen";
import { go } from "../app/route";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { GoOn } from "./GoOn";
import { Publish } from "./Publish";
import { runActions } from "./runActions";
import { isActive, staged } from "./states";

const NONE: Checkpoint[] = [];

/** What the run keeps of its steps: states to go on from, weights to try and publish. */
export function Kept({ run, onTry }: { run: Training; onTry: (step: number) => void }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { again } = useFeature(runActions);
  const kept = useSelect((state) => state.training.opened[run.id]?.kept ?? NONE);
  const [publish, setPublish] = useState<number | null>(null);
  const [from, setFrom] = useState<number | null>(null);
  const stages = staged(kept);
  return (
    <section className="run-card" aria-label={t("ui.training.kept")}>
      <header className="card-head"><h2>{t("ui.training.kept")}</h2></header>
      {stages.length === 0 ? (
        <p className="quiet">{t("ui.training.kept_none")}</p>
      ) : (
        <ul className="stages">
          {stages.map(({ step, checkpoint, snapshot, best, metric, bytes }) => (
            <li key={step} className="kept-row">
              <strong>{t("ui.training.step_number", { step })}</strong>
              {best && <span className="tag">{t("ui.training.best")}</span>}
              <span className="quiet grow">
                {[
                  metric === null ? null : t("ui.training.metric", { value: format.figure(metric) }),
                  format.bytes(bytes),
                ].filter((fact) => fact !== null).join(" · ")}
              </span>
              <span className="stage-buttons">
                {snapshot && (
                  <Button variant="default" size="compact-sm" onClick={() => {
                    onTry(step);
                    document.getElementById("try")?.scrollIntoView({ block: "center", behavior: "smooth" });
                    document.getElementById("try")?.querySelector("textarea")?.focus({ preventScroll: true });
                  }}>
                    {t("ui.training.try")}
                  </Button>
                )}
                {snapshot && <Button variant="default" size="compact-sm" onClick={() => setPublish(step)}>{t("ui.training.publish")}</Button>}
                {checkpoint && !isActive(run) && <Button variant="default" size="compact-sm" onClick={() => setFrom(step)}>{t("ui.training.go_on")}</Button>}
                {checkpoint && (
                  <Button variant="default" size="compact-sm" onClick={() => {
                    again(run, checkpoint);
                    go("training");
                  }}>
                    {t("ui.training.branch")}
                  </Button>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
      {publish !== null && <Publish run={run} step={publish} onClose={() => setPublish(null)} />}
      {from !== null && <GoOn run={run} from={from} onClose={() => setFrom(null)} />}
    </section>
  );
}
