import { useEffect } from "react";

/**
 * Give the focus back to where it came from once a dialog is gone.
 *
 * A dialog that is taken off the page takes the focus along, and whoever works by keys would begin
 * at the top again. One pair of eyes for all of them: whoever opens a dialog need not think of it.
 */
export function useFocusReturn(): void {
  useEffect(() => {
    const before = new Map<Element, HTMLElement>(); // dialogs that are open → where the focus was
    let last: HTMLElement | null = null;

    function seen({ target }: FocusEvent): void {
      if (!(target instanceof HTMLElement)) return;
      const dialog = target.closest("[role=dialog]");
      if (dialog && last && !before.has(dialog) && !dialog.contains(last)) before.set(dialog, last);
      last = target;
    }

    const gone = new MutationObserver(() => {
      for (const [dialog, place] of [...before].reverse()) {
        if (dialog.isConnected) continue;
        before.delete(dialog);
        if (document.activeElement === document.body && place.isConnected) place.focus({ preventScroll: true });
      }
    });
    document.addEventListener("focusin", seen);
    gone.observe(document.body, { childList: true, subtree: true });
    return () => {
      document.removeEventListener("focusin", seen);
      gone.disconnect();
    };
  }, []);
}
