import { Button, Modal } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../api/http";
import type { Inspected } from "../api/wire.gen";
import { useFeature } from "../state/store";
import { pictureActions } from "./pictureActions";
import { uploadActions } from "./uploadActions";

const CAP = 32 << 20; // bytes
const PROGRAMS: Record<string, string> = {
  a1111: "AUTOMATIC1111", comfyui: "ComfyUI", heliograph: "Heliograph", invokeai: "InvokeAI", swarmui: "SwarmUI",
  fooocus: "Fooocus", novelai: "NovelAI",
};

/** What a picture of any program says of how it was made; nothing of it is stored. */
export function Inspect({ file, onClose }: { file: File; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { inspect, takeMade } = useFeature(pictureActions);
  const { add } = useFeature(uploadActions);
  const [told, setTold] = useState<Inspected | null>(null);
  const [refused, setRefused] = useState(file.size > CAP ? t("ui.upload.large", { limit: CAP >> 20 }) : "");
  useEffect(() => {
    let gone = file.size > CAP;
    if (gone) return;
    inspect(file).then(
      (answer) => !gone && setTold(answer),
      (error: unknown) => !gone && setRefused(error instanceof ProblemError ? error.message : t("ui.unreachable")),
    );
    return () => {
      gone = true;
    };
  }, [file, inspect, t]);
  return (
    <Modal opened onClose={onClose} title={<bdi>{file.name}</bdi>} closeButtonProps={{ "aria-label": t("ui.close") }} centered size="lg">
      <div className="stack inspect" aria-busy={told === null && !refused}>
        {refused && <p className="problem" role="alert">{refused}</p>}
        {told && !told.made && <p>{t("ui.inspect.nothing")}</p>}
        {told?.made && <Made told={told} />}
        <div className="pair">
          <Button variant="default" disabled={Boolean(refused)} onClick={() => {
            add([file]);
            onClose();
          }}>
            {t("ui.upload.add")}
          </Button>
          <Button disabled={!told?.made} onClick={() => {
            if (told) takeMade(told);
          }}>
            {t("ui.inspect.use")}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

function Made({ told }: { told: Inspected }): ReactNode {
  const { t } = useTranslation();
  const made = told.made;
  if (!made) return null;
  const facts: [string, string | number | null][] = [
    ["ui.inspect.program", [PROGRAMS[made.source] ?? made.source, made.version].filter(Boolean).join(" ")],
    ["ui.model", made.model],
    ["ui.size", t("ui.size_of", { width: made.width ?? told.width, height: made.height ?? told.height })],
    ["ui.seed", made.seed],
    ["ui.steps", made.steps],
    ["ui.guidance", made.guidance_scale],
    ["ui.sampler", made.sampler],
    ["ui.gallery.lora", made.loras.map(({ name, weight }) => (weight === null ? name : `${name} ${weight}`)).join(", ") || null],
  ];
  return (
    <div className="facts">
      {made.prompt && <section><h2 className="label">{t("ui.prompt")}</h2><p dir="auto">{made.prompt}</p></section>}
      {made.negative_prompt && <section><h2 className="label">{t("ui.negative")}</h2><p dir="auto">{made.negative_prompt}</p></section>}
      <dl>
        {facts.map(([key, value]) => value !== null && (
          <div key={key}><dt>{t(key)}</dt><dd><bdi>{value}</bdi></dd></div>
        ))}
      </dl>
      {made.remarks.length > 0 && (
        <section>
          <h2 className="label">{t("ui.inspect.remarks")}</h2>
          {made.remarks.map((remark, place) => <p key={place} className="quiet">{remark.message}</p>)}
        </section>
      )}
    </div>
  );
}
