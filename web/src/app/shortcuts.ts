import type { Page } from "./route";

type Place = "everywhere" | Page;
export type Shortcut = { keys: readonly string[]; words: string };

/** Every shortcut, by the page that it works on. */
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
    ],
  },
  {
    place: "gallery",
    keys: [
      { keys: ["←", "→", "↑", "↓"], words: "ui.key.move" },
      { keys: ["Enter"], words: "ui.key.open" },
      { keys: ["S"], words: "ui.key.star" },
      { keys: ["B"], words: "ui.key.board" },
      { keys: ["C"], words: "ui.key.compare" },
      { keys: ["D"], words: "ui.key.download" },
      { keys: ["Delete"], words: "ui.key.delete" },
    ],
  },
  {
    place: "canvas",
    keys: [
      { keys: ["Ctrl", "Enter"], words: "ui.key.fill_box" },
      { keys: ["[", "]"], words: "ui.key.brush_size" },
      { keys: ["0"], words: "ui.key.fit" },
      { keys: ["Ctrl", "Z"], words: "ui.key.undo" },
      { keys: ["Ctrl", "Y"], words: "ui.key.redo" },
      { keys: ["Ctrl", "S"], words: "ui.key.save" },
      { keys: ["Enter"], words: "ui.key.accept" },
      { keys: ["Esc"], words: "ui.key.discard" },
    ],
  },
  {
    place: "workflow",
    keys: [
      { keys: ["Ctrl", "Enter"], words: "ui.key.run" },
      { keys: ["/"], words: "ui.key.add_node" },
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
];
