import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Popover.css";
import "@mantine/core/styles/Combobox.css"; // after what it stands in
import "@mantine/core/styles/Switch.css";
import "uplot/dist/uPlot.min.css";
import "./training.css";
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { hashOf } from "../app/route";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { DatasetPage } from "./DatasetPage";
import { NewTraining } from "./NewTraining";
import { RunPage } from "./RunPage";
import { runActions } from "./runActions";
import { setActions } from "./setActions";
import { Side } from "./Side";
import { Welcome } from "./Welcome";

/** Teach a model a subject: pictures, a recipe, and runs that are watched. */
export function TrainingPage({ rest }: { rest: string[] }): ReactNode {
  const { t } = useTranslation();
  const runs = useFeature(runActions);
  const sets = useFeature(setActions);
  const runsState = useSelect((state) => state.training.runsState);
  const setsState = useSelect((state) => state.training.setsState);
  const stale = useSelect((state) => state.training.staleRuns.length > 0);
  const none = useSelect(({ training }) =>
    training.runsState === "ready" && training.setsState === "ready" &&
    training.runs.length === 0 && training.sets.length === 0,
  );
  useEffect(() => {
    if (runsState === "idle" || runsState === "stale") runs.load();
  }, [runs, runsState]);
  useEffect(() => {
    if (setsState === "idle" || setsState === "stale") sets.load();
  }, [sets, setsState]);
  useEffect(() => {
    if (stale) runs.refresh();
  }, [runs, stale]);
  const home = rest.length === 0;
  return (
    <div className="page training" data-home={home}>
      <h1 className="hidden">{t("ui.nav.training")}</h1>
      <Side rest={rest} />
      <div className="training-main" key={rest.join("/")}>
        {!home && (
          <a className="training-back" href={hashOf("training")}>
            <Icon name="previous" />
            {t("ui.training.back")}
          </a>
        )}
        <Shown rest={rest} none={none} />
      </div>
    </div>
  );
}

function Shown({ rest: [first, second], none }: { rest: string[]; none: boolean }): ReactNode {
  if (first === "datasets" && second !== undefined) return <DatasetPage key={second} id={second} />;
  if (first !== undefined && first !== "datasets") return <RunPage key={first} id={first} />;
  return none ? <Welcome /> : <NewTraining />;
}
