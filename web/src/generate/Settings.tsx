import { NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { checkpoints, choice, chosenModel } from "../state/choices";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { Controls } from "./Controls";
import { GridBuilder } from "./GridBuilder";
import { HiresPass } from "./Hires";
import { ImagePrompts } from "./ImagePrompts";
import { InitImage } from "./InitImage";
import { Loras } from "./Loras";
import { More } from "./More";
import { SeedField } from "./SeedField";
import { SizeField } from "./SizeField";
import { waysOf } from "./unfit";
import { Variation } from "./Variation";

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
  const ways = waysOf(capabilities, model, draft);

  /** Offer the model's own, what it can be drawn with, and what is chosen though it does not fit. */
  function options(names: string[], chosen: string | null): { value: string; label: string }[] {
    const own = { value: "", label: t("ui.model_default") };
    const kept = chosen !== null && !names.includes(chosen) ? [chosen] : [];
    return [own, ...[...kept, ...names].map((name) => ({ value: name, label: name }))];
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
          data={options(ways.samplers, draft.sampler)}
          onChange={(event) => change({ sampler: event.currentTarget.value || null })}
        />
        <NativeSelect
          label={t("ui.schedule")}
          value={draft.schedule ?? ""}
          error={problems.scheduler ?? null}
          data={options(ways.schedules, draft.schedule)}
          onChange={(event) => change({ schedule: event.currentTarget.value || null })}
        />
      </div>
      <InitImage />
      <div className="sections">
        <Loras taken={ways.takes("loras")} />
        <Controls taken={ways.takes("control")} />
        <ImagePrompts taken={ways.takes("image_prompts")} />
        <HiresPass taken={ways.hires} />
        <Variation taken={ways.takes("variation_strength")} />
        <More ways={ways} />
        <GridBuilder ways={ways} />
      </div>
    </div>
  );
}
