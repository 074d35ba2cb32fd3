import type { ReactNode } from "react";

const PATHS = {
  generate: "M12 3l1.800 5.200L19 10l-5.200 1.800L12 17l-1.800-5.200L5 10l5.200-1.800zM18.500 16l.8 2.200 2.200.8-2.200.8-.8 2.200-.8-2.200-2.200-.8 2.200-.8z",
  gallery: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  canvas: "M4 20l4-1L19 8l-3-3L5 16zM14 7l3 3M13 20h7",
  workflow: "M4 4h6v5H4zM14 15h6v5h-6zM10 6.500h3a3 3 0 013 3V15",
  training: "M3 9l9-4.500L21 9l-9 4.500zM7 11.200V16c3 2.500 7 2.500 10 0v-4.800M21 9v5.500",
  models: "M12 3l8 4.500v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9",
  settings: "M4 7h9M19 7h1M4 17h1M11 17h9M16 4.500v5M8 14.500v5",
  star: "M12 4l2.500 5.100 5.600.8-4 4 .9 5.600-5-2.700-5 2.700.9-5.600-4-4 5.600-.8z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.500 11v5M13.500 11v5",
  dice: "M5 5h14v14H5zM9 9h.01M15 9h.01M12 12h.01M9 15h.01M15 15h.01",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 017 0v3",
  unlock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 016.600-1.600",
  close: "M6 6l12 12M18 6L6 18",
  download: "M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 20h14",
  next: "M9 5l7 7-7 7",
  previous: "M15 5l-7 7 7 7",
  down: "M6 9.500l6 6 6-6",
  up: "M6 14.500l6-6 6 6",
  grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
  styles: "M4 7h10M4 12h7M4 17h5M17 11l1.200 3.300 3.300 1.200-3.300 1.200-1.200 3.300-1.200-3.300-3.300-1.200 3.300-1.200z",
  clock: "M12 4a8 8 0 110 16 8 8 0 010-16zM12 8v4.500l3 2",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  again: "M5 12a7 7 0 107-7H8M11 2L8 5l3 3",
  search: "M10.500 4a6.500 6.500 0 110 13 6.500 6.500 0 010-13zM15.500 15.500L20 20",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9.500h.01",
  help: "M9 9a3 3 0 114.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500h.01",
  undo: "M9 14L4.500 9.500 9 5M5 9.500h9.500a5 5 0 010 10H11",
  redo: "M15 14l4.500-4.500L15 5M19 9.500H9.500a5 5 0 000 10H13",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  larger: "M10.500 4a6.500 6.500 0 110 13 6.500 6.500 0 010-13zM15.500 15.500L20 20M8 10.500h5M10.500 8v5",
  smaller: "M10.500 4a6.500 6.500 0 110 13 6.500 6.500 0 010-13zM15.500 15.500L20 20M8 10.500h5",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  arrange: "M4 4h6v6H4zM14 4h6v6h-6zM14 14h6v6h-6zM10 7h4M12 7v10h2",
  note: "M5 4h14v10l-5 6H5zM14 20v-6h5M8.500 8.500h7M8.500 12h4",
  group: "M4 7V4h3M17 4h3v3M20 17v3h-3M7 20H4v-3M8 8h8v8H8z",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  folder: "M3 6h6l2 2.500h10V19H3z",
  save: "M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6",
  upload: "M12 15V4M7.500 8.500L12 4l4.500 4.500M5 20h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  form: "M5 4h14v16H5zM8.500 8.500h7M8.500 12h7M8.500 15.500h4",
  stop: "M6 6h12v12H6z",
  check: "M5 12.500l4.500 4.500L19 7.500",
} as const;

export type IconName = keyof typeof PATHS;

/** Draw an icon; its control carries the words. `mirrored` ones point along the line of reading. */
export function Icon({ name, filled = false }: { name: IconName; filled?: boolean }): ReactNode {
  const mirrored = name === "next" || name === "previous" || name === "again" || name === "play";
  return (
    <svg
      className={mirrored ? "icon mirrored" : "icon"}
      viewBox="0 0 24 24"
      fill={filled ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
