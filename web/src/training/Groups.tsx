import { ActionIcon } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Recipe } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { FieldView } from "./FieldView";
import { shown as written, type Field, type Group } from "./fields";
import { runActions } from "./runActions";

type Props = {
  groups: [Group, Field[]][];
  problems: Record<string, string>;
  resolved: Recipe | null;
};

/** All other fields of the recipe, in groups that open. */
export function Groups({ groups, problems, resolved }: Props): ReactNode {
  const { t } = useTranslation();
  return (
    <section className="groups" aria-label={t("ui.training.recipe")}>
      {groups.map(([group, fields]) => (
        <Folded key={group} group={group} fields={fields} problems={problems} resolved={resolved} />
      ))}
    </section>
  );
}

function Folded({ group, fields, problems, resolved }: { group: Group; fields: Field[] } & Omit<Props, "groups">): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useFeature(runActions);
  const held = useSelect((state) => state.training.draft.fields);
  const [open, setOpen] = useState(false);
  const faults = fields.filter(({ name }) => faultOf(problems, name) !== null).length;
  const isChanged = ({ name, fallback }: Field) => name in held && written(held[name]) !== written(fallback);
  const changed = fields.filter(isChanged).length;
  const shown = open || faults > 0;

  function set(name: string, value: unknown): void {
    const rest = Object.fromEntries(Object.entries(held).filter(([other]) => other !== name));
    change({ fields: value === undefined ? rest : { ...rest, [name]: value } });
  }

  return (
    <div className="group">
      <button type="button" className="group-head" aria-expanded={shown} onClick={() => setOpen(!shown)}>
        <Icon name={shown ? "down" : "next"} />
        <span>{t(`ui.recipe.group.${group}`)}</span>
        <span className="grow quiet group-about">{t(`ui.recipe.group.${group}.about`)}</span>
        {changed > 0 && <span className="tag">{t("ui.recipe.changed", { count: changed })}</span>}
      </button>
      {shown && (
        <div className="group-fields">
          {fields.map((field) => (
            <div key={field.name} className="group-field" data-changed={isChanged(field)}>
              <FieldView
                field={field}
                value={held[field.name]}
                resolved={resolved ? (resolved as Record<string, unknown>)[field.name] : undefined}
                error={faultOf(problems, field.name)}
                onChange={(value) => set(field.name, value)}
              />
              {isChanged(field) && (
                <ActionIcon
                  className="field-reset"
                  variant="subtle"
                  color="gray"
                  size="sm"
                  aria-label={t("ui.recipe.reset")}
                  title={t("ui.recipe.reset")}
                  onClick={() => set(field.name, undefined)}
                >
                  <Icon name="again" />
                </ActionIcon>
              )}
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

/** Find what is wrong with a field, or within it. */
export function faultOf(problems: Record<string, string>, name: string): string | null {
  const found = Object.entries(problems).find(([pointer]) => pointer.split("/")[1] === name);
  return found?.[1] ?? null;
}
