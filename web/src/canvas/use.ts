import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useFeature, useSelect } from "../state/store";
import { tileOf } from "../state/tiles";
import { canvasActions, type CanvasActions } from "./actions";
import type { Mode } from "./compose";
import type { Work } from "./easel";
import { glance } from "./render";
import { loadPicture } from "./pictures";
import type { Staged } from "./screen";

export function useCanvas(): CanvasActions {
  return useFeature(canvasActions);
}

/** Read a part of the work. `select` must give the same thing for the same work. */
export function useWork<T>(select: (work: Work) => T): T {
  const { easel } = useCanvas();
  return useSyncExternalStore(easel.subscribe, () => select(easel.get()));
}

const CALM = 150; // milliseconds without a change before the box is looked at

/** Say what the box would ask for, once the hand rests. */
export function useMode(): Mode {
  const { easel } = useCanvas();
  const scene = useWork((work) => work.history.now);
  const [mode, setMode] = useState<Mode>("txt2img");
  useEffect(() => {
    const timer = window.setTimeout(() => setMode(glance(scene, scene.document.box)), CALM);
    return () => window.clearTimeout(timer);
  }, [scene, easel]);
  return mode;
}

/** Load the result that is shown, or its preview, for the stage. */
export function useStaged(): Staged | null {
  const staging = useSelect((state) => state.canvas.staging);
  const job = staging?.jobs[staging.shown];
  const url = useSelect((state) => {
    const tile = job === undefined ? undefined : tileOf(state, job);
    const image = tile?.images[0];
    return image === undefined ? (tile?.preview ?? null) : `/api/v1/images/${image}/file`;
  });
  const [held, setHeld] = useState<{ job: string; picture: CanvasImageSource } | null>(null);
  useEffect(() => {
    if (url === null || job === undefined) return;
    let left = false;
    loadPicture(url).then(
      (picture) => {
        if (!left) setHeld({ job, picture });
      },
      () => undefined, // a preview that was revoked: the next one comes
    );
    return () => {
      left = true;
    };
  }, [job, url]);
  const box = staging?.box;
  return useMemo(
    () => (box && held !== null && held.job === job ? { picture: held.picture, box } : null),
    [box, held, job],
  );
}
