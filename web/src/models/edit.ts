import type { Model } from "../api/wire.gen";
import type { ModelChange } from "./actions";

/** What the form of a model holds. */
export type Edit = {
  name: string;
  kind: Model["kind"];
  family: string;
  trigger: string;
  description: string;
  width: number | null;
  height: number | null;
  steps: number | null;
  guidance: number | null;
  sampler: string;
};

export function editOf({ name, kind, family, trigger, description, defaults }: Model): Edit {
  return {
    name, kind, family, trigger: trigger ?? "", description: description ?? "",
    width: defaults.width, height: defaults.height, steps: defaults.steps,
    guidance: defaults.guidance_scale, sampler: defaults.sampler ?? "",
  };
}

/** Find what differs, and nothing else: what is sent stays, whatever a scan finds later. */
export function changeOf(model: Model, edit: Edit): ModelChange {
  const held = editOf(model);
  const change: ModelChange = {};
  if (edit.name.trim() !== held.name) change.name = edit.name.trim();
  if (edit.kind !== held.kind) change.kind = edit.kind;
  if (edit.family !== held.family) change.family = edit.family.trim();
  if (edit.trigger !== held.trigger) change.trigger = edit.trigger;
  if (edit.description !== held.description) change.description = edit.description;
  const drawn = ["width", "height", "steps", "guidance", "sampler"] as const;
  if (drawn.some((name) => edit[name] !== held[name])) {
    change.defaults = {
      width: edit.width, height: edit.height, steps: edit.steps, guidance_scale: edit.guidance,
      sampler: edit.sampler === "" ? null : edit.sampler,
    };
  }
  return change;
}
