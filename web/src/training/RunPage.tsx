import { Button } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Training } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { Curves } from "./Curves";
import { Kept } from "./Kept";
import { RunHead } from "./RunHead";
import { RunState } from "./RunState";
import { runActions } from "./runActions";
import { Samples } from "./Samples";
import { TryIt } from "./TryIt";

/** One run: how far it is, what it has learned, what it keeps, and what may be done with it. */
export function RunPage({ id }: { id: string }): ReactNode {
  const { t } = useTranslation();
  const { open, loadKept } = useFeature(runActions);
  const run = useSelect((state) => state.training.runs.find((one) => one.id === id));
  const state = useSelect((all) => all.training.opened[id]?.state ?? "idle");
  const keptState = useSelect((all) => all.training.opened[id]?.keptState ?? "idle");
  useEffect(() => {
    if (state === "idle" || state === "stale") open(id);
  }, [open, id, state]);
  useEffect(() => {
    if (keptState === "stale" && state === "ready") loadKept(id);
  }, [loadKept, id, keptState, state]);
  if (run) return <Whole run={run} />;
  if (state === "failed" || state === "ready") {
    return (
      <div className="empty">
        <h2>{t("ui.training.gone")}</h2>
        <Button variant="default" onClick={() => open(id)}>{t("ui.retry")}</Button>
      </div>
    );
  }
  return <div className="training-skeleton" aria-busy="true" />;
}

function Whole({ run }: { run: Training }): ReactNode {
  const [tried, setTried] = useState<number | null>(null);
  return (
    <section className="run">
      <RunHead run={run} />
      <RunState run={run} />
      <Curves run={run} />
      <Samples run={run} />
      <Kept run={run} onTry={setTried} />
      <TryIt run={run} step={tried} onStep={setTried} />
    </section>
  );
}
