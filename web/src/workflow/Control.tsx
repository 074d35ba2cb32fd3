import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { sayValue } from "../i18n/values";
import { drawSeed } from "../state/choices";
import { useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { ImageControl } from "./ImageControl";
import { ListControl } from "./ListControl";
import type { Field } from "./schema";

export type ControlProps = {
  field: Field;
  id: string; // of the element, for its label
  label: string;
  value: unknown;
  faulty: boolean;
  describedBy?: string | undefined;
  fresh?: boolean | undefined; // a seed that is drawn anew for each run
  onFresh?: (() => void) | undefined;
  onChange: (value: unknown) => void;
};

/** The control of one setting, by its kind. What is typed is passed on as it is: the check says what is wrong. */
export function Control(props: ControlProps): ReactNode {
  const { field, id, value, faulty, describedBy, onChange } = props;
  const { t } = useTranslation();
  const shared = {
    id, className: "wf-input nodrag", "aria-invalid": faulty || undefined, "aria-describedby": describedBy,
  };
  switch (field.kind) {
    case "boolean":
      return (
        <input
          {...shared}
          className="wf-check nodrag"
          type="checkbox"
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      );
    case "enum":
      return (
        <Choose {...props} options={field.values.map((name) => [name, sayValue(field.words, name)])} />
      );
    case "listed":
      return <Listed {...props} of={field.of} />;
    case "model":
      return <ModelChoice {...props} of={field.of} />;
    case "image":
      return <ImageControl {...props} />;
    case "list":
      return <ListControl {...props} field={field} />;
    case "number":
      return (
        <NumberControl {...props} min={field.min} max={field.max} step={field.step} />
      );
    case "seed":
      return (
        <span className="wf-seed">
          <NumberControl {...props} min={0} max={field.max} step={1} />
          {props.onFresh && (
            <button
              type="button"
              className="wf-mini nodrag"
              aria-pressed={props.fresh === true}
              aria-label={t(props.fresh ? "ui.seed_lock" : "ui.seed_unlock")}
              title={t(props.fresh ? "ui.seed_lock" : "ui.seed_unlock")}
              onClick={props.onFresh}
            >
              <Icon name={props.fresh ? "dice" : "lock"} />
            </button>
          )}
          {!props.onFresh && (
            <button
              type="button"
              className="wf-mini nodrag"
              aria-label={t("ui.seed_draw")}
              title={t("ui.seed_draw")}
              onClick={() => onChange(drawSeed())}
            >
              <Icon name="dice" />
            </button>
          )}
        </span>
      );
    case "text":
      return field.long ? (
        <textarea
          {...shared}
          className="wf-input wf-long nodrag nowheel"
          rows={3}
          dir="auto"
          value={words(value)}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      ) : (
        <input
          {...shared}
          type="text"
          dir="auto"
          value={words(value)}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    case "raw":
      return <RawControl {...props} />;
  }
}

type NumberProps = ControlProps & { min: number | null; max: number | null; step: number | null };

function NumberControl({ field, id, value, faulty, describedBy, fresh, min, max, step, onChange }: NumberProps): ReactNode {
  const { t } = useTranslation();
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <input
      id={id}
      className="wf-input nodrag"
      type="number"
      inputMode={step === 1 ? "numeric" : "decimal"}
      aria-invalid={faulty || undefined}
      aria-describedby={describedBy}
      value={typed ?? words(value)}
      {...(min === null ? {} : { min })}
      {...(max === null ? {} : { max })}
      step={step ?? "any"}
      placeholder={fresh ? t("ui.seed_random") : undefined}
      onChange={(event) => {
        const text = event.currentTarget.value;
        const number = Number(text);
        setTyped(text);
        if (text.trim() === "") onChange(field.nullable ? null : undefined);
        else if (Number.isFinite(number)) onChange(number);
      }}
      onBlur={() => setTyped(null)}
    />
  );
}

function Listed({ of, ...props }: ControlProps & { of: "samplers" | "schedules" }): ReactNode {
  const { t } = useTranslation();
  const names = useSelect((state) => state.workflow.catalogue?.[of]);
  const options = (names ?? []).map((name) => [name, name === "default" ? t("ui.model_default") : name] as const);
  return <Choose {...props} options={options} />;
}

function ModelChoice({ of, ...props }: ControlProps & { of: string }): ReactNode {
  const models = useSelect((state) => state.models);
  const named = (models ?? []).filter((model) => model.kind === of);
  const held = named.find(({ id, name, file, source }) => [id, name, file, source].includes(words(props.value)));
  const options = named.map(({ name }) => [name, name] as const);
  return <Choose {...props} value={held?.name ?? props.value} options={options} />;
}

type Options = readonly (readonly [string, string])[];

function Choose({ field, id, value, faulty, describedBy, options, onChange }: ControlProps & { options: Options }): ReactNode {
  const { t } = useTranslation();
  const held = words(value);
  const known = held === "" || options.some(([name]) => name === held);
  return (
    <select
      id={id}
      className="wf-input nodrag"
      aria-invalid={faulty || undefined}
      aria-describedby={describedBy}
      value={held}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        onChange(chosen !== "" ? chosen : field.nullable ? null : undefined);
      }}
    >
      {(field.nullable || held === "") && <option value="">{t(field.nullable ? "ui.workflow.none" : "ui.workflow.choose")}</option>}
      {!known && <option value={held}>{t("ui.workflow.not_here", { name: held })}</option>}
      {options.map(([name, label]) => (
        <option key={name} value={name}>{label}</option>
      ))}
    </select>
  );
}

/** Anything else, as JSON; passed on when it can be read. */
function RawControl({ id, value, faulty, describedBy, onChange }: ControlProps): ReactNode {
  const [typed, setTyped] = useState<string | null>(null);
  const [broken, setBroken] = useState(false);
  return (
    <textarea
      id={id}
      className="wf-input wf-code nodrag nowheel"
      dir="ltr"
      rows={2}
      aria-invalid={faulty || broken || undefined}
      aria-describedby={describedBy}
      value={typed ?? JSON.stringify(value ?? null)}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setTyped(text);
        try {
          onChange(JSON.parse(text));
          setBroken(false);
        } catch {
          setBroken(true);
        }
      }}
      onBlur={() => {
        if (!broken) setTyped(null);
      }}
    />
  );
}

function words(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
