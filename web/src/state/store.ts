import { createContext, use, useSyncExternalStore } from "react";
import type { Actions } from "./actions";
import type { Message, State } from "./model";
import type { Tools } from "./tools";

export type Store = {
  get: () => State;
  send: (message: Message) => void;
  /** Send more than one thing; who looks is told once, at the end. */
  together: (act: () => void) => void;
  subscribe: (listener: () => void) => () => void;
};

/** Hold one state, change it only through the reducer, and tell everybody who looks. */
export function createStore(reduce: (state: State, message: Message) => State, first: State): Store {
  let state = first;
  let told = first;
  let open = 0; // calls of `together` that have not returned
  const listeners = new Set<() => void>();

  function tell(): void {
    if (open > 0 || told === state) return;
    told = state;
    for (const listener of [...listeners]) listener();
  }

  return {
    get: () => state,
    send: (message) => {
      state = reduce(state, message);
      tell();
    },
    together: (act) => {
      open += 1;
      try {
        act();
      } finally {
        open -= 1;
        tell();
      }
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export type Studio = { store: Store; tools: Tools; actions: Actions };

export const StudioContext = createContext<Studio | null>(null);

function useStudio(): Studio {
  const studio = use(StudioContext);
  if (!studio) throw new TypeError("StudioContext is missing");
  return studio;
}

/** Read a part of the state. `select` must give the same thing for the same state. */
export function useSelect<T>(select: (state: State) => T): T {
  const { store } = useStudio();
  return useSyncExternalStore(store.subscribe, () => select(store.get()));
}

export function useActions(): Actions {
  return useStudio().actions;
}

/** Give what actions are made of. */
export function useTools(): Tools {
  return useStudio().tools;
}

const features = new WeakMap<Tools, Map<unknown, unknown>>();

/** Make a page's own actions, once: `create` is a function of the page's module. */
export function useFeature<T>(create: (tools: Tools) => T): T {
  const { tools } = useStudio();
  const made = features.get(tools) ?? new Map<unknown, unknown>();
  features.set(tools, made);
  if (!made.has(create)) made.set(create, create(tools));
  return made.get(create) as T;
}
