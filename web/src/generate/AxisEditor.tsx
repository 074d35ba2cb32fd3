import { ActionIcon, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { GridAxis } from "../state/draft";
import { chosenModel, checkpoints } from "../state/choices";
import { useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { NumberField } from "../ui/NumberField";
import { kindOf, newAxis, sizeOf } from "./axes";
import { useFieldName } from "./fieldName";
import { fitting, waysOf } from "./unfit";

type Props = {
  axis: GridAxis;
  fields: string[];
  problem: string | null;
  onChange: (axis: GridAxis) => void;
  onRemove: () => void;
};

/** One axis: the field that varies, and its values. */
export function AxisEditor({ axis, fields, problem, onChange, onRemove }: Props): ReactNode {
  const { t } = useTranslation();
  const nameOf = useFieldName();
  const kind = kindOf(axis.field);
  const name = nameOf(axis.field);
  return (
    <fieldset className="use axis">
      <legend className="hidden">{t("ui.grid.axis", { name })}</legend>
      <div className="use-head">
        <NativeSelect
          aria-label={t("ui.grid.field")}
          value={axis.field}
          data={[...new Set([axis.field, ...fields])].map((field) => ({ value: field, label: nameOf(field) }))}
          onChange={(event) => onChange({ ...newAxis(event.currentTarget.value), id: axis.id })}
        />
        <span className="axis-size">{t("ui.grid.values", { count: sizeOf(axis) })}</span>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={t("ui.remove_named", { name })}
          title={t("ui.remove_named", { name })}
          onClick={onRemove}
        >
          <Icon name="close" />
        </ActionIcon>
      </div>
      {kind.of === "number" && <Numbers axis={axis} onChange={onChange} />}
      {kind.of === "words" && <Words axis={axis} onChange={onChange} />}
      {kind.of === "names" && <Names axis={axis} onChange={onChange} />}
      {problem !== null && <p className="refused">{problem}</p>}
    </fieldset>
  );
}

type PartProps = Pick<Props, "axis" | "onChange">;

function Numbers({ axis, onChange }: PartProps): ReactNode {
  const { t } = useTranslation();
  const kind = kindOf(axis.field);
  if (kind.of !== "number") return null;
  const bounds = { min: kind.min, max: kind.max, step: kind.step };
  const seeds = axis.field === "seed" || axis.field === "variation_seed";
  return (
    <>
      <NativeSelect
        aria-label={t("ui.grid.by")}
        value={axis.by}
        data={[
          { value: "range", label: t("ui.grid.by.range") },
          { value: "list", label: t("ui.grid.by.list") },
          ...(seeds ? [{ value: "random", label: t("ui.grid.by.random") }] : []),
        ]}
        onChange={(event) => onChange({ ...axis, by: event.currentTarget.value as GridAxis["by"] })}
      />
      {axis.by === "range" && (
        <div className="triple">
          <NumberField label={t("ui.grid.from")} value={axis.from} {...bounds} onChange={(from) => onChange({ ...axis, from })} />
          <NumberField label={t("ui.grid.to")} value={axis.to} {...bounds} onChange={(to) => onChange({ ...axis, to })} />
          <NumberField
            label={t("ui.grid.step")}
            value={axis.step}
            min={kind.step}
            max={kind.max}
            step={kind.step}
            placeholder={String(kind.step)}
            onChange={(step) => onChange({ ...axis, step })}
          />
        </div>
      )}
      {axis.by === "list" && (
        <TextInput
          aria-label={t("ui.grid.list")}
          placeholder={t("ui.grid.list_hint")}
          value={axis.text}
          dir="ltr"
          maxLength={4096}
          onChange={(event) => onChange({ ...axis, text: event.currentTarget.value })}
        />
      )}
      {axis.by === "random" && (
        <NumberField
          label={t("ui.grid.random_count")}
          value={axis.from}
          min={1}
          max={10_000}
          onChange={(from) => onChange({ ...axis, from })}
        />
      )}
    </>
  );
}

function Words({ axis, onChange }: PartProps): ReactNode {
  const { t } = useTranslation();
  const replaces = axis.by === "replace";
  return (
    <>
      <NativeSelect
        aria-label={t("ui.grid.by")}
        value={axis.by}
        data={[
          { value: "list", label: t("ui.grid.by.whole") },
          { value: "replace", label: t("ui.grid.by.replace") },
        ]}
        onChange={(event) => onChange({ ...axis, by: event.currentTarget.value as GridAxis["by"] })}
      />
      {replaces && (
        <TextInput
          label={t("ui.grid.find")}
          value={axis.find}
          dir="auto"
          maxLength={1024}
          onChange={(event) => onChange({ ...axis, find: event.currentTarget.value })}
        />
      )}
      <Textarea
        label={t(replaces ? "ui.grid.instead" : "ui.grid.prompts")}
        value={axis.text}
        rows={3}
        dir="auto"
        maxLength={65_536}
        onChange={(event) => onChange({ ...axis, text: event.currentTarget.value })}
      />
    </>
  );
}

function Names({ axis, onChange }: PartProps): ReactNode {
  const { t } = useTranslation();
  const names = useNames(axis.field);
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const shown = names.filter(({ label }) => label.toLowerCase().includes(wanted));
  const gone = axis.picked.filter((name) => !names.some(({ value }) => value === name));
  return (
    <>
      {names.length > 12 && (
        <TextInput
          aria-label={t("ui.search")}
          placeholder={t("ui.search")}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <div className="chips picks">
        {[...gone.map((name) => ({ value: name, label: name })), ...shown].map(({ value, label }) => (
          <button
            key={value}
            type="button"
            className="chip"
            aria-pressed={axis.picked.includes(value)}
            onClick={() =>
              onChange({
                ...axis,
                picked: axis.picked.includes(value)
                  ? axis.picked.filter((one) => one !== value)
                  : [...axis.picked, value],
              })
            }
          >
            <bdi>{label}</bdi>
          </button>
        ))}
      </div>
      {names.length === 0 && <p className="quiet">{t("ui.grid.nothing")}</p>}
    </>
  );
}

/** List the names that a field takes, with the model that is chosen. */
function useNames(field: string): { value: string; label: string }[] {
  const { t } = useTranslation();
  const draft = useSelect((state) => state.draft);
  const models = useSelect((state) => state.models);
  const capabilities = useSelect((state) => state.capabilities);
  const model = useSelect(chosenModel);
  const plain = (names: string[]) => names.map((name) => ({ value: name, label: name }));
  const ways = waysOf(capabilities, model, draft);
  if (field === "model") return plain(checkpoints(models).map(({ name }) => name));
  if (field === "sampler") return plain(ways.samplers);
  if (field === "scheduler") return plain(ways.schedules);
  if (field === "vae") return plain(fitting(models, "vae", model).map(({ name }) => name));
  if (field.startsWith("loras")) return plain(fitting(models, "lora", model).map(({ name }) => name));
  if (field === "seamless") {
    return (["off", "x", "y", "both"] as const).map((side) => ({ value: side, label: t(`value.seamless.${side}`) }));
  }
  return [];
}
