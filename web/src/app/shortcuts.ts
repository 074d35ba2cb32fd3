import { DIGITS, TOOL_KEYS } from "../canvas/toolKeys";
import type { Page } from "./route";

type Place = "everywhere" | Page;
/** Keys that are pressed together where the first is held down, else each of them alone. */
export type Shortcut = { keys: readonly string[]; words: string };

const HELD = ["Ctrl", "Shift", "Alt"];

/** Name the presses of a shortcut as handlers do: "ctrl+enter", "arrowleft", "s". */
export function pressesOf({ keys }: Shortcut): string[] {
  const held = keys.filter((key) => HELD.includes(key)).map((key) => `${key.toLowerCase()}+`).join("");
  return keys.filter((key) => !HELD.includes(key)).map((key) => held + (NAMES[key] ?? key.toLowerCase()));
}

const NAMES: Record<string, string> = {
  "←": "arrowleft", "→": "arrowright", "↑": "arrowup", "↓": "arrowdown", Esc: "escape", Space: " ",
};

/** Every shortcut, by the page that it works on; a test holds the list to what the pages handle. */
export const SHORTCUTS: readonly { place: Place; keys: readonly Shortcut[] }[] = [
  {
    place: "everywhere",
    keys: [
      { keys: ["?"], words: "ui.key.help" },
      { keys: ["Tab"], words: "ui.key.tab" },
      { keys: ["/"], words: "ui.key.search" },
    ],
  },
  {
    place: "generate",
    keys: [
      { keys: ["Ctrl", "Enter"], words: "ui.key.generate" },
      { keys: ["Esc"], words: "ui.key.cancel" },
      { keys: ["Ctrl", "↑", "↓"], words: "ui.key.weight" },
      { keys: ["Alt", "↑", "↓"], words: "ui.key.older" },
      { keys: ["↑", "↓", "Home", "End"], words: "ui.key.line" },
    ],
  },
  {
    place: "gallery",
    keys: [
      { keys: ["←", "→", "↑", "↓"], words: "ui.key.move" },
      { keys: ["Enter"], words: "ui.key.open" },
      { keys: ["Space"], words: "ui.key.select" },
      { keys: ["Shift", "←", "→", "↑", "↓"], words: "ui.key.select_more" },
      { keys: ["Ctrl", "A"], words: "ui.gallery.select_all" },
      { keys: ["Esc"], words: "ui.gallery.select_none" },
      { keys: ["S"], words: "ui.key.star" },
      { keys: ["B"], words: "ui.key.board" },
      { keys: ["C"], words: "ui.key.compare" },
      { keys: ["D"], words: "ui.key.download" },
      { keys: ["Delete"], words: "ui.key.delete" },
      { keys: ["+", "-"], words: "ui.key.zoom" },
      { keys: ["0"], words: "ui.key.fit" },
      { keys: ["1"], words: "ui.key.real_size" },
    ],
  },
  {
    place: "canvas",
    keys: [
      ...Object.entries(TOOL_KEYS).map(([tool, key]) => ({ keys: [key.toUpperCase()], words: `ui.canvas.tool.${tool}` })),
      { keys: ["[", "]"], words: "ui.key.brush_size" },
      { keys: ["Shift", "[", "]"], words: "ui.key.brush_hardness" },
      { keys: [...DIGITS], words: "ui.key.brush_opacity" },
      { keys: ["Space"], words: "ui.key.pan" },
      { keys: ["+", "-"], words: "ui.key.zoom" },
      { keys: ["F"], words: "ui.key.fit" },
      { keys: ["Ctrl", "Enter"], words: "ui.key.fill_box" },
      { keys: ["←", "→"], words: "ui.key.other_result" },
      { keys: ["X"], words: "ui.canvas.below" },
      { keys: ["Enter"], words: "ui.key.accept" },
      { keys: ["Esc"], words: "ui.key.discard" },
      { keys: ["F2", "Delete"], words: "ui.key.layer" },
      { keys: ["Alt", "↑", "↓"], words: "ui.key.layer_move" },
      { keys: ["Ctrl", "Z"], words: "ui.key.undo" },
      { keys: ["Ctrl", "Y"], words: "ui.key.redo" },
      { keys: ["Ctrl", "S"], words: "ui.key.save" },
    ],
  },
  {
    place: "workflow",
    keys: [
      { keys: ["Ctrl", "Enter"], words: "ui.key.run" },
      { keys: ["Esc"], words: "ui.key.stop" },
      { keys: ["/"], words: "ui.key.add_node" },
      { keys: ["Delete"], words: "ui.key.remove" },
      { keys: ["Ctrl", "A"], words: "ui.gallery.select_all" },
      { keys: ["Ctrl", "C"], words: "ui.key.copy" },
      { keys: ["Ctrl", "V"], words: "ui.key.paste" },
      { keys: ["Ctrl", "D"], words: "ui.key.duplicate" },
      { keys: ["Ctrl", "G"], words: "ui.key.group" },
      { keys: ["N"], words: "ui.key.note" },
      { keys: ["L"], words: "ui.key.arrange" },
      { keys: ["F"], words: "ui.key.fit" },
      { keys: ["Ctrl", "Z"], words: "ui.key.undo" },
      { keys: ["Ctrl", "Y"], words: "ui.key.redo" },
      { keys: ["Ctrl", "S"], words: "ui.key.save" },
    ],
  },
  {
    place: "training",
    keys: [
      { keys: ["Esc"], words: "ui.key.ask_stop" },
      { keys: ["←", "→", "↑", "↓"], words: "ui.key.samples" },
      { keys: ["Ctrl", "Enter"], words: "ui.key.caption_keep" },
      { keys: ["Esc"], words: "ui.key.caption_back" },
    ],
  },
];
