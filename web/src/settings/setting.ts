import type { SettingInfo } from "../api/wire.gen";
import { sayValue, valueWords } from "../i18n/values";

/** How a setting is typed in. */
export type Field =
  | { type: "choice"; values: string[] }
  | { type: "number"; min: number; max: number; step: number }
  | { type: "text" }
  | { type: "secret" };

const MASK = "••••••";
const FAR = 1_000_000_000; // for a number without a bound

/** Choose the field that fits a setting's schema. */
export function fieldOf({ name, schema, value }: SettingInfo, languages: readonly string[]): Field {
  const values = schema["enum"];
  if (Array.isArray(values)) return { type: "choice", values: values.map(String) };
  if (name === "language" && languages.length > 0) return { type: "choice", values: [...languages] };
  if (schema["type"] === "integer" || schema["type"] === "number") {
    return {
      type: "number", min: bound(schema["minimum"], 0), max: bound(schema["maximum"], FAR),
      step: schema["type"] === "integer" ? 1 : 0.5,
    };
  }
  return name.endsWith("token") || value === MASK ? { type: "secret" } : { type: "text" };
}

function bound(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** Write a value the way a file of settings has it; null for none. */
export function written(value: unknown): string | null {
  if (value === "" || value === null || (Array.isArray(value) && value.length === 0)) return null;
  if (Array.isArray(value)) return value.map(String).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Write a value for people, one of a few or on and off; null where it is what somebody typed, or a name. */
export function worded(t: (key: string) => string, { schema }: Pick<SettingInfo, "schema">, value: unknown): string | null {
  if (typeof value === "boolean") return t(value ? "ui.recipe.on" : "ui.recipe.off");
  if (typeof value !== "string" || !Array.isArray(schema["enum"])) return null;
  const words = sayValue(valueWords(schema), value);
  return words === value ? null : words;
}

export function isDefault({ value, default: usual }: SettingInfo): boolean {
  return JSON.stringify(value) === JSON.stringify(usual);
}
