import { Button, NativeSelect, SegmentedControl } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { askToNotify, mayNotify } from "../app/notify";
import type { Theme } from "../state/model";
import { useActions, useSelect } from "../state/store";

const THEMES: readonly Theme[] = ["dark", "light", "auto"];
const LOCAL = "local"; // who sits at the machine and needs no token

/** Language, theme, notifications, and who is signed in. */
export function General(): ReactNode {
  const { t, i18n } = useTranslation();
  const { prefer } = useActions();
  const languages = useSelect((state) => state.capabilities?.languages);
  const theme = useSelect((state) => state.preferences.theme);
  const known = languages ?? { [i18n.language]: t("language.name") };
  return (
    <>
      <section className="stack card">
        <NativeSelect
          label={t("ui.language")}
          value={i18n.language}
          data={Object.entries(known).map(([value, label]) => ({ value, label }))}
          onChange={(event) => prefer({ language: event.currentTarget.value })}
        />
        <div>
          <span className="label" id="theme">
            {t("ui.theme")}
          </span>
          <SegmentedControl
            fullWidth
            aria-labelledby="theme"
            transitionDuration={120}
            value={theme}
            data={THEMES.map((value) => ({ value, label: t(`ui.theme.${value}`) }))}
            onChange={(value) => prefer({ theme: value as Theme })}
          />
        </div>
      </section>
      <Notifying />
      <Guiding />
      <Who />
    </>
  );
}

function Notifying(): ReactNode {
  const { t } = useTranslation();
  const { prefer } = useActions();
  const wanted = useSelect((state) => state.preferences.notify);
  const [refused, setRefused] = useState(false);

  async function turn(): Promise<void> {
    if (wanted) {
      prefer({ notify: false });
      return;
    }
    const granted = await askToNotify();
    setRefused(!granted);
    if (granted) prefer({ notify: true });
  }

  return (
    <section className="card row-wide">
      <div className="grow">
        <h2>{t("ui.notify.title")}</h2>
        <p className="quiet">{t(refused || !mayNotify() ? "ui.notify.refused" : "ui.notify.help")}</p>
      </div>
      <Button variant="default" aria-pressed={wanted} disabled={!mayNotify()} onClick={() => void turn()}>
        {t(wanted ? "ui.notify.off" : "ui.notify.on")}
      </Button>
    </section>
  );
}

function Guiding(): ReactNode {
  const { t } = useTranslation();
  const { prefer } = useActions();
  return (
    <section className="card row-wide">
      <p className="quiet grow">{t("ui.guide.again_help")}</p>
      <Button component="a" href="#/generate" variant="default" onClick={() => prefer({ guide: 1 })}>
        {t("ui.guide.again")}
      </Button>
    </section>
  );
}

function Who(): ReactNode {
  const { t } = useTranslation();
  const { signOut } = useActions();
  const session = useSelect((state) => state.systemPage.session);
  if (session === null || session.owner === LOCAL) return null;
  return (
    <section className="card row-wide">
      <div className="grow">
        <h2>
          <bdi>{session.owner}</bdi>
        </h2>
        <p className="quiet">{session.scopes.map((scope) => t(`ui.scope.${scope}`, scope)).join(", ")}</p>
        <p className="quiet">{t("ui.sign_out_help")}</p>
      </div>
      <Button variant="default" onClick={signOut}>
        {t("ui.sign_out")}
      </Button>
    </section>
  );
}
