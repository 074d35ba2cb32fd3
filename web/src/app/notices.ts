import type { Message } from "../state/model";
import type { Slice } from "../state/slice";

export type Notice = {
  number: number;
  kind: "job" | "failed" | "task" | "training" | "install";
  page: "generate" | "models" | "training";
  rest: string | null;
};

/** What ended lately and took a while; whoever looks elsewhere is told. */
export type Notices = { newest: Notice | null };

const LONG = 20; // seconds; who waited less is still there

export const notices: Slice<Notices> = { first: { newest: null }, reduce };

function reduce(held: Notices, told: Message): Notices {
  const made = noticed(told);
  return made === null ? held : { newest: { ...made, number: (held.newest?.number ?? 0) + 1 } };
}

function noticed(told: Message): Omit<Notice, "number"> | null {
  switch (told.type) {
    case "batch.ended":
      return { kind: "job", page: "generate", rest: null };
    case "job.ended":
      if (told.seconds === null || told.seconds < LONG || told.status === "canceled") return null;
      if (told.result !== null) return { kind: "task", page: "models", rest: null };
      return { kind: told.status === "succeeded" ? "job" : "failed", page: "generate", rest: null };
    case "training.ended":
      if (told.status === "canceled") return null;
      return { kind: told.status === "failed" ? "failed" : "training", page: "training", rest: told.training };
    case "model.install":
      if (told.status !== "succeeded" && told.status !== "failed") return null;
      return { kind: told.status === "failed" ? "failed" : "install", page: "models", rest: "add" };
    default:
      return null;
  }
}
