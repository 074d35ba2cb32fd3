import { createContext, use } from "react";
import type { End } from "./connect";

/** What a node may ask of the board that it stands on. */
export type Board = {
  /** Show what a loose end may be wired to, beside an element. */
  offer: (end: End, beside: Element) => void;
  /** Tell about a node type. */
  help: (type: string) => void;
};

export const BoardContext = createContext<Board>({ offer: () => undefined, help: () => undefined });

export function useBoard(): Board {
  return use(BoardContext);
}
