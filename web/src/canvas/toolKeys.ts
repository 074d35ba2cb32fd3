import type { Tool } from "./easel";

/** The letter that takes each tool up, in the order of the toolbar. */
export const TOOL_KEYS: Record<Tool, string> = {
  move: "v", box: "c", brush: "b", eraser: "e", lasso: "l", rect: "u", fill: "g", picker: "i", pan: "h",
};

/** The keys of the brush's opacity, as they lie on a keyboard. */
export const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"] as const;
