import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "../ui/icons";
import { Control, type ControlProps } from "./Control";
import { isRecord } from "./doc";
import { wordsOf } from "./names";
import { emptyOf, valueOf, type Field } from "./schema";

type Props = ControlProps & { field: Extract<Field, { kind: "list" }> };

/** A list of things that have fields of their own: LoRAs and their weights. */
export function ListControl({ field, id, label, value, faulty, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const items = Array.isArray(value) ? value.map((item: unknown) => (isRecord(item) ? item : {})) : [];
  const put = (place: number, item: Record<string, unknown>) =>
    onChange(items.map((held, index) => (index === place ? item : held)));
  return (
    <ul className="wf-list" aria-label={label} id={id}>
      {items.map((item, place) => (
        <li key={place}>
          {field.fields.map((part) => {
            const partId = `${id}-${place}-${part.name}`;
            const words = wordsOf(t, part.name);
            return (
              <div key={part.name} className="wf-part">
                <label htmlFor={partId} title={part.help}>{words}</label>
                <Control
                  field={part}
                  id={partId}
                  label={words}
                  value={valueOf(part, item)}
                  faulty={faulty}
                  onChange={(made) => {
                    const next = Object.fromEntries(Object.entries(item).filter(([name]) => name !== part.name));
                    put(place, made === undefined ? next : { ...next, [part.name]: made });
                  }}
                />
              </div>
            );
          })}
          <button
            type="button"
            className="wf-mini nodrag"
            aria-label={t("ui.workflow.remove_item", { place: place + 1 })}
            title={t("ui.workflow.remove_item", { place: place + 1 })}
            onClick={() => onChange(items.filter((_, index) => index !== place))}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
      {items.length < (field.most ?? Infinity) && (
        <li>
          <button
            type="button"
            className="wf-add nodrag"
            onClick={() => {
              const blank = field.fields.flatMap((part) => {
                const empty = part.required ? emptyOf(part) : undefined;
                return empty === undefined ? [] : [[part.name, empty] as const];
              });
              onChange([...items, Object.fromEntries(blank)]);
            }}
          >
            <Icon name="plus" />
            {t("ui.workflow.add_item", { what: label })}
          </button>
        </li>
      )}
    </ul>
  );
}
