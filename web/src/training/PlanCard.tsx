import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Plan } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useSelect } from "../state/store";
import { warningWords } from "./told";

type Props = {
  pictures: number;
  plan: Plan | null;
  planning: boolean;
  problems: Record<string, string>;
  runs: number;
  busy: boolean;
};

/** What the run will do and take, before it does. */
export function PlanCard({ pictures, plan, planning, problems, runs, busy }: Props): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const draft = useSelect((state) => state.training.draft);
  const engine = useSelect((state) => state.engine?.state);
  const side = plan?.recipe.resolution ?? null;
  const faults = Object.values(problems);
  const lacking = draft.dataset === null || pictures === 0 ? "ui.plan.needs_pictures" : draft.class_word.trim() === "" ? "ui.plan.needs_class" : null;
  const over = plan !== null && plan.budget_bytes > 0 && plan.peak_bytes > plan.budget_bytes;
  return (
    <aside className="plan" aria-label={t("ui.plan.title")} aria-busy={planning}>
      <h2>{t("ui.plan.title")}</h2>
      <dl className="plan-facts" data-stale={planning || faults.length > 0}>
        <Fact words={t("ui.plan.steps")} value={plan ? format.number(plan.steps) : "–"} />
        <Fact words={t("ui.plan.shown")} value={plan ? t("ui.plan.times", { count: Math.round(plan.epochs) }) : "–"} />
        <Fact words={t("ui.plan.size")} value={side ? t("ui.size_of", { width: side, height: side }) : "–"} />
        <Fact words={t("ui.plan.class_pictures")} value={plan ? format.number(plan.class_pictures) : "–"} />
        <Fact
          words={t("ui.plan.time")}
          value={plan ? (plan.seconds === null ? t("ui.plan.time_unknown") : format.duration(plan.seconds * runs)) : "–"}
        />
        <Fact words={t("ui.plan.checkpoint")} value={plan ? format.bytes(plan.checkpoint_bytes) : "–"} />
        <Fact
          words={t("ui.plan.memory")}
          value={
            plan
              ? plan.budget_bytes > 0
                ? t("ui.memory_used", { used: format.bytes(plan.peak_bytes), total: format.bytes(plan.budget_bytes) })
                : format.bytes(plan.peak_bytes)
              : "–"
          }
        />
      </dl>
      <div className="plan-memory" data-over={over} aria-hidden="true">
        <div style={{ inlineSize: `${plan && plan.budget_bytes > 0 ? Math.min(100, (plan.peak_bytes / plan.budget_bytes) * 100) : 0}%` }} />
      </div>
      {faults.length > 0 && (
        <ul className="plan-faults" role="alert">
          {[...new Set(faults)].map((fault) => (
            <li key={fault}>{fault}</li>
          ))}
        </ul>
      )}
      {plan && faults.length === 0 && plan.warnings.length > 0 && (
        <ul className="plan-warnings" aria-label={t("ui.plan.warnings")}>
          {plan.warnings.map((warning, place) => (
            <li key={place}>{warningWords(t, warning)}</li>
          ))}
        </ul>
      )}
      <div className="plan-send">
        {lacking && <p className="quiet">{t(lacking)}</p>}
        {engine !== undefined && engine !== "ready" && <p className="quiet">{t("ui.plan.engine_away")}</p>}
        <Button type="submit" size="md" fullWidth loading={busy} disabled={lacking !== null || faults.length > 0}>
          {runs > 1
            ? t("ui.training.train_runs", { count: runs })
            : plan
              ? t("ui.training.train_steps", { count: plan.steps })
              : t("ui.training.train")}
        </Button>
      </div>
    </aside>
  );
}

function Fact({ words, value }: { words: string; value: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{words}</dt>
      <dd>{value}</dd>
    </div>
  );
}
