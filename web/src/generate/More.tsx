import { NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { chosenModel } from "../state/choices";
import type { Draft } from "../state/draft";
import { problemIn } from "../state/problems";
import { useActions, useSelect } from "../state/store";
import { Check } from "../ui/Check";
import { Dial } from "../ui/Dial";
import { NumberField } from "../ui/NumberField";
import { Section } from "./Section";
import { fitting, type Ways } from "./unfit";

const SIDES = ["off", "x", "y", "both"] as const satisfies readonly Draft["seamless"][];
const DYNAMIC = ["off", "random", "combinatorial"] as const satisfies readonly Draft["dynamic"][];
const FIELDS = ["dynamic_prompts", "clip_skip", "guidance_rescale", "seamless", "vae", "exact"];

/** What is seldom set. */
export function More({ ways }: { ways: Ways }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const format = useFormat();
  const draft = useSelect((state) => state.draft);
  const models = useSelect((state) => state.models);
  const model = useSelect(chosenModel);
  const problems = useSelect((state) => state.problems);
  const vaes = fitting(models, "vae", model);
  const said = t("ui.unfit.family", { family: model?.family ?? "" });
  const unfit = (fits: boolean) => (fits ? null : said);
  const summary = [
    draft.dynamic !== "off" && t(`ui.dynamic.${draft.dynamic}`),
    draft.clipSkip > 0 && `${t("ui.clip_skip")} ${format.number(draft.clipSkip)}`,
    draft.rescale > 0 && `${t("ui.rescale")} ${format.number(draft.rescale)}`,
    draft.seamless !== "off" && `${t("ui.seamless")}: ${t(`value.seamless.${draft.seamless}`)}`,
    draft.vae !== null && draft.vae,
    draft.exact && t("ui.exact"),
  ].filter((part) => part !== false);
  return (
    <Section name="more" title={t("ui.more")} summary={summary.join(", ")} problem={problemIn(problems, ...FIELDS)}>
      <NativeSelect
        label={t("ui.dynamic")}
        description={t("ui.dynamic.help")}
        value={draft.dynamic}
        error={problems.dynamic_prompts ?? null}
        data={DYNAMIC.map((name) => ({ value: name, label: t(`ui.dynamic.${name}`) }))}
        onChange={(event) => change({ dynamic: event.currentTarget.value as Draft["dynamic"] })}
      />
      <Dial
        label={t("ui.rescale")}
        value={draft.rescale}
        min={0}
        max={1}
        reach={1}
        step={0.05}
        error={problems.guidance_rescale}
        onChange={(value) => change({ rescale: value ?? 0 })}
      />
      <div className="pair">
        <NumberField
          label={t("ui.clip_skip")}
          value={draft.clipSkip}
          min={0}
          max={12}
          error={problems.clip_skip}
          onChange={(value) => change({ clipSkip: value ?? 0 })}
        />
        <NativeSelect
          label={t("ui.seamless")}
          value={draft.seamless}
          disabled={!ways.seamless && draft.seamless === "off"}
          description={unfit(ways.seamless)}
          error={problems.seamless ?? null}
          data={SIDES.map((name) => ({ value: name, label: t(`value.seamless.${name}`) }))}
          onChange={(event) => change({ seamless: event.currentTarget.value as Draft["seamless"] })}
        />
      </div>
      <NativeSelect
        label={t("ui.vae")}
        value={draft.vae ?? ""}
        disabled={vaes.length === 0 && draft.vae === null}
        description={vaes.length === 0 ? t("ui.vae.none", { family: model?.family ?? "" }) : unfit(ways.takes("vae"))}
        error={problems.vae ?? null}
        data={[
          { value: "", label: t("ui.model_default") },
          ...[...new Set([...(draft.vae === null ? [] : [draft.vae]), ...vaes.map(({ name }) => name)])],
        ]}
        onChange={(event) => change({ vae: event.currentTarget.value || null })}
      />
      <Check
        label={t("ui.exact")}
        help={t("ui.exact.help")}
        checked={draft.exact}
        onChange={(exact) => change({ exact })}
      />
    </Section>
  );
}
