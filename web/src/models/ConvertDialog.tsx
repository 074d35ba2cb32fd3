import { ActionIcon, Button, Modal, NativeSelect, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../api/http";
import type { Model, Target } from "../api/wire.gen";
import { useActions, useFeature, useSelect } from "../state/store";
import { problemsOf } from "../state/tools";
import { Icon } from "../ui/icons";
import { NumberField } from "../ui/NumberField";
import { modelsActions } from "./actions";

const DTYPES = ["float32", "float16", "bfloat16", "float8_e4m3fn"] as const satisfies readonly NonNullable<Target["dtype"]>[];
const LAYOUTS = ["diffusers", "single"] as const satisfies readonly NonNullable<Target["layout"]>[];

/** Write a model anew beside the old one: as a folder or a file, in other numbers, with LoRAs. */
export function ConvertDialog({ model, onClose }: { model: Model; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { fail } = useActions();
  const { convert } = useFeature(modelsActions);
  const models = useSelect((state) => state.models);
  const loras = (models ?? []).filter(({ kind, family }) => kind === "lora" && family === model.family);
  const [layout, setLayout] = useState<Target["layout"]>(null);
  const [dtype, setDtype] = useState<Target["dtype"]>(null);
  const [merged, setMerged] = useState<Target["loras"]>([]);
  const [name, setName] = useState("");
  const [wrong, setWrong] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);

  async function send(): Promise<void> {
    setBusy(true);
    try {
      await convert(model, { layout, dtype, loras: merged, name: name.trim() || null });
      onClose();
    } catch (error) {
      const told = Object.values(problemsOf(error) ?? {});
      if (told.length > 0) setWrong(told);
      else if (error instanceof ProblemError) setWrong([error.message]);
      else fail(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal opened onClose={onClose} title={t("ui.models.convert_title", { name: model.name })} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p className="quiet">{t("ui.models.convert_help")}</p>
        <div className="pair">
          <NativeSelect
            label={t("ui.models.layout")}
            value={layout ?? ""}
            data={[{ value: "", label: t("ui.models.as_is") }, ...LAYOUTS.map((value) => ({ value, label: t(`ui.layout.${value}`) }))]}
            onChange={(event) => setLayout(LAYOUTS.find((one) => one === event.currentTarget.value) ?? null)}
          />
          <NativeSelect
            label={t("ui.models.numbers")}
            value={dtype ?? ""}
            data={[{ value: "", label: t("ui.models.as_is") }, ...DTYPES.map((value) => ({ value, label: value }))]}
            onChange={(event) => setDtype(DTYPES.find((one) => one === event.currentTarget.value) ?? null)}
          />
        </div>
        {loras.length > 0 && (
          <NativeSelect
            label={t("ui.models.merge")}
            value=""
            data={[
              { value: "", label: t("ui.models.merge_add") },
              ...loras.filter(({ id }) => !merged.some(({ model: held }) => held === id)).map(({ id, name: label }) => ({ value: id, label })),
            ]}
            onChange={(event) => {
              const { value } = event.currentTarget;
              if (value) setMerged([...merged, { model: value, weight: 1 }]);
            }}
          />
        )}
        {merged.map(({ model: id, weight }) => {
          const label = loras.find((one) => one.id === id)?.name ?? id;
          return (
            <div key={id} className="bar">
              <bdi className="grow">{label}</bdi>
              <NumberField
                hidden label={label} value={weight} min={-4} max={4} step={0.05}
                onChange={(value) => setMerged(merged.map((one) => (one.model === id ? { model: id, weight: value ?? 1 } : one)))}
              />
              <ActionIcon variant="subtle" aria-label={t("ui.remove")} onClick={() => setMerged(merged.filter((one) => one.model !== id))}>
                <Icon name="close" />
              </ActionIcon>
            </div>
          );
        })}
        <TextInput label={t("ui.models.new_name")} placeholder={t("ui.models.new_name_hint")} value={name} maxLength={200} onChange={(event) => setName(event.currentTarget.value)} />
        {wrong.map((words) => (
          <p key={words} className="wrong" role="alert">{words}</p>
        ))}
        <div className="bar end">
          <Button variant="default" onClick={onClose}>{t("ui.cancel")}</Button>
          <Button type="submit" loading={busy}>{t("ui.models.convert_go")}</Button>
        </div>
      </form>
    </Modal>
  );
}
