import { ActionIcon, Button, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Model } from "../api/wire.gen";
import { hashOf } from "../app/route";
import { useActions, useFeature, useSelect } from "../state/store";
import { problemsOf } from "../state/tools";
import { Dots } from "../ui/Dots";
import { Icon } from "../ui/icons";
import { NumberField } from "../ui/NumberField";
import { useDraft } from "../ui/useDraft";
import { modelsActions } from "./actions";
import { Cover } from "./Cover";
import { CoverDialog } from "./CoverDialog";
import { changeOf, editOf, type Edit } from "./edit";
import { KINDS } from "./listing";
import { ModelFactsList } from "./ModelFactsList";
import { ModelVerbs } from "./ModelVerbs";

/** One model: what is known of it, what people say of it, and what can be done with it. */
export function Details({ model }: { model: Model }): ReactNode {
  const { t } = useTranslation();
  const [choosing, setChoosing] = useState(false);
  return (
    <article className="details" aria-label={t("ui.details")}>
      <header className="details-head">
        <ActionIcon
          className="details-back"
          component="a"
          href={hashOf("models")}
          variant="subtle"
          size="lg"
          aria-label={t("ui.models.back")}
        >
          <Icon name="previous" />
        </ActionIcon>
        <button
          className="cover-button"
          type="button"
          aria-label={t("ui.models.choose_cover")}
          title={t("ui.models.choose_cover")}
          onClick={() => setChoosing(true)}
        >
          <Cover model={model} large />
        </button>
        <div className="grow">
          <h2>
            <bdi>{model.name}</bdi>
          </h2>
          <p className="quiet">
            <Dots parts={[t(`ui.kind.${model.kind}`), model.family, model.edition]} />
          </p>
          {model.missing && <p className="wrong">{t("ui.models.gone_help")}</p>}
        </div>
      </header>
      <ModelVerbs model={model} />
      <EditForm model={model} />
      <ModelFactsList model={model} />
      {choosing && <CoverDialog model={model} onClose={() => setChoosing(false)} />}
    </article>
  );
}

function EditForm({ model }: { model: Model }): ReactNode {
  const { t } = useTranslation();
  const { fail } = useActions();
  const { change } = useFeature(modelsActions);
  const samplers = useSelect((state) => state.capabilities?.sampling[model.family]?.samplers ?? state.capabilities?.samplers);
  const [edit, type, clear] = useDraft<Edit>(`model.${model.id}`, editOf(model));
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [saving, setSaving] = useState(false);
  const wanted = changeOf(model, edit);
  const changed = Object.keys(wanted).length > 0;
  const draws = edit.kind === "checkpoint";

  async function save(): Promise<void> {
    setSaving(true);
    try {
      await change(model.id, wanted);
      setProblems({});
      clear();
    } catch (error) {
      const told = problemsOf(error);
      if (told) setProblems(told);
      else fail(error);
    } finally {
      setSaving(false);
    }
  }

  return (
    <form
      className="stack card"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <TextInput label={t("ui.models.name")} value={edit.name} maxLength={200} dir="auto"
        error={problems["/name"]} onChange={(event) => type({ name: event.currentTarget.value })} />
      <div className="pair">
        <NativeSelect label={t("ui.models.kind")} value={edit.kind}
          data={KINDS.map((kind) => ({ value: kind, label: t(`ui.kind.${kind}`) }))}
          onChange={(event) => type({ kind: event.currentTarget.value as Model["kind"] })} />
        <TextInput label={t("ui.models.family")} value={edit.family} error={problems["/family"]}
          onChange={(event) => type({ family: event.currentTarget.value })} />
      </div>
      <TextInput label={t("ui.models.trigger")} value={edit.trigger} maxLength={512} dir="auto"
        error={problems["/trigger"]} onChange={(event) => type({ trigger: event.currentTarget.value })} />
      <Textarea label={t("ui.models.note")} value={edit.description} maxLength={4096} rows={3} dir="auto"
        error={problems["/description"]} onChange={(event) => type({ description: event.currentTarget.value })} />
      {draws && (
        <fieldset className="defaults">
          <legend className="label">{t("ui.models.defaults")}</legend>
          <NumberField label={t("ui.width")} value={edit.width} min={64} max={4096} step={8}
            error={problems["/defaults/width"]} onChange={(width) => type({ width })} />
          <NumberField label={t("ui.height")} value={edit.height} min={64} max={4096} step={8}
            error={problems["/defaults/height"]} onChange={(height) => type({ height })} />
          <NumberField label={t("ui.steps")} value={edit.steps} min={1} max={500}
            error={problems["/defaults/steps"]} onChange={(steps) => type({ steps })} />
          <NumberField label={t("ui.guidance")} value={edit.guidance} min={0} max={50} step={0.1}
            error={problems["/defaults/guidance_scale"]} onChange={(guidance) => type({ guidance })} />
          <NativeSelect label={t("ui.sampler")} value={edit.sampler}
            data={[{ value: "", label: t("ui.models.unsaid") }, ...(samplers ?? []).map((name) => ({ value: name, label: name }))]}
            error={problems["/defaults/sampler"]} onChange={(event) => type({ sampler: event.currentTarget.value })} />
        </fieldset>
      )}
      {changed && (
        <div className="bar">
          <Button type="submit" loading={saving} disabled={edit.name.trim() === ""}>
            {t("ui.save")}
          </Button>
          <Button variant="default" onClick={() => {
            clear();
            setProblems({});
          }}>
            {t("ui.discard")}
          </Button>
        </div>
      )}
    </form>
  );
}
