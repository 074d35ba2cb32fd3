import type {
  DatasetChanged, TrainingChanged, TrainingCheckpoint, TrainingEnded, TrainingLoss, TrainingPaused,
  TrainingSample, TrainingStarted, TrainingWarned,
} from "../api/wire.gen";
import type { State } from "../state/model";
import { grown } from "./curve";
import { change, open, reread, SAMPLES, staled, without, withoutSet, type Held } from "./held";

export type Told =
  | TrainingStarted | TrainingLoss | TrainingSample | TrainingCheckpoint | TrainingPaused
  | TrainingWarned | TrainingEnded | TrainingChanged | DatasetChanged;

/** Follow what the socket tells of trainings and datasets. */
export function fact(held: Held, told: Told, state: State): Held {
  switch (told.type) {
    case "training.started":
      return change(held, told.training, { status: "running", step: told.step, steps: told.steps, job: told.job, ended: null });
    case "training.loss": {
      const last = told.points.at(-1);
      if (!last) return held;
      const known = held.runs.find(({ id }) => id === told.training);
      const status = known?.status === "queued" ? { status: "running" as const } : {};
      return open(
        change(held, told.training, { step: last.step, loss: last.loss, ...status }),
        told.training, ({ points }) => ({ points: grown(points, told.points) }),
      );
    }
    case "training.sample": {
      const { training, step, image, prompt, role } = told;
      const seed = state.images[image]?.seed ?? 0;
      return open(held, training, ({ samples }) =>
        samples.some((one) => one.image === image)
          ? {}
          : { samples: [{ training, step, image, prompt, role, seed }, ...samples].slice(0, SAMPLES) },
      );
    }
    case "training.checkpoint": // its size is not told: the list is read anew
      return open(held, told.training, (opened) => ({ keptState: staled(opened.keptState) }));
    case "training.paused":
      return change(held, told.training, { status: told.paused ? "paused" : "running", step: told.step });
    case "training.warned": {
      const run = held.runs.find(({ id }) => id === told.training);
      if (!run) return held;
      if (run.warnings.some((one) => JSON.stringify(one) === JSON.stringify(told.warning))) return held;
      return change(held, run.id, { warnings: [...run.warnings, told.warning].slice(-100) });
    }
    case "training.ended":
      return reread(change(held, told.training, { status: told.status, step: told.step, model: told.model }), told.training);
    case "training.changed":
      return told.deleted ? without(held, told.training) : reread(held, told.training);
    case "dataset.changed": {
      if (told.deleted) return withoutSet(held, told.dataset);
      const setsState = staled(held.setsState);
      const whole = held.whole[told.dataset];
      if (!whole) return setsState === held.setsState ? held : { ...held, setsState };
      return { ...held, setsState, whole: { ...held.whole, [told.dataset]: { ...whole, state: staled(whole.state) } } };
    }
    default:
      told satisfies never;
      return held;
  }
}

