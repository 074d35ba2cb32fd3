import type { Store } from "../state/store";
import type { Words } from "../state/tools";
import { go } from "./route";

const NAME = "Heliograph";

/** Say whether this browser can show notifications here at all. */
export function mayNotify(): boolean {
  return typeof Notification !== "undefined" && window.isSecureContext && Notification.permission !== "denied";
}

/** Ask for the right to notify; only ever after a click. */
export async function askToNotify(): Promise<boolean> {
  return mayNotify() && (await Notification.requestPermission()) === "granted";
}

/** Tell whoever looks elsewhere that something ended: a number in the title, and a notification. */
export function watchNotices(store: Store, t: Words): () => void {
  let told = store.get().notices.newest?.number ?? 0;
  let unseen = 0;

  function title(): void {
    document.title = unseen > 0 ? `(${unseen}) ${NAME}` : NAME;
  }

  function look(): void {
    if (document.hidden) return;
    unseen = 0;
    title();
  }

  const leave = store.subscribe(() => {
    const { notices: { newest }, preferences } = store.get();
    if (newest === null || newest.number === told) return;
    const fresh = newest.number - told; // what ended together is told together
    told = newest.number;
    if (!document.hidden) return;
    unseen += fresh;
    title();
    if (!preferences.notify || !mayNotify() || Notification.permission !== "granted") return;
    const shown = new Notification(NAME, { body: t(`ui.notify.${newest.kind}`), icon: "/icons/192.png", tag: newest.kind });
    shown.onclick = () => {
      window.focus();
      go(newest.page, ...(newest.rest === null ? [] : [newest.rest]));
      shown.close();
    };
  });
  document.addEventListener("visibilitychange", look);
  return () => {
    leave();
    document.removeEventListener("visibilitychange", look);
  };
}
