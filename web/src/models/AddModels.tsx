import { Button, Checkbox, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../api/http";
import { useActions, useFeature, useSelect } from "../state/store";
import { problemsOf } from "../state/tools";
import { useDraft } from "../ui/useDraft";
import { modelsActions } from "./actions";
import { InstallRow } from "./InstallRow";
import { Recommendations } from "./Recommendations";

type Ask = { source: string; name: string; in_place: boolean; sha256: string; more: boolean };

const BLANK: Ask = { source: "", name: "", in_place: false, sha256: "", more: false };

/** Get models: by name, address or path, or from a list of good ones to begin with. */
export function AddModels(): ReactNode {
  const { t } = useTranslation();
  const installs = useSelect((state) => state.modelsPage.installs);
  return (
    <div className="models-scroll">
      <div className="models-column">
        <InstallForm />
        {installs.length > 0 && (
          <section className="stack" aria-label={t("ui.models.installs")}>
            <h2>{t("ui.models.installs")}</h2>
            <ul className="rows">
              {installs.map((install) => (
                <InstallRow key={install.id} install={install} />
              ))}
            </ul>
          </section>
        )}
        <Recommendations />
      </div>
    </div>
  );
}

function InstallForm(): ReactNode {
  const { t } = useTranslation();
  const { fail } = useActions();
  const { install } = useFeature(modelsActions);
  const [ask, type, clear] = useDraft<Ask>("install", BLANK);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const path = /^([/~\\]|[a-z]:)/i.test(ask.source.trim()) && !/^https?:/i.test(ask.source.trim());
  const address = /^https?:\/\//i.test(ask.source.trim());

  async function send(): Promise<void> {
    setBusy(true);
    try {
      await install({
        source: ask.source.trim(), name: ask.name.trim() || null,
        in_place: path && ask.in_place, sha256: address && ask.sha256.trim() ? ask.sha256.trim() : null,
      });
      setProblems({});
      clear();
    } catch (error) {
      const told = problemsOf(error);
      if (told && Object.keys(told).length > 0) setProblems(told);
      else if (error instanceof ProblemError) setProblems({ "/source": error.message });
      else fail(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form
      className="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div className="install-ask">
        <TextInput
          label={t("ui.models.install_source")}
          description={t("ui.models.install_help")}
          placeholder="hf:owner/name"
          dir="ltr"
          spellCheck={false}
          autoComplete="off"
          value={ask.source}
          error={problems["/source"] ?? problems[""] ?? problems["/in_place"] ?? null}
          onChange={(event) => type({ source: event.currentTarget.value })}
        />
        <Button type="submit" loading={busy} disabled={ask.source.trim() === ""}>
          {t("ui.models.install")}
        </Button>
      </div>
      {(ask.name !== "" || ask.source.trim() !== "") && (
        <div className="pair">
          <TextInput label={t("ui.models.install_name")} placeholder={t("ui.models.install_name_hint")} value={ask.name}
            maxLength={100} error={problems["/name"]} onChange={(event) => type({ name: event.currentTarget.value })} />
          {address && (
            <TextInput label={t("ui.models.install_sha")} dir="ltr" value={ask.sha256} error={problems["/sha256"]}
              onChange={(event) => type({ sha256: event.currentTarget.value })} />
          )}
        </div>
      )}
      {path && (
        <Checkbox label={t("ui.models.install_in_place")} checked={ask.in_place}
          onChange={(event) => type({ in_place: event.currentTarget.checked })} />
      )}
    </form>
  );
}
