/** Read what is held under a name of somebody's choice: "constructor" is a name too, and every object has one. */
export function own<T>(held: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(held, name) ? held[name] : undefined;
}
