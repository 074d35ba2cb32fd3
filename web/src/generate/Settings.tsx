import { NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { checkpoints, choice, chosenModel } from "../state/choices";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { InitImage } from "./InitImage";
import { SeedField } from "./SeedField";
import { SizeField } from "./SizeField";

const DEFAULT = "default"; // the name that the server gives to a model's own

/** Everything but the words: the model, the size, and how it is drawn. */
export function Settings(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const draft = useSelect((state) => state.draft);
  const models = useSelect((state) => state.models);
  const model = useSelect(chosenModel);
  const problems = useSelect((state) => state.problems);
  const capabilities = useSelect((state) => state.capabilities);
  const { steps, guidance } = choice(draft, model);

  function options(names: string[] | undefined): { value: string; label: string }[] {
    const others = (names ?? []).filter((name) => name !== DEFAULT);
    const own = { value: "", label: t("ui.model_default") };
    return [own, ...others.map((name) => ({ value: name, label: name }))];
  }

  return (
    <div className="stack">
      <NativeSelect
        label={t("ui.model")}
        value={model?.id ?? ""}
        error={problems.model ?? null}
        disabled={model === null}
        data={
          model === null
            ? [{ value: "", label: models === null ? "…" : t("ui.no_models") }]
            : checkpoints(models).map(({ id, name }) => ({ value: id, label: name }))
        }
        onChange={(event) => change({ model: event.currentTarget.value || null })}
      />
      <SizeField />
      <Dial
        label={t("ui.steps")}
        value={steps}
        min={1}
        max={500}
        reach={100}
        step={1}
        error={problems.steps}
        onChange={(value) => change({ steps: value })}
      />
      <Dial
        label={t("ui.guidance")}
        value={guidance}
        min={0}
        max={100}
        reach={20}
        step={0.5}
        error={problems.guidance_scale}
        onChange={(value) => change({ guidance: value })}
      />
      <SeedField />
      <div className="pair">
        <NativeSelect
          label={t("ui.sampler")}
          value={draft.sampler ?? ""}
          error={problems.sampler ?? null}
          data={options(capabilities?.samplers)}
          onChange={(event) => change({ sampler: event.currentTarget.value || null })}
        />
        <NativeSelect
          label={t("ui.schedule")}
          value={draft.schedule ?? ""}
          error={problems.scheduler ?? null}
          data={options(capabilities?.schedules)}
          onChange={(event) => change({ schedule: event.currentTarget.value || null })}
        />
      </div>
      <InitImage />
    </div>
  );
}
