import { useEffect, useMemo } from "react";
import { chosenModel } from "../../state/choices";
import { useFeature, useSelect } from "../../state/store";
import { generateActions } from "../actions";
import { fitting } from "../unfit";
import type { Names } from "./completion";

/** Give the names that a prompt can hold, with the model that is chosen; loaded once they are asked for. */
export function useNames(): Names {
  const models = useSelect((state) => state.models);
  const model = useSelect(chosenModel);
  const wildcards = useSelect((state) => state.generate.wildcards);
  const presets = useSelect((state) => state.generate.presets);
  return useMemo(() => {
    const named = (kind: "lora" | "embedding") => fitting(models, kind, model).map(({ name }) => name);
    return {
      lora: named("lora"), embedding: named("embedding"), wildcard: wildcards,
      style: presets.map(({ name }) => name),
    };
  }, [models, model, wildcards, presets]);
}

/** Load styles and wildcards, and again after facts were lost. */
export function useListed(): void {
  const listed = useSelect((state) => state.generate.listed);
  const away = useSelect((state) => state.line !== "open" || state.signedOut);
  const { load } = useFeature(generateActions);
  useEffect(() => {
    if (!away && (listed === "idle" || listed === "stale")) load();
  }, [listed, away, load]);
}
