import { Button, Checkbox, TextInput } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../api/http";
import type { Token } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useActions, useFeature, useSelect } from "../state/store";
import { problemsOf } from "../state/tools";
import { Confirm } from "../ui/Confirm";
import { Dots } from "../ui/Dots";
import { systemActions } from "./actions";

const SCOPES = ["read", "generate", "train", "admin"] as const satisfies readonly Token["scopes"][number][];

/** Who may use the server from elsewhere, and what they may do. */
export function Tokens(): ReactNode {
  const { t } = useTranslation();
  const { loadTokens, revoke } = useFeature(systemActions);
  const tokens = useSelect((state) => state.systemPage.tokens);
  const [leaving, setLeaving] = useState<Token | null>(null);
  useEffect(() => loadTokens(), [loadTokens]);
  return (
    <>
      <Make />
      {tokens?.length === 0 && <p className="quiet">{t("ui.tokens.none")}</p>}
      <ul className="rows">
        {tokens?.map((token) => (
          <Line key={token.id} token={token} onRevoke={() => setLeaving(token)} />
        ))}
      </ul>
      {leaving !== null && (
        <Confirm
          title={t("ui.tokens.revoke_title", { name: leaving.name })}
          text={t("ui.tokens.revoke_help")}
          act={t("ui.tokens.revoke")}
          onAct={() => revoke(leaving)}
          onClose={() => setLeaving(null)}
        />
      )}
    </>
  );
}

function Line({ token, onRevoke }: { token: Token; onRevoke: () => void }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <li className="row">
      <div className="grow">
        <h2>
          <bdi>{token.name}</bdi>
        </h2>
        <p className="quiet">{token.scopes.map((scope) => t(`ui.scope.${scope}`)).join(", ")}</p>
        <p className="quiet">
          <Dots
            parts={[
              t("ui.tokens.made", { when: format.when(token.created) }),
              token.last_used === null ? t("ui.tokens.unused") : t("ui.tokens.used", { when: format.when(token.last_used) }),
            ]}
          />
        </p>
      </div>
      <Button variant="default" aria-label={t("ui.tokens.revoke_name", { name: token.name })} onClick={onRevoke}>
        {t("ui.tokens.revoke")}
      </Button>
    </li>
  );
}

function Make(): ReactNode {
  const { t } = useTranslation();
  const { fail } = useActions();
  const { makeToken, copy } = useFeature(systemActions);
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly string[]>(["read", "generate"]);
  const [wrong, setWrong] = useState<string | null>(null);
  const [made, setMade] = useState<string | null>(null);

  async function send(): Promise<void> {
    try {
      setMade(await makeToken(name.trim(), scopes));
      setName("");
      setWrong(null);
    } catch (error) {
      if (error instanceof ProblemError) setWrong(Object.values(problemsOf(error) ?? {})[0] ?? error.message);
      else fail(error);
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
      <h2>{t("ui.tokens.new")}</h2>
      <p className="quiet">{t("ui.tokens.help")}</p>
      <TextInput label={t("ui.tokens.name")} value={name} maxLength={64} error={wrong} placeholder={t("ui.tokens.name_hint")}
        onChange={(event) => setName(event.currentTarget.value)} />
      <fieldset className="scopes">
        <legend className="label">{t("ui.tokens.scopes")}</legend>
        {SCOPES.map((scope) => (
          <Checkbox
            key={scope}
            label={t(`ui.scope.${scope}`)}
            checked={scopes.includes(scope)}
            onChange={(event) =>
              setScopes(event.currentTarget.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))
            }
          />
        ))}
      </fieldset>
      <div className="bar">
        <Button type="submit" disabled={name.trim() === "" || scopes.length === 0}>{t("ui.tokens.make")}</Button>
      </div>
      {made !== null && (
        <div className="made" role="status">
          <p>{t("ui.tokens.once")}</p>
          <div className="bar">
            <output className="mono grow" dir="ltr">{made}</output>
            <Button variant="default" onClick={() => copy(made)}>{t("ui.copy")}</Button>
            <Button variant="default" onClick={() => setMade(null)}>{t("ui.tokens.kept")}</Button>
          </div>
        </div>
      )}
    </form>
  );
}
