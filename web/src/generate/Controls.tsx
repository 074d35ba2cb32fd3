import { ActionIcon, Button, NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { ControlUse } from "../api/wire.gen";
import { chosenModel } from "../state/choices";
import { problemIn } from "../state/problems";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { Icon } from "../ui/icons";
import { PictureField } from "./PictureField";
import { Section, Unfit } from "./Section";
import { Span } from "./Span";
import { fitting } from "./unfit";

const MOST = 16;
const MODES = ["balanced", "prompt", "control"] as const satisfies readonly ControlUse["mode"][];
const RESIZES = ["crop", "fit", "stretch"] as const satisfies readonly ControlUse["resize"][];
const PREPROCESSORS = [
  "none", "canny", "lineart", "xdog", "color", "tile", "luminance", "invert",
] as const satisfies readonly ControlUse["preprocessor"][];

/** ControlNets, and the pictures that they steer by. */
export function Controls({ taken }: { taken: boolean }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const control = useSelect((state) => state.draft.control);
  const models = useSelect((state) => state.models);
  const model = useSelect(chosenModel);
  const problems = useSelect((state) => state.problems);
  const fit = fitting(models, "controlnet", model);
  const first = fit[0];

  function add(): void {
    if (!first) return;
    const use: ControlUse = {
      model: first.name, image: "", weight: 1, start: 0, end: 1, mode: "balanced", resize: "crop",
      preprocessor: "none", low: null, high: null,
    };
    change({ control: [...control, use] });
  }

  return (
    <Section
      name="control"
      title={t("ui.control")}
      summary={control.map((one) => one.model).join(", ")}
      problem={problemIn(problems, "control")}
    >
      {!taken && <Unfit>{t("ui.unfit.family", { family: model?.family ?? "" })}</Unfit>}
      {taken && !first && <Unfit>{t("ui.control.none", { family: model?.family ?? "" })}</Unfit>}
      {control.map((use, at) => (
        <Use
          key={at}
          at={at}
          use={use}
          names={[...new Set([use.model, ...fit.map(({ name }) => name)])]}
          onChange={(changed) => change({ control: control.map((one, place) => (place === at ? changed : one)) })}
          onRemove={() => change({ control: control.filter((_, place) => place !== at) })}
        />
      ))}
      {taken && first && control.length < MOST && (
        <Button variant="default" onClick={add}>{t("ui.control.add")}</Button>
      )}
    </Section>
  );
}

type UseProps = {
  at: number;
  use: ControlUse;
  names: string[];
  onChange: (use: ControlUse) => void;
  onRemove: () => void;
};

function Use({ at, use, names, onChange, onRemove }: UseProps): ReactNode {
  const { t } = useTranslation();
  const problems = useSelect((state) => state.problems);
  const problem = (field: string) => problems[`control/${at}/${field}`] ?? null;
  return (
    <div className="use">
      <div className="use-head">
        <NativeSelect
          aria-label={t("ui.control.net")}
          value={use.model}
          error={problem("model")}
          data={names}
          onChange={(event) => onChange({ ...use, model: event.currentTarget.value })}
        />
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
      <PictureField
        label={t("ui.control.image")}
        value={use.image || null}
        error={problem("image")}
        onChange={(image) => onChange({ ...use, image: image ?? "" })}
      />
      <div className="pair">
        <NativeSelect
          label={t("ui.control.preprocessor")}
          value={use.preprocessor}
          error={problem("preprocessor")}
          data={PREPROCESSORS.map((name) => ({ value: name, label: t(`ui.control.preprocessor.${name}`) }))}
          onChange={(event) => onChange({ ...use, preprocessor: event.currentTarget.value as ControlUse["preprocessor"] })}
        />
        <NativeSelect
          label={t("ui.control.mode")}
          value={use.mode}
          error={problem("mode")}
          data={MODES.map((name) => ({ value: name, label: t(`value.mode.${name}`) }))}
          onChange={(event) => onChange({ ...use, mode: event.currentTarget.value as ControlUse["mode"] })}
        />
      </div>
      <Dial
        label={t("ui.weight")}
        value={use.weight}
        min={0}
        max={2}
        reach={2}
        step={0.05}
        error={problem("weight") ?? undefined}
        onChange={(value) => onChange({ ...use, weight: value ?? 1 })}
      />
      <Span
        start={use.start}
        end={use.end}
        error={problem("start") ?? problem("end") ?? undefined}
        onChange={(start, end) => onChange({ ...use, start, end })}
      />
      <NativeSelect
        label={t("ui.control.resize")}
        value={use.resize}
        error={problem("resize")}
        data={RESIZES.map((name) => ({ value: name, label: t(`value.resize.${name}`) }))}
        onChange={(event) => onChange({ ...use, resize: event.currentTarget.value as ControlUse["resize"] })}
      />
    </div>
  );
}
