import type { CountedWords, Planned } from "../api/wire.gen";
import { chosenModel, enqueue } from "../state/choices";
import type { Draft } from "../state/draft";
import { formProblems } from "../state/problems";
import { problemsOf, type Tools } from "../state/tools";
import { faultOf, sweepOf } from "./axes";

const APART = ["seed", "seedLocked", "open", "negativeOpen"]; // what no answer depends on
const PAUSE = 350; // milliseconds without a change

/**
 * Ask what the draft would come to, whenever it has come to rest: pictures, seconds, problems, and
 * how long its prompt is for the model. A newer change makes an older question void.
 */
export function plannerOf(tools: Tools): { watch: () => () => void } {
  const { store, http } = tools;
  let asking: AbortController | null = null;
  let timer: number | null = null;
  let last: unknown[] = [];

  function soon(): void {
    const key = keyOf();
    if (key.every((part, at) => part === last[at])) return;
    last = key;
    asking?.abort();
    if (timer !== null) window.clearTimeout(timer);
    timer = window.setTimeout(() => void ask(), PAUSE);
  }

  /** Give all that an answer depends on; the pace is asked for until it is known. */
  function keyOf(): unknown[] {
    const { draft, models, line, queue, generate } = store.get();
    const unknown = generate.plan !== null && generate.plan.seconds === null;
    const rest = Object.entries(draft).filter(([name]) => !APART.includes(name)).map(([, value]) => value);
    return [...rest, models, line === "open", unknown ? queue.counts.succeeded : null];
  }

  async function ask(): Promise<void> {
    timer = null;
    const { draft } = store.get();
    const mine = (asking = new AbortController());
    if (draft.prompt.trim() === "" || faultOf(draft.grid) !== null) {
      store.send({ type: "slice.generate.plan", plan: null });
      if (draft.prompt.trim() === "") store.send({ type: "slice.generate.words", words: null });
      return;
    }
    await Promise.all([plan(draft, mine.signal), count(draft, mine.signal)]);
  }

  async function plan(draft: Draft, signal: AbortSignal): Promise<void> {
    const json = enqueue(draft, chosenModel(store.get()), draft.seed, sweepOf(draft.grid));
    try {
      const found = await http<Planned>("/jobs/plan", { method: "POST", json, signal });
      store.send({ type: "slice.generate.plan", plan: found });
      store.send({ type: "local.problems", problems: {} });
    } catch (error) {
      if (signal.aborted) return;
      store.send({ type: "slice.generate.plan", plan: null });
      const problems = problemsOf(error);
      if (problems) store.send({ type: "local.problems", problems: formProblems(problems) });
    }
  }

  async function count(draft: Draft, signal: AbortSignal): Promise<void> {
    const json = { prompt: draft.prompt, model: chosenModel(store.get())?.name ?? null };
    try {
      const words = await http<CountedWords>("/prompts/count", { method: "POST", json, signal });
      store.send({ type: "slice.generate.words", words });
    } catch {
      if (!signal.aborted) store.send({ type: "slice.generate.words", words: null });
    }
  }

  return {
    watch: () => {
      last = [];
      soon();
      const leave = store.subscribe(soon);
      return () => {
        leave();
        asking?.abort();
        if (timer !== null) window.clearTimeout(timer);
        timer = null;
      };
    },
  };
}
