import { EMPTY_DRAFT, type Core, type State } from "./model";
import { firstSlices } from "./slices";

const CORE: Core = {
  seq: null,
  recent: [],
  line: "connecting",
  signedOut: false,
  loaded: false,
  capabilities: null,
  system: null,
  engine: null,
  queue: { counts: {}, paused: false, reason: null, eta_seconds: null },
  reasons: [],
  tiles: {},
  groups: [],
  others: [],
  images: {},
  models: null,
  draft: EMPTY_DRAFT,
  preferences: { language: null, theme: "dark", model: null, notify: false, guide: 0 },
  sending: false,
  problems: {},
  toasts: [],
  memory: null,
};

/** The state before anything was said. */
export const EMPTY_STATE: State = { ...CORE, ...firstSlices() };
