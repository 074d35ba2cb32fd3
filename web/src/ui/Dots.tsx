import type { ReactNode } from "react";

/** Short facts in a row. Each keeps its own direction, so a right-to-left page reads them in order. */
export function Dots({ parts }: { parts: readonly (string | null | undefined | false)[] }): ReactNode {
  const shown = parts.filter((part): part is string => Boolean(part));
  return (
    <>
      {shown.map((part, index) => (
        <span key={index}>
          {index > 0 && " · "}
          <bdi>{part}</bdi>
        </span>
      ))}
    </>
  );
}
