import { ActionIcon, NativeSelect, TextInput } from "@mantine/core";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { go, hashOf } from "../app/route";
import { checkpoints } from "../state/choices";
import { problemsOf } from "../state/tools";
import { useFeature, useSelect, useTools } from "../state/store";
import { Icon } from "../ui/icons";
import { DatasetSelect } from "./DatasetSelect";
import { bodyOf, runsOf } from "./draft";
import { Drop } from "./Drop";
import { BELOW } from "./FieldView";
import { fieldsOf, grouped, type Field } from "./fields";
import { Groups } from "./Groups";
import { PlanCard } from "./PlanCard";
import { RecipeFile } from "./RecipeFile";
import { runActions } from "./runActions";
import { setActions } from "./setActions";
import { SweepFields } from "./SweepFields";
import { Uploads } from "./Uploads";
import { usePlan } from "./usePlan";
import { useSet } from "./useSet";

const METHODS = ["lora", "full", "dora", "lokr", "embedding", "pivotal"] as const;
const NONE: Field[] = [];
const STRIP = 24; // pictures that are shown in the form

/** A new training: pictures, the few choices that matter first, all others, and the live plan. */
export function NewTraining(): ReactNode {
  const { t } = useTranslation();
  const { run } = useTools();
  const { train, draft: change } = useFeature(runActions);
  const draft = useSelect((state) => state.training.draft);
  const models = useSelect((state) => state.models);
  const count = useSelect(({ training: { sets, whole, draft: { dataset } } }) =>
    (sets.find(({ id }) => id === dataset) ?? whole[dataset ?? ""]?.dataset)?.count ?? 0);
  const fields = useFields();
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<{ of: string; problems: Record<string, string> } | null>(null);
  const numeric = (setting: string) => fields.some(({ name, kind }) => name === setting && (kind === "whole" || kind === "number"));
  const body = bodyOf(draft, numeric);
  const { plan, problems: planned, busy: planning } = usePlan(body, draft.dataset !== null && count > 0 && fields.length > 0, count);
  const written = JSON.stringify(body);
  const problems = refused?.of === written ? { ...planned, ...refused.problems } : planned;
  const foreign = draft.base_model !== null && models?.every(({ id, name }) => id !== draft.base_model && name !== draft.base_model);

  function send(): void {
    setBusy(true);
    run(async () => {
      try {
        const asked = await train(body);
        go("training", asked.training);
      } catch (error) {
        const told = problemsOf(error);
        if (!told) throw error;
        setRefused({ of: written, problems: told });
      } finally {
        setBusy(false);
      }
    });
  }

  return (
    <form
      className="teach"
      onSubmit={(event) => {
        event.preventDefault();
        if (draft.dataset !== null && draft.class_word.trim() !== "" && !busy) send();
      }}
    >
      <div className="teach-fields">
        <Pictures error={problems["/dataset"] ?? null} />
        {draft.branch && (
          <p className="teach-branch">
            <span className="grow">{t("ui.training.branch_of", { name: draft.branch.name, step: draft.branch.step })}</span>
            <ActionIcon variant="subtle" color="gray" aria-label={t("ui.training.branch_drop")} onClick={() => change({ branch: null })}>
              <Icon name="close" />
            </ActionIcon>
          </p>
        )}
        <div className="teach-pair">
          <TextInput
            {...BELOW}
            label={t("ui.training.token")}
            description={t("ui.training.token_help")}
            value={draft.token}
            maxLength={64}
            error={problems["/token"] ?? null}
            onChange={(event) => change({ token: event.currentTarget.value })}
          />
          <TextInput
            {...BELOW}
            label={t("ui.training.class")}
            description={t("ui.training.class_help")}
            placeholder={t("ui.training.class_hint")}
            value={draft.class_word}
            maxLength={100}
            error={problems["/class_word"] ?? null}
            onChange={(event) => change({ class_word: event.currentTarget.value })}
          />
        </div>
        <div className="teach-pair">
          <NativeSelect
            label={t("ui.training.base")}
            value={draft.base_model ?? ""}
            error={problems["/base_model"] ?? null}
            onChange={(event) => change({ base_model: event.currentTarget.value || null })}
          >
            <option value="">{t("ui.training.base_own")}</option>
            {foreign && <option value={draft.base_model ?? ""}>{draft.base_model}</option>}
            {checkpoints(models).map((model) => (
              <option key={model.id} value={draft.base_model === model.name ? model.name : model.id}>{model.name}</option>
            ))}
          </NativeSelect>
          <TextInput
            label={t("ui.training.name")}
            placeholder={`${draft.token} ${draft.class_word}`.trim()}
            value={draft.name}
            maxLength={100}
            error={problems["/name"] ?? null}
            onChange={(event) => change({ name: event.currentTarget.value })}
          />
        </div>
        <NativeSelect
          label={t("ui.training.method")}
          description={t(`ui.method.${draft.method}.about`)}
          {...BELOW}
          value={draft.method}
          error={problems["/method"] ?? null}
          onChange={(event) => change({ method: event.currentTarget.value as typeof draft.method })}
        >
          {METHODS.map((method) => (
            <option key={method} value={method}>{t(`value.method.${method}`)}</option>
          ))}
        </NativeSelect>
        <Groups groups={grouped(fields)} problems={problems} resolved={plan?.recipe ?? null} />
        <SweepFields fields={fields} problems={problems} />
        <RecipeFile />
      </div>
      <PlanCard pictures={count} plan={plan} planning={planning} problems={problems} runs={runsOf(draft)} busy={busy} />
    </form>
  );
}

