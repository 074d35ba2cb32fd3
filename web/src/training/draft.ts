import type { Recipe, Train } from "../api/wire.gen";

export type Axis = { setting: string; values: string };

/** The form of a new training; fields that nobody changed are left out. */
export type RecipeDraft = {
  dataset: string | null;
  token: string;
  class_word: string;
  base_model: string | null;
  method: Recipe["method"];
  name: string;
  fields: Record<string, unknown>;
  sweep: Axis[]; // at most two
  branch: { training: string; checkpoint: string; name: string; step: number } | null;
};

export const EMPTY: RecipeDraft = {
  dataset: null, token: "zxv", class_word: "", base_model: null, method: "lora", name: "",
  fields: {}, sweep: [], branch: null,
};

const KEY = "heliograph.training";
const METHODS: readonly string[] = ["full", "lora", "dora", "lokr", "embedding", "pivotal"];

/** Begin with what was left here. */
export function restoredDraft(): RecipeDraft {
  if (typeof window === "undefined") return EMPTY;
  try { // asking for the storage itself may be forbidden
    return readDraft(JSON.parse(window.localStorage.getItem(KEY) ?? "null"));
  } catch {
    return EMPTY;
  }
}

export function keepDraft(draft: RecipeDraft): void {
  try {
    window.localStorage.setItem(KEY, JSON.stringify(draft));
  } catch {
    return; // full, or forbidden: the page works without
  }
}

/** Read a saved draft, or a recipe in a file; what does not fit is left out. */
export function readDraft(saved: unknown): RecipeDraft {
  if (!isTable(saved)) return EMPTY;
  const text = (value: unknown, blank: string) => (typeof value === "string" ? value : blank);
  const axes = Array.isArray(saved.sweep) ? saved.sweep : [];
  return {
    dataset: text(saved.dataset, "") || null,
    token: text(saved.token, EMPTY.token),
    class_word: text(saved.class_word, ""),
    base_model: text(saved.base_model, "") || null,
    method: METHODS.includes(text(saved.method, "")) ? (saved.method as Recipe["method"]) : "lora",
    name: text(saved.name, ""),
    fields: isTable(saved.fields) ? saved.fields : {},
    sweep: axes.filter(isTable).slice(0, 2).map((axis) => ({
      setting: text(axis.setting, ""), values: text(axis.values, ""),
    })),
    branch: isTable(saved.branch) ? (saved.branch as RecipeDraft["branch"]) : null,
  };
}

const OWN = ["dataset", "token", "class_word", "base_model", "method", "name"] as const;
const NOT_FIELDS = new Set<string>([...OWN, "sweep", "branch_from", "priority", "subjects", "folder"]);

/** Write the request of a draft; what nobody chose is left to the plan. */
export function bodyOf(draft: RecipeDraft, numeric: (setting: string) => boolean = () => true): Train {
  const axes = draft.sweep.filter(({ setting, values }) => setting !== "" && listOf(values).length > 0);
  return {
    ...draft.fields,
    dataset: draft.dataset,
    token: draft.token.trim() || EMPTY.token,
    class_word: draft.class_word.trim() || "object",
    ...(draft.base_model ? { base_model: draft.base_model } : {}),
    method: draft.method,
    ...(draft.name.trim() ? { name: draft.name.trim() } : {}),
    ...(axes.length > 0
      ? {
          sweep: {
            mode: "product",
            axes: axes.map(({ setting, values }) => ({
              setting, values: listOf(values).map((value) => valueOf(value, numeric(setting))),
            })),
          } as unknown as NonNullable<Train["sweep"]>,
        }
      : {}),
    ...(draft.branch
      ? { branch_from: { training: draft.branch.training, checkpoint: draft.branch.checkpoint, trust: false } }
      : {}),
  };
}

/** Read a recipe from the text of a file: the fields of a request, as `heliograph train` takes them. */
export function fromFile(text: string, held: RecipeDraft): RecipeDraft | null {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isTable(read)) return null;
  const own = Object.fromEntries(OWN.filter((name) => name in read).map((name) => [name, read[name]]));
  const fields = Object.fromEntries(
    Object.entries(read).filter(([name, value]) => !NOT_FIELDS.has(name) && value !== null),
  );
  return readDraft({ ...EMPTY, dataset: held.dataset, ...own, fields });
}

/** Split "1e-4, 5e-5" into its values. */
export function listOf(text: string): string[] {
  return text.split(/[,;\n]/).map((value) => value.trim()).filter((value) => value !== "");
}

export function runsOf(draft: RecipeDraft): number {
  return draft.sweep
    .filter(({ setting }) => setting !== "")
    .reduce((count, { values }) => count * Math.max(1, listOf(values).length), 1);
}

function valueOf(text: string, numeric: boolean): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  return numeric && Number.isFinite(number) ? number : text;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
