import { Button, TextInput } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../api/http";
import { useFormat } from "../i18n/format";
import { useActions, useFeature, useSelect } from "../state/store";
import { problemsOf } from "../state/tools";
import { useDraft } from "../ui/useDraft";
import { modelsActions } from "./actions";

/** Folders of other programs whose models are used where they lie. */
export function Folders(): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { fail } = useActions();
  const { loadRoots, adopt, abandon } = useFeature(modelsActions);
  const roots = useSelect((state) => state.modelsPage.roots);
  const [ask, type, clear] = useDraft("folder", { path: "" });
  const [refused, setRefused] = useState("");
  useEffect(() => loadRoots(), [loadRoots]);

  async function send(): Promise<void> {
    try {
      await adopt(ask.path.trim());
      setRefused("");
      clear();
    } catch (error) {
      const told = Object.values(problemsOf(error) ?? {})[0];
      if (error instanceof ProblemError) setRefused(told ?? error.message);
      else fail(error);
    }
  }

  return (
    <div className="models-scroll">
      <div className="models-column">
        <form
          className="card stack"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <div className="install-ask">
            <TextInput
              label={t("ui.models.folder_path")}
              description={t("ui.models.folder_help")}
              dir="ltr"
              value={ask.path}
              error={refused || null}
              onChange={(event) => type({ path: event.currentTarget.value })}
            />
            <Button type="submit" disabled={ask.path.trim() === ""}>{t("ui.models.folder_add")}</Button>
          </div>
        </form>
        {roots?.length === 0 && <p className="quiet">{t("ui.models.no_folders")}</p>}
        <ul className="rows">
          {roots?.map((root) => (
            <li key={root.id} className="row">
              <div className="grow">
                <p className="mono" dir="ltr">{root.path}</p>
                <p className="quiet">{format.when(root.created)}</p>
              </div>
              <Button variant="default" onClick={() => abandon(root)}>{t("ui.models.folder_leave")}</Button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
