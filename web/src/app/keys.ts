import { useEffect } from "react";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

/** Name a pressed key: "ctrl+enter", "escape", "?", "s". */
export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): string {
  const key = event.key.toLowerCase();
  return event.ctrlKey || event.metaKey ? `ctrl+${key}` : event.altKey ? `alt+${key}` : key;
}

/** Say whether keys go into a field. */
export function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/** Listen for keys on the whole page; plain letters are left to whoever is typing. */
export function useKeys(keys: Keys, active = true): void {
  useEffect(() => {
    if (!active) return;
    function press(event: KeyboardEvent): void {
      const name = nameOf(event);
      const act = keys[name];
      const plain = !name.startsWith("ctrl+") && name !== "escape";
      if (!act || event.defaultPrevented || (plain && typing(event.target))) return;
      act(event);
    }
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [keys, active]);
}
