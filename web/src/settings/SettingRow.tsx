import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../api/http";
import type { SettingInfo } from "../api/wire.gen";
import { useActions, useFeature, useSelect } from "../state/store";
import { problemsOf } from "../state/tools";
import { NumberField } from "../ui/NumberField";
import { systemActions } from "./actions";
import { fieldOf, isDefault, worded, written } from "./setting";

/** One setting; those that may change while the server runs have a field. */
export function SettingRow({ setting }: { setting: SettingInfo }): ReactNode {
  const { t } = useTranslation();
  const { name, description, value, source, live } = setting;
  return (
    <div className="setting" data-changed={!isDefault(setting)}>
      <div className="grow">
        <h3>{t(`settings.${name}`, name)} <bdi className="mono quiet">{name}</bdi></h3>
        <p className="quiet">{description}</p>
        <p className="quiet setting-source">
          {t(`ui.config.source.${source}`)}
          {!isDefault(setting) && (
            <>
              {" · "}
              {t("ui.config.default")} <Value setting={setting} value={setting.default} />
            </>
          )}
        </p>
      </div>
      {live ? (
        <LiveField setting={setting} />
      ) : (
        <p className="setting-value"><Value setting={setting} value={value} /></p>
      )}
    </div>
  );
}

/** A value; one that has words is followed by how a file of settings has it. */
function Value({ setting, value }: { setting: SettingInfo; value: unknown }): ReactNode {
  const { t } = useTranslation();
  const raw = written(value);
  const words = worded(t, setting, value);
  if (raw === null) return <bdi>{t("ui.config.none")}</bdi>;
  return (
    <>
      {words !== null && <bdi>{words} </bdi>}
      <bdi className={words === null ? "mono" : "mono quiet"} dir="ltr">{raw}</bdi>
    </>
  );
}

function LiveField({ setting }: { setting: SettingInfo }): ReactNode {
  const { t } = useTranslation();
  const { fail } = useActions();
  const { set } = useFeature(systemActions);
  const languages = useSelect((state) => state.capabilities?.languages);
  const [typed, setTyped] = useState<string | number | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const { name, value } = setting;
  const label = t(`settings.${name}`, name);
  const field = fieldOf(setting, Object.keys(languages ?? {}));

  async function send(wanted: string | number): Promise<void> {
    setBusy(true);
    try {
      await set(name, wanted);
      setTyped(null);
      setWrong(null);
    } catch (error) {
      if (error instanceof ProblemError) setWrong(problemsOf(error)?.[`/${name}`] ?? error.message);
      else fail(error);
    } finally {
      setBusy(false);
    }
  }

  if (field.type === "choice") {
    return (
      <NativeSelect
        aria-label={label}
        value={String(value)}
        error={wrong}
        data={field.values.map((one) => ({ value: one, label: languages?.[one] ?? worded(t, setting, one) ?? one }))}
        onChange={(event) => void send(event.currentTarget.value)}
      />
    );
  }
  const secret = field.type === "secret";
  return (
    <form
      className="setting-field"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed !== null) void send(typed);
      }}
    >
      {field.type === "number" ? (
        <NumberField
          hidden label={label} value={typeof typed === "number" ? typed : Number(value)}
          min={field.min} max={field.max} step={field.step} error={wrong ?? undefined}
          onChange={(number) => setTyped(number)}
        />
      ) : (
        <TextInput
          aria-label={label}
          type={secret ? "password" : "text"}
          autoComplete={secret ? "new-password" : "off"}
          dir="ltr"
          placeholder={secret ? (written(value) ?? "") : ""}
          value={typed ?? (secret ? "" : (written(value) ?? ""))}
          error={wrong}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <Button type="submit" variant={typed === null || typed === value ? "default" : "filled"} loading={busy} disabled={typed === null || typed === value}>
        {t("ui.save")}
      </Button>
    </form>
  );
}
