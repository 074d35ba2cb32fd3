import type { Board, Page } from "../api/wire.gen";
import type { Tools } from "../state/tools";

const LISTS = 50; // answers of 200 boards: all that somebody may have

/** What is done with boards; pictures are put on them by the gallery's own actions. */
export function boardActions(tools: Tools) {
  const { http, send, run, get } = tools;
  let asked = 0;

  async function load(): Promise<void> {
    if (get().boards.state === "loading") return;
    const mine = (asked += 1); // pictures may move while an answer is under way: the last one counts
    send({ type: "slice.boards.loading" });
    try {
      const boards: Board[] = [];
      let cursor: string | null = null;
      for (let turn = 0; turn < LISTS; turn += 1) {
        const page: Page<Board> = await http("/boards", { query: { limit: 200, cursor } });
        boards.push(...page.items);
        cursor = page.next;
        if (cursor === null) break;
      }
      if (mine === asked) send({ type: "slice.boards.loaded", boards });
    } catch (error) {
      send({ type: "slice.boards.failed" });
      throw error;
    }
  }

  return {
    load: () => run(load),
    /** Make a board; whoever asked goes on with it. */
    create: (name: string, then: (board: Board) => void) =>
      run(async () => {
        const board = await http<Board>("/boards", { method: "POST", json: { name } });
        then(board);
      }),
    rename: (board: Board, name: string) =>
      run(async () => {
        if (name === board.name) return;
        await http(`/boards/${board.id}`, { method: "PATCH", json: { name } });
      }),
    remove: (board: Board, images: "keep" | "trash", then: () => void) =>
      run(async () => {
        await http(`/boards/${board.id}`, { method: "DELETE", query: { images } });
        then();
      }),
  };
}
