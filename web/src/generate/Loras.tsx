import { ActionIcon, NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { LoraUse } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { chosenModel } from "../state/choices";
import { problemIn } from "../state/problems";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { Icon } from "../ui/icons";
import { Section, Unfit } from "./Section";
import { fitting } from "./unfit";

const MOST = 64;

/** Adapters on the model, each with a weight; those alone that go with it. */
export function Loras({ taken }: { taken: boolean }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const format = useFormat();
  const loras = useSelect((state) => state.draft.loras);
  const models = useSelect((state) => state.models);
  const model = useSelect(chosenModel);
  const problems = useSelect((state) => state.problems);
  const fit = fitting(models, "lora", model);
  const rest = fit.filter(({ name }) => !loras.some((one) => one.model === name));

  function set(at: number, use: LoraUse): void {
    change({ loras: loras.map((one, place) => (place === at ? use : one)) });
  }

  return (
    <Section
      name="loras"
      title={t("ui.loras")}
      summary={loras.map((one) => `${one.model} ${format.number(one.weight)}`).join(", ")}
      problem={problemIn(problems, "loras")}
    >
      {!taken && <Unfit>{t("ui.unfit.family", { family: model?.family ?? "" })}</Unfit>}
      {taken && fit.length === 0 && <Unfit>{t("ui.loras.none", { family: model?.family ?? "" })}</Unfit>}
      {loras.map((use, at) => (
        <Use
          key={use.model}
          use={use}
          problem={problemIn(problems, `loras/${at}`)}
          onChange={(changed) => set(at, changed)}
          onRemove={() => change({ loras: loras.filter((_, place) => place !== at) })}
        />
      ))}
      {taken && rest.length > 0 && loras.length < MOST && (
        <NativeSelect
          aria-label={t("ui.loras.add")}
          value=""
          data={[{ value: "", label: t("ui.loras.add") }, ...rest.map(({ name }) => ({ value: name, label: name }))]}
          onChange={(event) => {
            const name = event.currentTarget.value;
            if (name) change({ loras: [...loras, { model: name, weight: 1 }] });
          }}
        />
      )}
    </Section>
  );
}

type UseProps = {
  use: LoraUse;
  problem: string | null;
  onChange: (use: LoraUse) => void;
  onRemove: () => void;
};

function Use({ use, problem, onChange, onRemove }: UseProps): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const prompt = useSelect((state) => state.draft.prompt);
  const found = useSelect((state) => state.models?.find(({ kind, name }) => kind === "lora" && name === use.model));
  const words = [...new Set([found?.trigger ?? "", ...(found?.trigger_words ?? [])])].filter((word) => word !== "");
  return (
    <div className="use">
      <div className="use-head">
        <span dir="auto">{use.model}</span>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={t("ui.remove_named", { name: use.model })}
          title={t("ui.remove_named", { name: use.model })}
          onClick={onRemove}
        >
          <Icon name="close" />
        </ActionIcon>
      </div>
      <Dial
        label={t("ui.weight")}
        value={use.weight}
        min={-10}
        low={-1}
        max={10}
        reach={2}
        step={0.05}
        error={problem ?? undefined}
        onChange={(value) => onChange({ ...use, weight: value ?? 1 })}
      />
      {words.length > 0 && (
        <div className="chips" aria-label={t("ui.loras.words")} role="group">
          {words.slice(0, 12).map((word) => (
            <button
              key={word}
              type="button"
              className="chip"
              disabled={prompt.includes(word)}
              onClick={() => change({ prompt: prompt.trim() === "" ? word : `${prompt.trimEnd()}, ${word}` })}
            >
              <bdi>{word}</bdi>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
