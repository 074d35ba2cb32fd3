import { NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { choice, chosenModel } from "../state/choices";
import { problemIn } from "../state/problems";
import { useActions, useSelect } from "../state/store";
import { Check } from "../ui/Check";
import { Dial } from "../ui/Dial";
import { NumberField } from "../ui/NumberField";
import { Section, Unfit } from "./Section";

const FIRST = { factor: 2, strength: 0.6, steps: null, upscaler: null };

/** Draw the picture a second time, larger: detail that the model's own size has no room for. */
export function HiresPass({ taken }: { taken: boolean }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const format = useFormat();
  const draft = useSelect((state) => state.draft);
  const model = useSelect(chosenModel);
  const models = useSelect((state) => state.models);
  const problems = useSelect((state) => state.problems);
  const { hires, init } = draft;
  const { width, height, steps } = choice(draft, model);
  const larger = (side: number) => Math.round((side * (hires?.factor ?? 1)) / 8) * 8;
  const size = t("ui.size_of", { width: format.number(larger(width)), height: format.number(larger(height)) });
  const upscalers = (models ?? []).filter((one) => one.kind === "upscaler" && !one.missing);
  return (
    <Section
      name="hires"
      title={t("ui.hires")}
      summary={hires && init === null ? size : ""}
      problem={problemIn(problems, "hires_factor", "hires_strength", "hires_steps", "hires_upscaler")}
    >
      {init !== null && <Unfit>{t("ui.unfit.hires_init")}</Unfit>}
      {!taken && init === null && <Unfit>{t("ui.unfit.family", { family: model?.family ?? "" })}</Unfit>}
      <Check
        label={hires ? t("ui.hires.on", { size }) : t("ui.hires.use")}
        checked={hires !== null && init === null}
        disabled={init !== null || (!taken && hires === null)}
        onChange={(on) => change({ hires: on ? FIRST : null })}
      />
      {hires !== null && init === null && (
        <>
          <Dial
            label={t("ui.hires.factor")}
            value={hires.factor}
            min={1}
            max={4}
            reach={4}
            step={0.25}
            error={problems.hires_factor}
            onChange={(value) => change({ hires: { ...hires, factor: value ?? 2 } })}
          />
          <Dial
            label={t("ui.hires.strength")}
            value={hires.strength}
            min={0}
            max={1}
            reach={1}
            step={0.05}
            error={problems.hires_strength}
            onChange={(value) => change({ hires: { ...hires, strength: value ?? 0.6 } })}
          />
          <div className="pair">
            <NumberField
              label={t("ui.hires.steps")}
              value={hires.steps}
              min={1}
              max={500}
              placeholder={String(steps)}
              error={problems.hires_steps}
              onChange={(value) => change({ hires: { ...hires, steps: value } })}
            />
            <NativeSelect
              label={t("ui.hires.upscaler")}
              value={hires.upscaler ?? ""}
              error={problems.hires_upscaler ?? null}
              data={[
                { value: "", label: t("ui.hires.plain") },
                ...upscalers.map(({ name }) => ({ value: name, label: name })),
              ]}
              onChange={(event) => change({ hires: { ...hires, upscaler: event.currentTarget.value || null } })}
            />
          </div>
        </>
      )}
    </Section>
  );
}
