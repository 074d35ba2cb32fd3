import type { Board } from "../api/wire.gen";
import type { Message } from "../state/model";
import type { Loaded, Slice } from "../state/slice";

/** The boards with their counts; counts are the server's, so they are asked for anew when pictures move. */
export type Boards = { items: Board[]; state: Loaded };

export type BoardsLocal =
  | { type: "slice.boards.loading" }
  | { type: "slice.boards.failed" }
  | { type: "slice.boards.loaded"; boards: Board[] };

export const boards: Slice<Boards> = { first: { items: [], state: "idle" }, reduce };

function reduce(held: Boards, told: Message): Boards {
  switch (told.type) {
    case "slice.boards.loading":
      return { ...held, state: "loading" };
    case "slice.boards.failed":
      return { ...held, state: "failed" };
    case "slice.boards.loaded":
      return held.state === "loading" ? { items: told.boards, state: "ready" } : { ...held, items: told.boards };
    case "local.hello":
      return told.fresh ? stale(held) : held;
    case "board.changed":
      if (!told.deleted) return stale(held);
      return { ...stale(held), items: held.items.filter(({ id }) => id !== told.board) };
    case "import.changed":
      return told.added > 0 ? stale(held) : held;
    case "image.added":
      return told.image.board === null ? held : stale(held);
    case "image.changed":
    case "image.deleted":
      return held.items.length > 0 ? stale(held) : held;
    default:
      return held;
  }
}

function stale(held: Boards): Boards {
  return held.state === "idle" || held.state === "stale" ? held : { ...held, state: "stale" };
}
