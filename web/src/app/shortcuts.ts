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
      { keys: ["D"], words: "ui.key.download" },
      { keys: ["Delete"], words: "ui.key.delete" },
    ],
  },
];
