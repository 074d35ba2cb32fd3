import { ActionIcon, Button, NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { ImagePromptUse } from "../api/wire.gen";
import { chosenModel } from "../state/choices";
import { problemIn } from "../state/problems";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { Icon } from "../ui/icons";
import { PictureField } from "./PictureField";
import { Section, Unfit } from "./Section";
import { Span } from "./Span";
import { fitting } from "./unfit";

const MOST = 8;

/** Pictures that are followed beside the words. */
export function ImagePrompts({ taken }: { taken: boolean }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const uses = useSelect((state) => state.draft.imagePrompts);
  const models = useSelect((state) => state.models);
  const model = useSelect(chosenModel);
  const problems = useSelect((state) => state.problems);
  const fit = fitting(models, "ip_adapter", model);
  const first = fit[0];

  function set(at: number, use: ImagePromptUse): void {
    change({ imagePrompts: uses.map((one, place) => (place === at ? use : one)) });
  }

  return (
    <Section
      name="image_prompts"
      title={t("ui.image_prompts")}
      summary={uses.map((one) => one.model).join(", ")}
      problem={problemIn(problems, "image_prompts")}
    >
      {!taken && <Unfit>{t("ui.unfit.family", { family: model?.family ?? "" })}</Unfit>}
      {taken && !first && <Unfit>{t("ui.image_prompts.none", { family: model?.family ?? "" })}</Unfit>}
      {uses.map((use, at) => (
        <div className="use" key={at}>
          <div className="use-head">
            <NativeSelect
              aria-label={t("ui.image_prompts.adapter")}
              value={use.model}
              error={problems[`image_prompts/${at}/model`] ?? null}
              data={[...new Set([use.model, ...fit.map(({ name }) => name)])]}
              onChange={(event) => set(at, { ...use, model: event.currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("ui.remove_named", { name: use.model })}
              title={t("ui.remove_named", { name: use.model })}
              onClick={() => change({ imagePrompts: uses.filter((_, place) => place !== at) })}
            >
              <Icon name="close" />
            </ActionIcon>
          </div>
          <PictureField
            label={t("ui.image_prompts.image")}
            value={use.image || null}
            error={problems[`image_prompts/${at}/image`] ?? null}
            onChange={(image) => set(at, { ...use, image: image ?? "" })}
          />
          <Dial
            label={t("ui.weight")}
            value={use.weight}
            min={-1}
            low={-1}
            max={2}
            reach={2}
            step={0.05}
            error={problems[`image_prompts/${at}/weight`]}
            onChange={(value) => set(at, { ...use, weight: value ?? 0.6 })}
          />
          <Span
            start={use.start}
            end={use.end}
            error={problems[`image_prompts/${at}/start`] ?? problems[`image_prompts/${at}/end`]}
            onChange={(start, end) => set(at, { ...use, start, end })}
          />
        </div>
      ))}
      {taken && first && uses.length < MOST && (
        <Button
          variant="default"
          onClick={() => change({ imagePrompts: [...uses, { model: first.name, image: "", weight: 0.6, start: 0, end: 1 }] })}
        >
          {t("ui.image_prompts.add")}
        </Button>
      )}
    </Section>
  );
}
