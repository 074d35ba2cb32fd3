import { useEffect, useState } from "react";
import { storage } from "../state/saved";

/** Hold what somebody types under a name, so that it survives a reload; `clear` forgets it. */
export function useDraft<T extends object>(name: string, blank: T): [T, (change: Partial<T>) => void, () => void] {
  const key = `heliograph.draft.${name}`;
  const [held, setHeld] = useState<{ key: string; value: Partial<T> }>(() => ({ key, value: read<T>(key) }));
  const value = held.key === key ? held.value : read<T>(key);

  useEffect(() => {
    if (held.key === key) write(key, held.value);
  }, [held, key]);

  return [
    { ...blank, ...value },
    (change) => setHeld({ key, value: { ...value, ...change } }),
    () => setHeld({ key, value: {} }),
  ];
}

function read<T extends object>(key: string): Partial<T> {
  try {
    const saved: unknown = JSON.parse(storage()?.getItem(key) ?? "{}");
    return typeof saved === "object" && saved !== null ? saved : {};
  } catch {
    return {};
  }
}

function write(key: string, value: object): void {
  try {
    if (Object.keys(value).length === 0) window.localStorage.removeItem(key);
    else window.localStorage.setItem(key, JSON.stringify(value));
  } catch {
    return; // full, or forbidden: the page works without
  }
}
