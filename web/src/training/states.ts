import type { Checkpoint, LossPoint, Training } from "../api/wire.gen";

/** Say whether a run waits, runs or pauses: whether it may be steered. */
export function isActive({ status }: Pick<Training, "status">): boolean {
  return status === "queued" || status === "running" || status === "paused";
}

export type Stage = {
  step: number;
  checkpoint: Checkpoint | null; // to go on from
  snapshot: Checkpoint | null; // to try and publish
  best: boolean;
  metric: number | null;
  bytes: number;
};

/** Put what is kept of each step together, the newest first. */
export function staged(kept: readonly Checkpoint[]): Stage[] {
  const stages = new Map<number, Stage>();
  for (const one of kept) {
    const stage = stages.get(one.step) ?? {
      step: one.step, checkpoint: null, snapshot: null, best: false, metric: null, bytes: 0,
    };
    stages.set(one.step, {
      ...stage, [one.kind]: one, best: stage.best || one.best,
      metric: stage.metric ?? one.metric, bytes: stage.bytes + one.bytes,
    });
  }
  return [...stages.values()].sort((one, two) => two.step - one.step);
}

/** Guess the seconds that are left from the last steps; null where nothing is known. */
export function secondsLeft({ step, steps }: Pick<Training, "step" | "steps">, points: readonly LossPoint[]): number | null {
  const last = points.slice(-20);
  if (last.length === 0 || steps <= step) return null;
  const times = last.map(({ seconds }) => seconds).sort((one, two) => one - two);
  return (times[Math.floor(times.length / 2)] ?? 0) * (steps - step);
}
