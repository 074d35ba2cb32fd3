import { ProblemError, type Http } from "../api/http";
import type { Message, Part, State } from "./model";
import type { Store } from "./store";

export type Words = (key: string, params?: Record<string, unknown>) => string;

/** What every action is made of. */
export type Tools = {
  store: Store;
  http: Http;
  t: Words;
  get: () => State;
  send: (message: Message) => void;
  toast: (text: string, undo?: (() => void) | null, tone?: "plain" | "error") => void;
  untoast: (id: number) => void;
  /** Ask for a part of the state, and tell the answer; facts that come meanwhile are not lost. */
  fill: <T>(part: Part, ask: () => Promise<T>, tell: (answer: T) => void) => Promise<T>;
  /** Show what went wrong. */
  fail: (error: unknown) => void;
  /** Run something whose failure is shown and not thrown. */
  run: (work: () => Promise<unknown>) => void;
};

const TOAST = 6000; // milliseconds; an undo stays twice as long

export function createTools(store: Store, http: Http, t: Words): Tools {
  let toasts = 0;

  function untoast(id: number): void {
    store.send({ type: "local.untoast", id });
  }

  function toast(text: string, undo: (() => void) | null = null, tone: "plain" | "error" = "plain") {
    const id = (toasts += 1);
    const said = undo ? undefined : store.get().toasts.find((held) => held.text === text && !held.undo);
    if (said) untoast(said.id); // what is said again is not said twice
    store.send({ type: "local.toast", toast: { id, tone, text, undo } });
    window.setTimeout(() => untoast(id), undo || tone === "error" ? TOAST * 2 : TOAST);
  }

  function fail(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof ProblemError)) {
      toast(t("ui.unreachable"), null, "error");
    } else if (error.problem.status === 401) {
      store.send({ type: "local.signed_out", value: true });
    } else {
      toast(error.message, null, "error");
    }
  }

  async function fill<T>(part: Part, ask: () => Promise<T>, tell: (answer: T) => void): Promise<T> {
    const since = store.get().seq;
    const answer = await ask();
    tell(answer);
    store.send({ type: "local.again", part, since });
    return answer;
  }

  return {
    store, http, t, toast, untoast, fill, fail,
    get: store.get,
    send: store.send,
    run: (work) => void work().catch(fail),
  };
}

/** Read a refused request's problems: JSON pointer ("/loras/0/weight") → words; null for others. */
export function problemsOf(error: unknown): Record<string, string> | null {
  if (!(error instanceof ProblemError) || error.problem.status !== 422) return null;
  return Object.fromEntries(error.problem.errors.map((item) => [item.pointer, item.message]));
}
