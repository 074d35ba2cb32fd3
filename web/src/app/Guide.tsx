import { Button } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useActions, useSelect } from "../state/store";
import { guided, SEEN, STEPS } from "./guided";

/** Three hints for the first visit. They follow what is done, and never come again. */
export function Guide(): ReactNode {
  const { t } = useTranslation();
  const { prefer } = useActions();
  const step = useSelect(guided);
  const held = useSelect((state) => state.preferences.guide);
  useEffect(() => {
    if (step > held && held < SEEN) prefer({ guide: step }); // what was done is not taught again
  }, [step, held, prefer]);
  if (step === 0 || step >= SEEN) return null;
  return (
    <aside className="guide" aria-label={t("ui.guide.label")}>
      <span className="count">{t("ui.guide.of", { step, steps: STEPS })}</span>
      <p className="grow">{t(`ui.guide.step.${step}`)}</p>
      {step === STEPS && (
        <Button component="a" href="#/training" size="compact-sm" variant="default" onClick={() => prefer({ guide: SEEN })}>
          {t("ui.guide.train")}
        </Button>
      )}
      <Button size="compact-sm" variant="default" onClick={() => prefer({ guide: step + 1 })}>
        {t(step === STEPS ? "ui.guide.done" : "ui.guide.next")}
      </Button>
      {step < STEPS && (
        <Button size="compact-sm" variant="subtle" color="gray" onClick={() => prefer({ guide: SEEN })}>
          {t("ui.guide.skip")}
        </Button>
      )}
    </aside>
  );
}