/** The pictures of the form: a set is chosen, or dropped right here. */
function Pictures({ error }: { error: string | null }): ReactNode {
  const { t } = useTranslation();
  const { add, create, run } = useFeature(setActions);
  const chosen = useSelect((state) => state.training.draft.dataset);
  const whole = useSet(chosen);

  function take(files: File[]): void {
    if (files.length === 0) return;
    if (chosen !== null) add(chosen, files);
    else run(async () => add(await create(t("ui.dataset.first_name")), files));
  }

  const dataset = whole?.dataset;
  const first = whole?.pictures.held[0]?.items ?? [];
  return (
    <section className="teach-pictures">
      <DatasetSelect error={error} />
      <Drop className="teach-drop" label={t("ui.dataset.add")} onFiles={take}>
        {first.length > 0 ? (
          <ul className="teach-strip">
            {first.slice(0, STRIP).map((image) => (
              <li key={image.id} data-held-out={image.held_out}>
                <img src={image.thumbnail_url} alt={image.caption ?? image.file} loading="lazy" />
              </li>
            ))}
          </ul>
        ) : (
          <p className="quiet">{t("ui.dataset.drop_hint")}</p>
        )}
      </Drop>
      {dataset && (
        <p className="teach-set">
          <a href={hashOf("training", "datasets", dataset.id)}>{t("ui.dataset.edit")}</a>
          {dataset.quarantined_count > 0 && (
            <span className="quiet"> · {t("ui.dataset.aside", { count: dataset.quarantined_count })}</span>
          )}
        </p>
      )}
      {chosen !== null && <Uploads dataset={chosen} />}
    </section>
  );
}

/** Read the recipe's schema, once in each language. */
function useFields(): Field[] {
  const { i18n } = useTranslation();
  const { schema } = useFeature(runActions);
  const { fail } = useTools();
  const [held, setHeld] = useState<unknown>(null);
  useEffect(() => {
    const stop = new AbortController();
    schema(stop.signal).then(setHeld, fail);
    return () => stop.abort();
  }, [schema, fail, i18n.language]);
  return useMemo(() => (held === null ? NONE : fieldsOf(held)), [held]);
}
