import type { ReactNode } from "react";

type Props = { label: string; share: number; live?: boolean; hidden?: boolean };

/** A thin bar that shows how much of something is done, or taken. */
export function Meter({ label, share, live = false, hidden = false }: Props): ReactNode {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div
      className="meter"
      data-live={live}
      {...(hidden
        ? { "aria-hidden": true }
        : {
            role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100,
            "aria-valuenow": percent,
          })}
    >
      <div style={{ inlineSize: `${percent}%` }} />
    </div>
  );
}
