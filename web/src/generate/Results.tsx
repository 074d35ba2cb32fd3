import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { hashOf } from "../app/route";
import type { Group } from "../state/model";
import { useActions, useSelect } from "../state/store";
import { FIELDS, type Field } from "./axes";
import { TileView } from "./TileView";

const EXAMPLES = ["ui.example.1", "ui.example.2", "ui.example.3"] as const;

/** What was asked for, newest first; each picture stays where its first preview was. */
export function Results(): ReactNode {
  const groups = useSelect((state) => state.groups);
  const loaded = useSelect((state) => state.loaded);
  if (groups.length === 0) return loaded ? <Empty /> : <div className="results-scroll" aria-busy="true" />;
  return (
    <div className="results-scroll">
      <div className="tiles">
        {groups.map((group) => (
          <Fragment key={group.id}>
            {group.axes.length > 0 && <GridHead group={group} />}
            {group.jobs.map((job) => (
              <TileView key={job} job={job} width={group.width} height={group.height} />
            ))}
          </Fragment>
        ))}
      </div>
    </div>
  );
}

/** Above the pictures of a grid: what it varies, and the way to its table. */
function GridHead({ group }: { group: Group }): ReactNode {
  const { t } = useTranslation();
  const axes = group.axes.map((name) => (name in FIELDS ? t(`ui.field.${name as Field}`) : name));
  return (
    <p className="grid-head">
      <span dir="auto">{group.axes.join() === "prompt" ? t("ui.grid.each_prompt") : t("ui.grid.of", { axes: axes.join(" × ") })}</span>
      <a href={hashOf("gallery", "batch", group.id)}>{t("ui.grid.table")}</a>
    </p>
  );
}

/** The first visit: three prompts to click. */
export function Empty(): ReactNode {
  const { t } = useTranslation();
  const { draft: change, generate } = useActions();
  return (
    <div className="results-scroll empty">
      <h1>{t("ui.empty.title")}</h1>
      <p>{t("ui.empty.text")}</p>
      <ul className="examples">
        {EXAMPLES.map((key) => (
          <li key={key}>
            <button
              type="button"
              dir="ltr"
              lang="en"
              onClick={() => {
                change({ prompt: t(key) });
                generate();
              }}
            >
              {t(key)}
            </button>
          </li>
        ))}
      </ul>
      <p className="quiet">{t("ui.empty.keys")}</p>
    </div>
  );
}
