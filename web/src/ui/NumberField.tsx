import { TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";

type Props = {
  label: string;
  value: number | null;
  min: number;
  max: number;
  step?: number;
  placeholder?: string;
  error?: string | undefined;
  hidden?: boolean; // the label is said and not shown
  onChange: (value: number | null) => void;
};

/** A number that may be empty. What is typed stands; leaving the field brings it into range. */
export function NumberField(props: Props): ReactNode {
  const { label, value, min, max, step = 1, placeholder = "", error, hidden = false } = props;
  const [typed, setTyped] = useState<string | null>(null);

  function settle(): void {
    if (typed !== null) props.onChange(fit(typed, min, max, step));
    setTyped(null);
  }

  return (
    <TextInput
      type="number"
      inputMode={step % 1 === 0 ? "numeric" : "decimal"}
      {...(hidden ? { "aria-label": label } : { label })}
      className="number"
      value={typed ?? value ?? ""}
      min={min}
      max={max}
      step={step}
      placeholder={placeholder}
      error={error ?? null}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setTyped(text);
        const number = Number(text);
        if (text !== "" && number >= min && number <= max && fit(text, min, max, step) === number) {
          props.onChange(number);
        }
      }}
      onBlur={settle}
      onKeyDown={(event) => {
        if (event.key === "Enter") settle();
      }}
    />
  );
}

/** Bring a typed number into range and onto its grid; null for none. */
export function fit(text: string, min: number, max: number, step: number): number | null {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) return null;
  const snapped = Math.round(number / step) * step;
  const decimals = String(step).split(".")[1]?.length ?? 0;
  return Number(Math.min(max, Math.max(min, snapped)).toFixed(decimals));
}
