import { NativeSelect, Textarea } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { PREPROCESSORS, type Layer, type Preprocessor } from "./document";
import { useCanvas } from "./use";

/** How the active layer looks, and how it steers. */
export function LayerSettings({ layer }: { layer: Layer }): ReactNode {
  const { t } = useTranslation();
  const { patch } = useCanvas();
  const change = (what: Parameters<typeof patch>[1]) => patch(layer.id, what, `${layer.id} ${Object.keys(what).join()}`);
  return (
    <div className="canvas-settings stack">
      <Dial
        label={t("ui.canvas.opacity")}
        value={Math.round(layer.opacity * 100)}
        min={0}
        max={100}
        reach={100}
        step={1}
        onChange={(value) => change({ opacity: (value ?? 100) / 100 })}
      />
      {layer.kind === "control" && <Control layer={layer} change={change} />}
      {layer.kind === "region" && (
        <>
          <Textarea
            label={t("ui.canvas.region_prompt")}
            placeholder={t("ui.canvas.region_hint")}
            rows={2}
            maxLength={16_384}
            dir="auto"
            value={layer.prompt}
            onChange={(event) => change({ prompt: event.currentTarget.value })}
          />
          <Weight value={layer.weight} most={2} change={change} />
        </>
      )}
    </div>
  );
}

type Change = (what: Partial<Layer>) => void;

function Control({ layer, change }: { layer: Layer & { kind: "control" }; change: Change }): ReactNode {
  const { t } = useTranslation();
  const models = useSelect((state) => state.models);
  const nets = (models ?? []).filter(({ kind }) => kind === "controlnet");
  return (
    <>
      <NativeSelect
        label={t("ui.canvas.control_model")}
        value={layer.model ?? ""}
        data={[{ value: "", label: t("ui.canvas.choose") }, ...nets.map(({ name }) => ({ value: name, label: name }))]}
        onChange={(event) => change({ model: event.currentTarget.value || null })}
      />
      <NativeSelect
        label={t("ui.canvas.preprocessor")}
        value={layer.preprocessor}
        data={PREPROCESSORS.map((name) => ({ value: name, label: t(`ui.canvas.preprocessor.${name}`) }))}
        onChange={(event) => change({ preprocessor: event.currentTarget.value as Preprocessor })}
      />
      <Weight value={layer.weight} most={2} change={change} />
    </>
  );
}

function Weight({ value, most, change }: { value: number; most: number; change: Change }): ReactNode {
  const { t } = useTranslation();
  return (
    <Dial
      label={t("ui.canvas.weight")}
      value={value}
      min={0}
      max={most}
      reach={most}
      step={0.05}
      onChange={(weight) => change({ weight: weight ?? 1 })}
    />
  );
}
