import { useEffect } from "react";
import { useFeature, useSelect } from "../state/store";
import { taughtAs } from "./base";
import type { Whole } from "./held";
import { setActions } from "./setActions";

const SOON = 300; // milliseconds: files arrive in bursts, and each changes the set

/** Hold a dataset open: it is read, and read anew when it changed or when the draft makes something else of it. */
export function useSet(id: string | null): Whole | undefined {
  const { open } = useFeature(setActions);
  const whole = useSelect((state) => (id === null ? undefined : state.training.whole[id]));
  const wanted = useSelect(taughtAs);
  const state = whole?.state ?? "idle";
  const old = state === "stale" || (state === "ready" && whole?.taughtAs !== wanted);
  useEffect(() => {
    if (id === null || (state !== "idle" && !old)) return;
    const timer = window.setTimeout(() => open(id), old ? SOON : 0);
    return () => window.clearTimeout(timer);
  }, [open, id, state, old]);
  return whole;
}
