import { useEffect, useState } from "react";
import type { Plan, Train } from "../api/wire.gen";
import { problemsOf } from "../state/tools";
import { useFeature, useTools } from "../state/store";
import { runActions } from "./runActions";

const REST = 350; // milliseconds without a change before the server is asked

export type Planned = { plan: Plan | null; problems: Record<string, string>; busy: boolean };

/** Plan what is typed, live: the newest request wins, the last plan stays in sight meanwhile. */
export function usePlan(body: Train, ready: boolean, pictures: number): Planned {
  const { plan } = useFeature(runActions);
  const { fail } = useTools();
  const [held, setHeld] = useState<Omit<Planned, "busy"> & { of: string }>({ plan: null, problems: {}, of: "" });
  const asked = `${JSON.stringify(body)} ${pictures}`;
  useEffect(() => {
    if (!ready) return;
    const stop = new AbortController();
    const timer = window.setTimeout(() => {
      plan(JSON.parse(asked.slice(0, asked.lastIndexOf(" "))) as Train, stop.signal).then(
        (made) => setHeld({ plan: made, problems: {}, of: asked }),
        (error: unknown) => {
          if (stop.signal.aborted) return;
          const problems = problemsOf(error);
          if (problems) setHeld((before) => ({ ...before, problems, of: asked }));
          else fail(error);
        },
      );
    }, REST);
    return () => {
      window.clearTimeout(timer);
      stop.abort();
    };
  }, [asked, ready, plan, fail]);
  return ready
    ? { plan: held.plan, problems: held.problems, busy: held.of !== asked }
    : { plan: null, problems: {}, busy: false };
}
