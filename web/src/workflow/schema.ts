import { valueWords, type ValueWords } from "../i18n/values";
import { isRecord } from "./doc";

type Schema = Record<string, unknown>;

type Common = { name: string; help: string; required: boolean; nullable: boolean; preset: unknown };

/** One setting as a form shows it; read from its JSON Schema. */
export type Field = Common &
  (
    | { kind: "number"; whole: boolean; min: number | null; max: number | null; step: number | null }
    | { kind: "seed"; max: number }
    | { kind: "boolean" }
    | { kind: "enum"; values: string[]; words: ValueWords }
    | { kind: "text"; long: boolean; most: number | null }
    | { kind: "model"; of: string }
    | { kind: "listed"; of: "samplers" | "schedules" }
    | { kind: "image" }
    | { kind: "list"; most: number | null; fields: Field[] }
    | { kind: "raw" }
  );

const MODELS = new Set([
  "checkpoint", "lora", "vae", "controlnet", "ip_adapter", "embedding", "upscaler", "restorer",
  "text_encoder", "clip_vision",
]);
const SEED = 2 ** 53 - 1;
const made = new WeakMap<Schema, Field[]>();

/** Read the fields of a node's settings, once for each catalogue. */
export function fieldsOf(settings: Schema): Field[] {
  const known = made.get(settings);
  if (known) return known;
  const defs = isRecord(settings.$defs) ? settings.$defs : {};
  const fields = read(settings, defs);
  made.set(settings, fields);
  return fields;
}

export function fieldOf(settings: Schema, name: string): Field | undefined {
  return fieldsOf(settings).find((field) => field.name === name);
}

/** Give the plain types that may be wired into a setting. */
export function settingTypes(settings: Schema, name: string): string[] {
  const field = fieldOf(settings, name);
  switch (field?.kind) {
    case "number":
      return field.whole ? ["int"] : ["float", "int"];
    case "seed":
      return ["int"];
    case "boolean":
      return ["bool"];
    case "text":
    case "enum":
    case "listed":
    case "model":
    case "image":
      return ["str"];
    case "list":
    case "raw":
    case undefined:
      return [];
  }
}

/** Give the values that a new node begins with: none, where there is a default. */
export function emptyOf(field: Field): unknown {
  if (field.kind === "text") return "";
  return undefined;
}

/** Say what a setting is worth: what is set, else its default. */
export function valueOf(field: Field, settings: Record<string, unknown>): unknown {
  return Object.hasOwn(settings, field.name) ? settings[field.name] : field.preset;
}

function read(schema: Schema, defs: Schema): Field[] {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties).flatMap(([name, found]) =>
    isRecord(found) ? [one(name, found, required.includes(name), defs)] : [],
  );
}

function one(name: string, found: Schema, required: boolean, defs: Schema): Field {
  const ways = Array.isArray(found.anyOf) ? found.anyOf.filter(isRecord) : null;
  const rest = ways?.filter((way) => way.type !== "null") ?? [];
  const schema = named(rest.length === 1 && rest[0] ? { ...found, ...rest[0] } : found, defs);
  const help = typeof schema.description === "string" ? schema.description : "";
  const common: Common = {
    name, required, preset: found.default,
    help: typeof found.description === "string" ? found.description : help,
    nullable: ways !== null && rest.length < ways.length,
  };
  const format = typeof schema.format === "string" ? schema.format : "";
  if (ways && rest.length !== 1) return { ...common, kind: "raw" };
  if (Array.isArray(schema.enum) && schema.enum.every((value) => typeof value === "string")) {
    return { ...common, kind: "enum", values: schema.enum, words: valueWords(schema) };
  }
  switch (schema.type) {
    case "boolean":
      return { ...common, kind: "boolean" };
    case "integer":
    case "number": {
      const max = bound(schema.maximum) ?? bound(schema.exclusiveMaximum);
      if (format === "seed") return { ...common, kind: "seed", max: max ?? SEED };
      const whole = schema.type === "integer";
      return {
        ...common, kind: "number", whole, max,
        min: bound(schema.minimum) ?? bound(schema.exclusiveMinimum),
        step: bound(schema.multipleOf) ?? (whole ? 1 : null),
      };
    }
    case "string": {
      if (MODELS.has(format)) return { ...common, kind: "model", of: format };
      if (format === "sampler") return { ...common, kind: "listed", of: "samplers" };
      if (format === "schedule") return { ...common, kind: "listed", of: "schedules" };
      if (format === "image") return { ...common, kind: "image" };
      const most = bound(schema.maxLength);
      return { ...common, kind: "text", most, long: format === "prompt" || (most ?? 0) > 1000 };
    }
    case "array": {
      const items = isRecord(schema.items) ? named(schema.items, defs) : {};
      if (items.type !== "object") return { ...common, kind: "raw" };
      return { ...common, kind: "list", most: bound(schema.maxItems), fields: read(items, defs) };
    }
    default:
      return { ...common, kind: "raw" };
  }
}

function named(schema: Schema, defs: Schema): Schema {
  const name = typeof schema.$ref === "string" ? schema.$ref.split("/").pop() : undefined;
  const found = name === undefined ? undefined : defs[name];
  return isRecord(found) ? { ...found, ...schema } : schema;
}

function bound(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
