import type { Capabilities, Model, RecipeInfo } from "../api/wire.gen";
import { recipeOf } from "../state/choices";
import type { Draft } from "../state/draft";

export type Ways = {
  samplers: string[];
  schedules: string[];
  seamless: boolean;
  hires: boolean; // a second pass
  /** Say whether what is asked for, drawn by this model, has a field. */
  takes: (field: string) => boolean;
};

const DEFAULT = "default"; // the name that the server gives to a model's own
const UNKNOWN = "unknown"; // a family that a file does not tell
const ALWAYS = ["count", "dynamic_prompts", "styles", "exact"];

/** Say how a model can be drawn with; everything where nothing is known of it yet. */
export function waysOf(capabilities: Capabilities | null, model: Model | null, draft: Pick<Draft, "init" | "hires">): Ways {
  const family = model?.family ?? "";
  const known = capabilities?.sampling[family];
  const others = (names: string[] | undefined) => (names ?? []).filter((name) => name !== DEFAULT);
  const wanted = recipeOf(draft);
  const recipes = capabilities?.own_recipes[family] ?? capabilities?.recipes ?? [];
  const recipe = recipes.find(({ name }) => name === wanted);
  const fields = recipe ? new Set([...fieldsIn(recipe), ...ALWAYS]) : null;
  return {
    samplers: others(known?.samplers ?? capabilities?.samplers),
    schedules: others(known?.schedules ?? capabilities?.schedules),
    seamless: known?.seamless ?? true,
    hires: recipes.length === 0 || recipes.some(({ name }) => name === "hires"),
    takes: (field) => fields === null || fields.has(field),
  };
}

/** List models of a kind that go with a checkpoint; last those of which nobody knows, for they may. */
export function fitting(models: Model[] | null, kind: Model["kind"], model: Model | null): Model[] {
  const there = (models ?? []).filter((one) => one.kind === kind && !one.missing);
  if (model === null) return there;
  const of = (family: string) => there.filter((one) => one.family === family);
  return model.family === UNKNOWN ? of(UNKNOWN) : [...of(model.family), ...of(UNKNOWN)];
}

/** Name the fields of a recipe, as its JSON Schema has them. */
function fieldsIn({ fields }: RecipeInfo): string[] {
  const schema = fields as { $ref?: string; $defs?: Record<string, { properties?: object }>; properties?: object };
  const name = schema.$ref?.split("/").pop();
  const held = name === undefined ? schema : schema.$defs?.[name];
  return Object.keys(held?.properties ?? {});
}
