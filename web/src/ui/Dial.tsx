import { Slider } from "@mantine/core";
import type { ReactNode } from "react";
import { NumberField } from "./NumberField";

type Props = {
  label: string;
  value: number;
  min: number;
  max: number; // of the number
  reach: number; // of the slider: the part that is used
  low?: number; // where the slider begins, if not at `min`
  step: number;
  error?: string | undefined;
  onChange: (value: number | null) => void;
};

/** A slider for the hand and a number for the exact value. */
export function Dial({ label, value, min, max, reach, low, step, error, onChange }: Props): ReactNode {
  return (
    <div className="dial">
      <span className="label" aria-hidden="true">
        {label}
      </span>
      <Slider
        size="sm"
        min={low ?? min}
        max={reach}
        step={step}
        value={Math.min(Math.max(value, low ?? min), reach)}
        onChange={onChange}
        label={null}
        thumbLabel={label}
      />
      <NumberField hidden label={label} value={value} min={min} max={max} step={step} error={error} onChange={onChange} />
    </div>
  );
}
