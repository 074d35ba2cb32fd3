import { NativeSelect, Switch, Textarea, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { sayValue } from "../i18n/values";
import { numberOf, shown, type Field } from "./fields";

/** What a field is for stands below it, so that fields in a row keep one line. */
export const BELOW: { inputWrapperOrder: ("label" | "input" | "description" | "error")[] } = {
  inputWrapperOrder: ["label", "input", "description", "error"],
};

type Props = {
  field: Field;
  value: unknown; // undefined: nobody chose
  resolved: unknown; // what the plan chose
  error: string | null;
  onChange: (value: unknown) => void; // undefined takes the choice back
};

/** One field of the recipe, as its schema says. */
export function FieldView(props: Props): ReactNode {
  const { t } = useTranslation();
  const { field, value, resolved, error, onChange } = props;
  const label = labelOf(t, field.name);
  const choice = worded(field, resolved ?? field.fallback);
  const automatic = choice === "" ? t("ui.recipe.automatic") : t("ui.recipe.automatic_value", { value: choice });
  const about = field.about || null;
  const common = { ...BELOW, label, description: about, error };

  switch (field.kind) {
    case "choice":
      return (
        <NativeSelect
          {...common}
          value={typeof value === "string" ? value : ""}
          onChange={(event) => onChange(event.currentTarget.value || undefined)}
        >
          <option value="">{field.automatic ? automatic : t("ui.recipe.usual", { value: worded(field, field.fallback) })}</option>
          {field.options.map((option) => (
            <option key={option} value={option}>{sayValue(field.words, option)}</option>
          ))}
        </NativeSelect>
      );
    case "switch":
      if (!field.automatic) {
        const on = typeof value === "boolean" ? value : field.fallback === true;
        return (
          <Switch
            label={label}
            description={about}
            error={error}
            checked={on}
            onChange={(event) => {
              const next = event.currentTarget.checked;
              onChange(next === field.fallback ? undefined : next);
            }}
          />
        );
      }
      return (
        <NativeSelect
          {...common}
          value={typeof value === "boolean" ? String(value) : ""}
          onChange={({ currentTarget: { value: chosen } }) => onChange(chosen === "" ? undefined : chosen === "true")}
        >
          <option value="">{choice === "" ? automatic : t("ui.recipe.automatic_value", { value: t(resolved === true ? "ui.recipe.on" : "ui.recipe.off") })}</option>
          <option value="true">{t("ui.recipe.on")}</option>
          <option value="false">{t("ui.recipe.off")}</option>
        </NativeSelect>
      );
    case "many":
      return <Many {...props} label={label} />;
    case "list":
      return (
        <Textarea
          {...common}
          autosize={false}
          rows={3}
          dir="auto"
          placeholder={t("ui.recipe.lines")}
          value={Array.isArray(value) ? value.join("\n") : ""}
          onChange={(event) => {
            const lines = event.currentTarget.value.split("\n");
            onChange(lines.every((line) => line === "") ? undefined : lines);
          }}
          onBlur={() => {
            if (Array.isArray(value)) onChange(value.map(String).filter((line) => line.trim() !== ""));
          }}
        />
      );
    case "whole":
    case "number":
    case "pair":
    case "text":
      return <Typed {...props} label={label} hint={field.automatic ? automatic : shown(field.fallback)} />;
  }
}

/** Write a value of the field for people: one of its options by its words. */
function worded(field: Field, value: unknown): string {
  return field.kind === "choice" && typeof value === "string" ? sayValue(field.words, value) : shown(value);
}

/** A number, a pair of them, or a word: what is typed stands until the field is left. */
function Typed({ field, value, error, onChange, label, hint }: Props & { label: string; hint: string }): ReactNode {
  const [typed, setTyped] = useState<string | null>(null);
  const written = typed ?? shown(value);

  function read(text: string): unknown {
    if (text.trim() === "") return undefined;
    if (field.kind === "text") return text;
    if (field.kind !== "pair") return numberOf(text, field);
    const both = text.split(",").map((part) => numberOf(part, { kind: "number", least: 0, most: 1 }));
    return both.length === 2 && both.every((part) => part !== undefined) ? both : undefined;
  }

  return (
    <TextInput
      {...BELOW}
      label={label}
      description={field.about || null}
      error={error}
      className={field.kind === "text" ? "" : "number"}
      inputMode={field.kind === "whole" ? "numeric" : field.kind === "number" ? "decimal" : "text"}
      placeholder={hint}
      value={written}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setTyped(text);
        const next = read(text);
        if (next !== undefined || text.trim() === "") onChange(next);
      }}
      onBlur={() => setTyped(null)}
    />
  );
}

function Many({ field, value, onChange, label, error }: Props & { label: string }): ReactNode {
  const usual = Array.isArray(field.fallback) ? field.fallback : ["csv"];
  const chosen = new Set((Array.isArray(value) ? value : usual).map(String));
  return (
    <fieldset className="many">
      <legend className="label">{label}</legend>
      {field.options.map((option) => (
        <Switch
          key={option}
          label={sayValue(field.words, option)}
          checked={chosen.has(option)}
          onChange={(event) => {
            const next = new Set(chosen);
            if (event.currentTarget.checked) next.add(option);
            else next.delete(option);
            onChange([...next]);
          }}
        />
      ))}
      {error && <p className="field-error">{error}</p>}
    </fieldset>
  );
}

/** Name a field; one that a newer server has is called as it is. */
export function labelOf(t: (key: string) => string, name: string): string {
  const key = `ui.recipe.${name}`;
  const words = t(key);
  return words === key ? name.replaceAll("_", " ") : words;
}
