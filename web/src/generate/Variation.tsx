import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { chosenModel } from "../state/choices";
import { problemIn } from "../state/problems";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { NumberField } from "../ui/NumberField";
import { Section, Unfit } from "./Section";

/** Pictures that resemble the one of a seed: its noise turned towards that of another. */
export function Variation({ taken }: { taken: boolean }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const format = useFormat();
  const strength = useSelect((state) => state.draft.variationStrength);
  const seed = useSelect((state) => state.draft.variationSeed);
  const model = useSelect(chosenModel);
  const problems = useSelect((state) => state.problems);
  return (
    <Section
      name="variation"
      title={t("ui.variation")}
      summary={strength > 0 ? format.number(strength) : ""}
      problem={problemIn(problems, "variation_strength", "variation_seed")}
    >
      {!taken && <Unfit>{t("ui.unfit.family", { family: model?.family ?? "" })}</Unfit>}
      <Dial
        label={t("ui.variation.strength")}
        value={strength}
        min={0}
        max={1}
        reach={1}
        step={0.05}
        error={problems.variation_strength}
        onChange={(value) => change({ variationStrength: value ?? 0 })}
      />
      <NumberField
        label={t("ui.variation.seed")}
        value={seed}
        min={0}
        max={Number.MAX_SAFE_INTEGER}
        placeholder={t("ui.seed_random")}
        error={problems.variation_seed}
        onChange={(value) => change({ variationSeed: value })}
      />
    </Section>
  );
}
