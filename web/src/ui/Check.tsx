import type { ReactNode } from "react";

type Props = { label: string; help?: string; checked: boolean; disabled?: boolean; onChange: (checked: boolean) => void };

/** A thing that is on or off, in one line with what it means. */
export function Check({ label, help, checked, disabled = false, onChange }: Props): ReactNode {
  return (
    <label className="check" data-disabled={disabled || undefined}>
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span>
        {label}
        {help && <small>{help}</small>}
      </span>
    </label>
  );
}
